"""Reading the audio of training recordings: whole ones piece by piece, clips by seeking."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from birdlib.audio.links import OtherHeader
from birdlib.audio.recordings import RecordingInfo, blocks, inspect, read
from birdlib.audio.samples import is_silent, reason
from birdlib.errors import BirdlibError

_INEXACT_SECONDS = 0.1  # that a header may promise too much: MP3's are estimates


@dataclass(frozen=True)
class Decoded:
    """What is known of a recording once all of it was decoded.

    Attributes:
        sha256: of its audio at its own rate: mono, int16, little-endian.
        cut: one line about what of the file is missing or cannot be used; "" where nothing is.
        silent: nothing can be heard in it.
    """

    frames: int
    sample_rate: int
    channels: int
    sha256: str
    cut: str = ""
    silent: bool = False

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate


class Resampled:
    """Takes the pieces of a recording and hands over its first samples, float32, at another rate.

    Attributes:
        pieces: what came out so far.
        left: samples that are still wanted.
    """

    def __init__(self, samples: int, sample_rate: int) -> None:
        self.left = samples
        self.sample_rate = sample_rate
        self.pieces: list[np.ndarray] = []
        self._stream: soxr.ResampleStream | None = None

    def add(self, piece: np.ndarray, rate: int, *, last: bool) -> None:
        """A piece of a mono recording, float32 [n]."""
        if self.left <= 0:
            return
        if rate != self.sample_rate:
            if self._stream is None:
                self._stream = soxr.ResampleStream(rate, self.sample_rate, 1, dtype="float32")
            piece = self._stream.resample_chunk(piece, last=last)
        self.pieces.append(piece[: self.left])
        self.left -= len(self.pieces[-1])


def decode(path: Path, first: Resampled | None = None) -> Decoded:
    """Decode a recording from beginning to end, for its length and its fingerprint.

    first: takes the recording's start on the way.
    Raises BirdlibError if the file cannot be decoded as far as its header says; the text does not name it.
    """
    info = inspect(path)
    frames, digest, silent = 0, hashlib.sha256(), True
    try:
        for piece in blocks(info):
            frames += len(piece)
            silent = silent and is_silent(piece, info.sample_rate)
            digest.update(as_int16(piece).astype("<i2", copy=False).data)
            if first is not None:
                first.add(piece, info.sample_rate, last=frames == info.frames)
    except (soundfile.SoundFileError, OSError) as error:
        raise BirdlibError(f"cannot be decoded beyond {frames / info.sample_rate:.1f} s ({reason(error)})") from None
    if frames == 0:
        raise BirdlibError("the file holds no audio")
    if info.frames - frames > _INEXACT_SECONDS * info.sample_rate:
        raise BirdlibError(f"only {frames / info.sample_rate:.1f} of {info.seconds:.1f} s can be decoded")
    return Decoded(frames, info.sample_rate, info.channels, digest.hexdigest(), info.cut, silent)


def read_clip(
    path: Path, start: float, seconds: float, sample_rate: int, expected: RecordingInfo | None = None
) -> np.ndarray:
    """A piece of a recording, found by seeking: float32 [up to seconds * sample_rate], mono.

    Channels become one (see ``birdlib.audio.samples.mono``), other sample rates are resampled (soxr, high quality).

    Args:
        start, seconds: where the piece starts, from the beginning of the recording, and how long it is.
        expected: what the file holds if it is an ordinary one; spares looking for odd ones.

    Raises:
        BirdlibError: nothing can be read there; the text names the file.
    """
    try:
        wave, rate = _read_piece(path, start, seconds, expected)
    except BirdlibError as error:
        raise BirdlibError(f"{path}: cannot be read at {start:.1f} s ({error})") from error
    except (soundfile.SoundFileError, OSError) as error:
        raise BirdlibError(f"{path}: cannot be read at {start:.1f} s ({reason(error)})") from error
    if not len(wave):
        raise BirdlibError(f"{path}: there is no audio at {start:.1f} s; was the file replaced after the preparation?")
    if rate != sample_rate:
        wave = soxr.resample(wave, rate, sample_rate)
    return wave[: round(seconds * sample_rate)]


def _read_piece(path: Path, start: float, seconds: float, expected: RecordingInfo | None) -> tuple[np.ndarray, int]:
    """Samples and their rate."""
    if expected:
        try:
            return _read_at(expected, start, seconds)
        except (OtherHeader, soundfile.SoundFileError):
            pass  # it is an odd one, or damaged
    return _read_at(inspect(path), start, seconds)


def _read_at(info: RecordingInfo, start: float, seconds: float) -> tuple[np.ndarray, int]:
    return read(info, round(start * info.sample_rate), round(seconds * info.sample_rate)), info.sample_rate


def as_int16(wave: np.ndarray) -> np.ndarray:
    """float32 in [-1, 1] to int16; what is louder is clipped."""
    return np.clip(np.rint(wave * 32768.0), -32768, 32767).astype(np.int16)
