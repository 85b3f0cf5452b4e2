"""Windows of recordings, cut where the rows of a submission or of a validation say."""

import numpy as np
import soundfile

from birdlib.audio.cut import Cut
from birdlib.audio.padding import padded
from birdlib.audio.recording import DecodingMemory, RecordingInfo, at_rate, read
from birdlib.audio.samples import reason


def cut_windows(
    info: RecordingInfo,
    ends: list[float],
    *,
    window_seconds: float,
    sample_rate: int,
    row_seconds: float | None = None,
    padding: str = "zeros",
    memory: DecodingMemory | None = None,
) -> tuple[np.ndarray, str]:
    """Decode a recording once and cut the windows of rows that end at the given seconds; few of a long one are sought.

    Channels become one (see ``birdlib.audio.samples.mono``), other sample rates are resampled (soxr, high quality).
    A window that reaches over the end of the recording is padded; that of a row without any audio is filled with NaN.

    Args:
        ends: the rows' ends, in seconds from the start of the recording.
        row_seconds: of a row; longer windows hear what is around it, too (see ``Cut``). None: as long as a window.
        padding: of a window that is short of audio, as its model learnt it; see ``birdlib.audio.padding``.
        memory: to decode into; the windows may lie in it, so that the next recording overwrites them.

    Returns:
        The windows, float32 [len(ends), samples] in [-1, 1], and one line about damage ("" where there is none).

    Raises:
        OtherHeader: it is not the file that ``info`` is of.
    """
    # Of a recording that was cut off, what is left may be all that is asked for.
    missed = info.cut and max(ends, default=0) > info.seconds
    damage = f"{info.path.name}: {info.cut}" if missed else ""
    cut, row_seconds = Cut(window_seconds), row_seconds or window_seconds
    firsts = [end - row_seconds for end in ends]
    starts = [cut.start(first, row_seconds, info.seconds) for first in firsts]
    if 2 * len(ends) * window_seconds < info.seconds:
        return _read_by_position(info, firsts, starts, window_seconds, sample_rate, padding), damage
    broken = ""
    try:
        wave = read(info, 0, info.frames, memory)
    except (soundfile.SoundFileError, OSError) as error:
        broken = f"{info.path.name}: decoding fails ({reason(error)})"
    else:
        if len(wave) < info.frames:
            # Damaged pages are skipped by the decoder, so all that follows would come too early.
            broken = f"{info.path.name}: only {len(wave) / info.sample_rate:.1f} of {info.seconds:.1f} s can be decoded"
    if broken:
        return _read_by_position(info, firsts, starts, window_seconds, sample_rate, padding), broken
    wave = at_rate(wave, info.sample_rate, sample_rate)
    size = round(window_seconds * sample_rate)
    starts = [round(start * sample_rate) for start in starts]
    if starts and starts == list(range(starts[0], starts[0] + len(ends) * size, size)) and starts[0] >= 0:
        side_by_side = wave[starts[0] : starts[-1] + size]
        if len(side_by_side) == len(ends) * size:
            return side_by_side.reshape(len(ends), size), damage
    windows = np.empty((len(ends), size), np.float32)
    for row, (first, start) in enumerate(zip(firsts, starts, strict=True)):
        is_audible = round(first * sample_rate) < len(wave)
        _fill(windows[row], wave[start : start + size] if is_audible else wave[:0], padding)
    return windows, damage


def _read_by_position(
    info: RecordingInfo,
    firsts: list[float],
    starts: list[float],
    window_seconds: float,
    sample_rate: int,
    padding: str,
) -> np.ndarray:
    """Windows found by seeking one by one; those behind damage keep their place in time.

    firsts, starts: where the rows and their windows begin, in seconds.
    """
    windows = np.full((len(starts), round(window_seconds * sample_rate)), np.nan, np.float32)
    for row, (first, start) in enumerate(zip(firsts, starts, strict=True)):
        if first >= info.seconds:
            continue
        try:
            wave = read(info, round(start * info.sample_rate), round(window_seconds * info.sample_rate))
        except (soundfile.SoundFileError, OSError):
            continue
        _fill(windows[row], at_rate(wave, info.sample_rate, sample_rate), padding)
    return windows


def _fill(window: np.ndarray, wave: np.ndarray, padding: str) -> None:
    """The audio, padded; NaN where there is none."""
    window[:] = padded(wave, len(window), padding) if len(wave) else np.nan
