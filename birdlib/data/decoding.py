"""Decoding whole recordings, piece by piece: lengths, fingerprints, faults."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from birdlib.audio.link import INEXACT_SECONDS
from birdlib.audio.recordings import blocks, inspect
from birdlib.audio.samples import is_silent, reason
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class Decoded:
    """What is known of a recording once all of it was decoded.

    Attributes:
        sha256: of its audio at its own rate: mono, int16, little-endian.
        cut: one line about what of the file is missing or cannot be used; "" where nothing is.
        silent: nothing can be heard in it.
        is_ordinary: whether libsndfile reads the file as it is, with the length that its header says.
    """

    frames: int
    sample_rate: int
    channels: int
    sha256: str
    cut: str = ""
    silent: bool = False
    is_ordinary: bool = True

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
    if info.frames - frames > INEXACT_SECONDS * info.sample_rate:
        raise BirdlibError(f"only {frames / info.sample_rate:.1f} of {info.seconds:.1f} s can be decoded")
    return Decoded(
        frames, info.sample_rate, info.channels, digest.hexdigest(), info.cut, silent, is_ordinary=info.is_ordinary
    )


def write_copy(path: Path, copy: Path) -> None:
    """Write a recording's samples (mono, float32) to a file that libsndfile reads as it is.

    Raises:
        BirdlibError: the recording cannot be decoded, or the disk is full.
    """
    info = inspect(path)
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        with soundfile.SoundFile(copy, "w", info.sample_rate, 1, subtype="FLOAT", format="W64") as file:
            for piece in blocks(info):
                file.write(piece)
    except (soundfile.SoundFileError, OSError) as error:
        raise BirdlibError(f"{copy}: cannot be written ({reason(error)}); is the disk full?") from None


def as_int16(wave: np.ndarray) -> np.ndarray:
    """float32 in [-1, 1] to int16; what is louder is clipped."""
    return np.clip(np.rint(wave * 32768.0), -32768, 32767).astype(np.int16)
