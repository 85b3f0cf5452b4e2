"""Recordings: lengths, decoding and 5-second windows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from birdlib.audio.samples import mono, reason
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class RecordingInfo:
    """What a recording's header says."""

    frames: int
    sample_rate: int
    channels: int

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate


def probe(path: Path) -> RecordingInfo:
    """Read a recording's header (milliseconds, whatever its length).

    Raises:
        BirdlibError: the file cannot be opened as audio; the text names it and says why.
    """
    if path.exists() and path.stat().st_size == 0:
        raise BirdlibError(f"{path.name}: the file is empty (0 bytes)")
    try:
        info = soundfile.info(str(path))
    except (soundfile.SoundFileError, OSError) as error:
        raise BirdlibError(f"{path.name}: cannot be read as audio ({reason(error)})") from error
    if info.frames == 0:
        raise BirdlibError(f"{path.name}: the file holds no audio")
    return RecordingInfo(info.frames, info.samplerate, info.channels)


class DecodingMemory:
    """Memory that recordings are decoded into, one after another: fresh memory for each costs a fifth of the time."""

    def __init__(self) -> None:
        self._samples = np.empty(0, np.float32)

    def of(self, frames: int, channels: int) -> np.ndarray:
        """float32 [frames, channels], which the next call overwrites."""
        if len(self._samples) < frames * channels:
            self._samples = np.empty(frames * channels, np.float32)
        return self._samples[: frames * channels].reshape(frames, channels)


def read_windows(
    path: Path,
    ends: list[float],
    *,
    window_seconds: float,
    sample_rate: int,
    memory: DecodingMemory | None = None,
) -> tuple[np.ndarray, str]:
    """Decode a recording once and cut the windows that end at the given seconds; few of a long one are sought.

    Channels are averaged, other sample rates are resampled (soxr, high quality). A window that reaches over the
    end of the recording is padded with zeros; a window without any audio is filled with NaN.

    Args:
        ends: the windows' ends, in seconds from the start of the recording.
        memory: to decode into; the windows may lie in it, so that the next recording overwrites them.

    Returns:
        The windows, float32 [len(ends), samples] in [-1, 1], and one line about damage ("" where there is none).

    Raises:
        BirdlibError: nothing of the file can be decoded.
    """
    info = probe(path)
    if 2 * len(ends) * window_seconds < info.seconds:
        return _read_by_position(path, info, ends, window_seconds, sample_rate), ""
    try:
        into = (memory or DecodingMemory()).of(info.frames, info.channels)
        wave, _ = soundfile.read(str(path), dtype="float32", always_2d=True, out=into)
    except (soundfile.SoundFileError, OSError) as error:
        wave, damage = None, f"{path.name}: decoding fails ({reason(error)})"
    else:
        damage = ""
        if len(wave) < info.frames:
            # Damaged pages are skipped by the decoder, so all that follows would come too early.
            damage = f"{path.name}: only {len(wave) / info.sample_rate:.1f} of {info.seconds:.1f} s can be decoded"
    if damage:
        return _read_by_position(path, info, ends, window_seconds, sample_rate), damage
    mono = _to_mono(wave, info.sample_rate, sample_rate)
    size = round(window_seconds * sample_rate)
    starts = [round((end - window_seconds) * sample_rate) for end in ends]
    if starts and starts == list(range(starts[0], starts[0] + len(ends) * size, size)) and starts[0] >= 0:
        side_by_side = mono[starts[0] : starts[-1] + size]
        if len(side_by_side) == len(ends) * size:
            return side_by_side.reshape(len(ends), size), ""
    windows = np.empty((len(ends), size), np.float32)
    for row, start in enumerate(starts):
        _fill(windows[row], mono[max(start, 0) : max(start + size, 0)])
    return windows, ""


def _read_by_position(
    path: Path, info: RecordingInfo, ends: list[float], window_seconds: float, sample_rate: int
) -> np.ndarray:
    """Windows found by seeking one by one; those behind damage keep their place in time."""
    windows = np.full((len(ends), round(window_seconds * sample_rate)), np.nan, np.float32)
    for row, end in enumerate(ends):
        start = max(round((end - window_seconds) * info.sample_rate), 0)
        try:
            with soundfile.SoundFile(str(path)) as file:
                file.seek(start)
                wave = file.read(round(window_seconds * info.sample_rate), dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError):
            continue
        _fill(windows[row], _to_mono(wave, info.sample_rate, sample_rate))
    return windows


def _fill(window: np.ndarray, wave: np.ndarray) -> None:
    """The audio, then zeros; NaN where there is none."""
    window[: len(wave)] = wave[: len(window)]
    window[len(wave) :] = 0.0 if len(wave) else np.nan


def _to_mono(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    one = mono(wave)
    return soxr.resample(one, from_rate, to_rate) if from_rate != to_rate and len(one) else one
