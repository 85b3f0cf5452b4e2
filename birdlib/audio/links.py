"""Links: the stretches of a file that libsndfile opens, each with a header that tells the truth."""

import io
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from birdlib.audio.flac_streams import streams as flac_streams
from birdlib.audio.mp3_frames import is_mp3, tag_end
from birdlib.audio.mp3_frames import streams as mp3_streams
from birdlib.audio.ogg_streams import streams as ogg_streams
from birdlib.audio.wav_length import with_right_length as wav_with_right_length

# Vorbis takes about 5 samples a byte for birdsong and a few hundred for silence.
_SAMPLES_PER_BYTE = 64
# libsndfile seeks into a Vorbis stream's last page with an error of some hundred samples. The longest page of the usual
# encoders has 255 packets of 1024 samples.
_LAST_PAGE_SECONDS = 10
_MP3 = "MPEG_LAYER_III"
_UNTAGGED = (b"OggS", b"fLaC", b"RIFF", b"RF64")  # no tag belongs before these, but taggers write one
_COUNTED_AT_A_TIME = 1 << 20  # frames


class OtherHeader(Exception):
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

    def open(self) -> soundfile.SoundFile:
        """Open it with libsndfile, which raises SoundFileError or OSError."""
        return _open(self.source)

    def read(self, start: int, out: np.ndarray) -> np.ndarray:
        """Fill ``out``, float32 [frames, channels], from a sample on; the part that could be filled comes back.

        Raises:
            OtherHeader: the header is not the one that was seen before.
            soundfile.SoundFileError, OSError: decoding fails.
        """
        with self.open() as file:
            if (file.frames, file.samplerate, file.channels) != (self.claim, self.sample_rate, self.channels):
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
        with self.open() as file:
            for done in range(0, self.frames, frames):
                wanted = min(frames, self.frames - done)
                if file.subtype == _MP3:  # soundfile seeks after each read
                    block = self.read(done, np.empty((wanted, self.channels), np.float32))
                else:
                    block = file.read(wanted, dtype="float32", always_2d=True)
                yield block
                if len(block) < wanted:
                    return  # damage, which the decoder skips: what comes next would have another place in time


def links_of(path: Path) -> tuple[list[Link], str]:
    """The links of a file, and one line about what of it is missing or cannot be used ("" if nothing).

    A header's length is a claim. Where it is wrong, the file is opened with another one; where a file holds several
    streams, one after another, they are opened apart: libsndfile reads the first one only.

    Raises:
        soundfile.SoundFileError, OSError: the file, or its first link, cannot be opened.
    """
    with path.open("rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            size = len(content)
            try:
                sources, cut = _sources(content)
            except (IndexError, struct.error, ZeroDivisionError):
                sources, cut = [None], ""  # a header that ends too early, or makes no sense: libsndfile says so
    links: list[Link] = []
    for number, source in enumerate(sources, 1):
        try:
            links.append(_link(path, size) if source is None else _link(source, len(source)))
        except (soundfile.SoundFileError, OSError):
            if not links:
                raise
            return links, f"{len(sources)} streams in one file, of which number {number} cannot be decoded: cut there"
    return links, cut


def _sources(content: mmap.mmap | bytes) -> tuple[list[bytes | None], str]:
    """What to open, one after another, None for the file as it is; and one line about what is missing."""
    start = content[:4]
    if (begin := tag_end(content)) and content[begin : begin + 4] in _UNTAGGED:
        untagged = content[begin:]
        sources, cut = _sources(untagged)
        return [untagged if source is None else source for source in sources], cut
    if start == b"OggS":
        return ogg_streams(content)
    if start == b"fLaC":
        return flac_streams(content)
    if start in (b"RIFF", b"RF64"):
        changed, cut = wav_with_right_length(content)
        return [changed], cut
    streams, cut = mp3_streams(content) if is_mp3(content) else ([], "")
    return streams or [None], cut


def _open(source: Path | bytes) -> soundfile.SoundFile:
    return soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source))


def _link(source: Path | bytes, size: int) -> Link:
    """Opens a source of so many bytes for its length, which is counted where the header's is not plausible."""
    with _open(source) as file:
        frames, header = file.frames, (file.samplerate, file.channels, source, file.frames)
    if frames > _SAMPLES_PER_BYTE * size:
        frames = sum(len(block) for block in Link(frames, *header).blocks(_COUNTED_AT_A_TIME))
    return Link(frames, *header)
