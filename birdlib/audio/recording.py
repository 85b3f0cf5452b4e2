"""Recordings of which it is known what they hold: reading pieces of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from birdlib.audio.link import Link, OtherHeader
from birdlib.audio.samples import mono, reason
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class RecordingInfo:
    """What a recording holds.

    Attributes:
        path: of the file.
        frames: at the sample rate.
        sample_rate, channels: of the recording; of its first link, where later ones have others.
        links: what it is decoded from, one after another.
        cut: one line about what of the file cannot be used; "" where all can.
    """

    path: Path
    frames: int
    sample_rate: int
    channels: int
    links: tuple[Link, ...] = field(repr=False)
    cut: str = ""

    @classmethod
    def ordinary(cls, path: Path, frames: int, sample_rate: int, channels: int) -> "RecordingInfo":
        """Of a file whose header says what is known of it; if it does not, ``read`` raises OtherHeader."""
        return cls(path, frames, sample_rate, channels, (Link(frames, sample_rate, channels, path, frames),))

    @property
    def is_ordinary(self) -> bool:
        """Whether libsndfile reads the file as it is, with the length that its header says."""
        return [(link.source, link.claim) for link in self.links] == [(self.path, self.frames)]

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
        end = begin + frames_at(link, info.sample_rate)
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


def read_clip(
    info: RecordingInfo,
    start: float,
    seconds: float,
    sample_rate: int,
    look_again: Callable[[Path], RecordingInfo] | None = None,
) -> np.ndarray:
    """A piece of a recording, found by seeking: float32 [up to seconds * sample_rate], mono.

    Channels become one (see ``birdlib.audio.samples.mono``), other sample rates are resampled (soxr, high quality).

    Args:
        start, seconds: where the piece starts, from the beginning of the recording, and how long it is.
        look_again: finds out what a file holds that cannot be read as ``info`` says; None where that is a fault.

    Raises:
        BirdlibError: nothing can be read there; the text names the file.
    """
    try:
        wave = read(info, round(start * info.sample_rate), round(seconds * info.sample_rate))
    except (BirdlibError, soundfile.SoundFileError, OSError) as error:
        if look_again and not isinstance(error, OSError):
            return read_clip(look_again(info.path), start, seconds, sample_rate)
        why = str(error) if isinstance(error, OtherHeader) else reason(error)
        why = why if info.path.exists() else "there is no such file"
        advice = "; was it replaced after the preparation?" if isinstance(error, OtherHeader) else ""
        raise BirdlibError(f"{info.path}: cannot be read at {start:.1f} s ({why}){advice}") from error
    if not len(wave):
        raise BirdlibError(f"{info.path}: there is no audio at {start:.1f} s; was it replaced after the preparation?")
    return at_rate(wave, info.sample_rate, sample_rate)[: round(seconds * sample_rate)]


def _read_link(link: Link, start: int, end: int, sample_rate: int, memory: DecodingMemory) -> np.ndarray:
    """Samples ``start`` to ``end``, counted at a sample rate, of a link: float32 [end - start or fewer]."""
    if link.sample_rate != sample_rate:
        wanted = end - start
        scale = link.sample_rate / sample_rate
        start, end = round(start * scale), min(round(end * scale), link.frames)
        wave = at_rate(_read_link(link, start, end, link.sample_rate, memory), link.sample_rate, sample_rate)
        # Rounding may cost a sample, which does not say that the link is damaged.
        return np.pad(wave, (0, wanted - len(wave))) if 0 < wanted - len(wave) <= 2 else wave[:wanted]
    first, last = start, end
    if link.channels > 1:  # whole seconds, for each of which the channels are mixed in one way
        first = start // sample_rate * sample_rate
        last = min(-(-end // sample_rate) * sample_rate, link.frames)
    wave = link.read(first, memory.of(last - first, link.channels))
    return mono(wave, link.sample_rate)[start - first : end - first]


def frames_at(link: Link, sample_rate: int) -> int:
    """The samples of a link once it is at a sample rate."""
    return round(link.frames * sample_rate / link.sample_rate)


def at_rate(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """A wave, float32 [n], at another sample rate (soxr, high quality)."""
    return soxr.resample(wave, from_rate, to_rate) if from_rate != to_rate and len(wave) else wave
