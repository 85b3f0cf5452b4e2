"""Recordings: lengths, decoding and 5-second windows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from birdlib.audio.cut import Cut
from birdlib.audio.links import Link, links_of
from birdlib.audio.padding import padded
from birdlib.audio.samples import mono, reason
from birdlib.errors import BirdlibError

_BLOCK_SECONDS = 30  # decoded at a time, so that memory does not grow with a recording's length

_SLOWEST, _FASTEST = 1000, 1_000_000  # Hz; resampled, one of 1 Hz would fill any memory


@dataclass(frozen=True)
class RecordingInfo:
    """What a recording holds.

    Attributes:
        frames: at the sample rate.
        sample_rate, channels: of the recording; of its first link, where later ones have others.
        links: what it is decoded from, one after another.
        cut: one line about what of the file cannot be used; "" where all can.
    """

    frames: int
    sample_rate: int
    channels: int
    links: tuple[Link, ...] = field(repr=False)
    cut: str = ""

    @classmethod
    def ordinary(cls, path: Path, frames: int, sample_rate: int, channels: int) -> "RecordingInfo":
        """Of a file whose header says what is known of it; if it does not, ``read`` raises OtherHeader."""
        return cls(frames, sample_rate, channels, (Link(frames, sample_rate, channels, path, frames),))

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate


class DecodingMemory:
    """Memory that recordings are decoded into, one after another: fresh memory for each costs a fifth of the time."""

    def __init__(self) -> None:
        self._samples = np.empty(0, np.float32)

    def of(self, frames: int, channels: int) -> np.ndarray:
        """float32 [frames, channels], which the next call overwrites."""
        if len(self._samples) < frames * channels:
            self._samples = np.empty(frames * channels, np.float32)
        return self._samples[: frames * channels].reshape(frames, channels)


def probe(path: Path) -> RecordingInfo:
    """Find out what a recording holds, from its headers where they can be trusted (milliseconds, whatever its length).

    Raises:
        BirdlibError: the file cannot be opened as audio; the text names it and says why.
    """
    try:
        return inspect(path)
    except BirdlibError as error:
        raise BirdlibError(f"{path.name}: {error}") from error


def inspect(path: Path) -> RecordingInfo:
    """As ``probe``, but the text of the error does not name the file."""
    try:
        if path.is_dir():
            raise BirdlibError("a folder, no file")
        if path.stat().st_size == 0:
            raise BirdlibError("the file is empty (0 bytes)")
        links, cut = links_of(path)
    except FileNotFoundError:
        raise BirdlibError("a link to nowhere" if path.is_symlink() else "there is no such file") from None
    except OSError as error:
        raise BirdlibError(f"cannot be read as audio ({reason(error)})") from None
    except soundfile.SoundFileError:
        # What libsndfile says of a file that does not open is garbled where other threads open theirs.
        with path.open("rb") as file:
            raise BirdlibError(f"cannot be read as audio (it starts with {file.read(8)!r})") from None
    rate = links[0].sample_rate
    frames = sum(_frames_at(link, rate) for link in links)
    if frames == 0:
        raise BirdlibError("the file holds no audio")
    if not _SLOWEST <= rate <= _FASTEST:
        raise BirdlibError(f"a sample rate of {rate} Hz, which no recording of birds has")
    return RecordingInfo(frames, rate, links[0].channels, tuple(links), cut)


def read(info: RecordingInfo, start: int, frames: int, memory: DecodingMemory | None = None) -> np.ndarray:
    """A piece of a recording, float32 [up to frames], mono, at the recording's sample rate.

    It is shorter where the recording ends, or where damage does not let it be decoded any further.

    Args:
        start: the piece's first sample, found by seeking.
        memory: to decode into; the piece may lie in it.

    Raises:
        soundfile.SoundFileError, OSError: decoding fails.
        OtherHeader: it is not the file that ``info`` is of.
    """
    memory = memory or DecodingMemory()
    pieces, begin = [], 0
    for link in info.links:
        end = begin + _frames_at(link, info.sample_rate)
        first, last = max(start, begin), min(start + frames, end)
        if first < last:
            piece = _read_link(link, first - begin, last - begin, info.sample_rate, memory)
            pieces.append(piece if len(info.links) == 1 else piece.copy())
            if len(piece) < last - first:
                break
        begin = end
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def blocks(info: RecordingInfo) -> Iterator[np.ndarray]:
    """Decode a recording from beginning to end, some seconds at a time: float32 [n], mono, at its sample rate.

    Raises:
        soundfile.SoundFileError, OSError: decoding fails.
    """
    for link in info.links:
        stream = None
        if link.sample_rate != info.sample_rate:
            stream = soxr.ResampleStream(link.sample_rate, info.sample_rate, 1, dtype="float32")
        for block in link.blocks(_BLOCK_SECONDS * link.sample_rate):
            wave = mono(block, link.sample_rate)
            yield stream.resample_chunk(wave) if stream else wave
        if stream:
            yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def read_windows(
    path: Path,
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
        BirdlibError: nothing of the file can be decoded.
    """
    info = probe(path)
    # Of a recording that was cut off, what is left may be all that is asked for.
    missed = info.cut and max(ends, default=0) > info.seconds
    damage = f"{path.name}: {info.cut}" if missed else ""
    cut, row_seconds = Cut(window_seconds), row_seconds or window_seconds
    firsts = [end - row_seconds for end in ends]
    starts = [cut.start(first, row_seconds, info.seconds) for first in firsts]
    if 2 * len(ends) * window_seconds < info.seconds:
        return _read_by_position(info, firsts, starts, window_seconds, sample_rate, padding), damage
    broken = ""
    try:
        wave = read(info, 0, info.frames, memory)
    except (soundfile.SoundFileError, OSError) as error:
        broken = f"{path.name}: decoding fails ({reason(error)})"
    else:
        if len(wave) < info.frames:
            # Damaged pages are skipped by the decoder, so all that follows would come too early.
            broken = f"{path.name}: only {len(wave) / info.sample_rate:.1f} of {info.seconds:.1f} s can be decoded"
    if broken:
        return _read_by_position(info, firsts, starts, window_seconds, sample_rate, padding), broken
    wave = _at_rate(wave, info.sample_rate, sample_rate)
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
        _fill(windows[row], _at_rate(wave, info.sample_rate, sample_rate), padding)
    return windows


def _read_link(link: Link, start: int, end: int, sample_rate: int, memory: DecodingMemory) -> np.ndarray:
    """Samples ``start`` to ``end``, counted at a sample rate, of a link: float32 [end - start or fewer]."""
    if link.sample_rate != sample_rate:
        wanted = end - start
        scale = link.sample_rate / sample_rate
        start, end = round(start * scale), min(round(end * scale), link.frames)
        wave = _at_rate(_read_link(link, start, end, link.sample_rate, memory), link.sample_rate, sample_rate)
        # Rounding may cost a sample, which does not say that the link is damaged.
        return np.pad(wave, (0, wanted - len(wave))) if 0 < wanted - len(wave) <= 2 else wave[:wanted]
    first, last = start, end
    if link.channels > 1:  # whole seconds, for each of which the channels are mixed in one way
        first = start // sample_rate * sample_rate
        last = min(-(-end // sample_rate) * sample_rate, link.frames)
    wave = link.read(first, memory.of(last - first, link.channels))
    return mono(wave, link.sample_rate)[start - first : end - first]


def _frames_at(link: Link, sample_rate: int) -> int:
    return round(link.frames * sample_rate / link.sample_rate)


def _fill(window: np.ndarray, wave: np.ndarray, padding: str) -> None:
    """The audio, padded; NaN where there is none."""
    window[:] = padded(wave, len(window), padding) if len(wave) else np.nan


def _at_rate(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    return soxr.resample(wave, from_rate, to_rate) if from_rate != to_rate and len(wave) else wave
