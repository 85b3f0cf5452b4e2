"""A link: one stream of audio, as libsndfile reads it."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from birdlib.errors import BirdlibError

# libsndfile seeks into a Vorbis stream's last page with an error of some hundred samples. The longest page of the usual
# encoders has 255 packets of 1024 samples.
_LAST_PAGE_SECONDS = 10
_MP3 = "MPEG_LAYER_III"
INEXACT_SECONDS = 0.1  # that a header may promise too much: MP3's are estimates


class OtherHeader(BirdlibError):
    """A file's header says something else than was expected."""


@dataclass(frozen=True)
class Link:
    """One stream of audio.

    Attributes:
        frames: samples of each channel.
        source: the file, or its bytes where the stream is a part of the file or has another header there.
        claim: frames by the header; where it is another one, ``read`` refuses the file.
    """

    frames: int
    sample_rate: int
    channels: int
    source: Path | bytes = field(repr=False)
    claim: int

    def read(self, start: int, out: np.ndarray) -> np.ndarray:
        """Fill ``out``, float32 [frames, channels], from a sample on; the part that could be filled comes back.

        Raises:
            OtherHeader: the header is not the one that was seen before.
            soundfile.SoundFileError, OSError: decoding fails.
        """
        with open_source(self.source) as file:
            other = (file.samplerate, file.channels) != (self.sample_rate, self.channels)
            if other or abs(file.frames - self.claim) > INEXACT_SECONDS * self.sample_rate:
                raise OtherHeader(f"{file.frames} frames instead of {self.claim}")
            ahead = 0  # samples that are decoded before, since seeking alone is not exact
            if file.subtype == "VORBIS":
                ahead = max(0, start - (self.frames - _LAST_PAGE_SECONDS * self.sample_rate))
            elif file.subtype == _MP3:
                ahead = self.sample_rate // 2  # frames build on what those before them left
            ahead = min(start, ahead)
            if start:
                file.seek(start - ahead)
            if ahead:
                return file.read(ahead + len(out), dtype="float32", always_2d=True)[ahead:]
            return file.read(len(out), dtype="float32", always_2d=True, out=out)

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Decode it from beginning to end: float32 [up to frames, channels] each."""
        with open_source(self.source) as file:
            for done in range(0, self.frames, frames):
                wanted = min(frames, self.frames - done)
                if file.subtype == _MP3:  # soundfile seeks after each read
                    block = self.read(done, np.empty((wanted, self.channels), np.float32))
                else:
                    block = file.read(wanted, dtype="float32", always_2d=True)
                yield block
                if len(block) < wanted:
                    return  # damage, which the decoder skips: what comes next would have another place in time


def open_source(source: Path | bytes) -> soundfile.SoundFile:
    """A file, or its bytes, opened with libsndfile, which raises SoundFileError or OSError."""
    return soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source))
