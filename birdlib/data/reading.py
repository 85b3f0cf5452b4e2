"""Reading the audio of training recordings: whole ones piece by piece, clips by seeking."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from birdlib.audio.samples import mono, reason
from birdlib.errors import BirdlibError

_PIECE_SECONDS = 30  # decoded at a time, so that memory does not grow with a recording's length
_INEXACT_SECONDS = 0.1  # that a header may promise too much: MP3's are estimates


@dataclass(frozen=True)
class Decoded:
    """What is known of a recording once all of it was decoded.

    sha256: of its audio at its own rate: mono, int16, little-endian.
    """

    frames: int
    sample_rate: int
    channels: int
    sha256: str

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
    try:
        if path.stat().st_size == 0:
            raise BirdlibError("the file is empty (0 bytes)")
        with _opened(path) as file:
            rate, channels, promised = file.samplerate, file.channels, file.frames
            frames, digest = 0, hashlib.sha256()
            while frames < promised:
                size = min(_PIECE_SECONDS * rate, promised - frames)
                piece = mono(file.read(size, dtype="float32", always_2d=True))
                frames += len(piece)
                digest.update(as_int16(piece).astype("<i2", copy=False).data)
                if first is not None:
                    first.add(piece, rate, last=frames == promised)
                if len(piece) < size:
                    break  # damage, which the decoder skips: what comes next would have another place in time
    except FileNotFoundError:
        raise BirdlibError("there is no such file") from None
    except (soundfile.SoundFileError, OSError) as error:
        raise BirdlibError(f"cannot be read as audio ({reason(error)})") from None
    if frames == 0:
        raise BirdlibError("the file holds no audio")
    if promised - frames > _INEXACT_SECONDS * rate:
        raise BirdlibError(f"only {frames / rate:.1f} of {promised / rate:.1f} s can be decoded")
    return Decoded(frames, rate, channels, digest.hexdigest())


def read_clip(path: Path, start: float, seconds: float, sample_rate: int) -> np.ndarray:
    """A piece of a recording, found by seeking: float32 [up to seconds * sample_rate], mono.

    Channels are averaged, other sample rates are resampled (soxr, high quality).

    Args:
        start, seconds: where the piece starts, from the beginning of the recording, and how long it is.

    Raises:
        BirdlibError: nothing can be read there; the text names the file.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            file.seek(round(start * rate))
            wave = mono(file.read(round(seconds * rate), dtype="float32", always_2d=True))
    except (soundfile.SoundFileError, OSError) as error:
        raise BirdlibError(f"{path}: cannot be read at {start:.1f} s ({reason(error)})") from error
    if not len(wave):
        raise BirdlibError(f"{path}: there is no audio at {start:.1f} s; was the file replaced after the preparation?")
    if rate != sample_rate:
        wave = soxr.resample(wave, rate, sample_rate)
    return wave[: round(seconds * sample_rate)]


def as_int16(wave: np.ndarray) -> np.ndarray:
    """float32 in [-1, 1] to int16; what is louder is clipped."""
    return np.clip(np.rint(wave * 32768.0), -32768, 32767).astype(np.int16)


def _opened(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(str(path))
    except soundfile.SoundFileError:
        # What libsndfile says of a file that does not open is garbled where other threads open theirs.
        with path.open("rb") as file:
            start = file.read(8)
        raise BirdlibError(f"cannot be opened as audio (it starts with {start!r})") from None
