"""Links: the stretches of a file that libsndfile opens, each with a header that tells the truth."""

import io
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

# Vorbis takes about 5 samples a byte for birdsong and a few hundred for silence.
_SAMPLES_PER_BYTE = 64
# libsndfile seeks into a Vorbis stream's last page with an error of some hundred samples. 255 packets of 1024 samples, at
# 32 kHz, are the longest page of the usual encoders.
_LAST_PAGE_SECONDS = 10
_COUNTED_AT_A_TIME = 1 << 20  # frames
_OGG, _OGG_BEGIN = b"OggS", b"OggS\x00\x02"


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
            ahead = 0
            if file.subtype == "VORBIS":
                ahead = min(start, max(0, start - (self.frames - _LAST_PAGE_SECONDS * self.sample_rate)))
            if start:
                file.seek(start - ahead)
            if ahead:
                file.read(ahead, dtype="float32")
            return file.read(len(out), dtype="float32", always_2d=True, out=out)

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Decode it from beginning to end: float32 [up to frames, channels] each."""
        with self.open() as file:
            for done in range(0, self.frames, frames):
                wanted = min(frames, self.frames - done)
                block = file.read(wanted, dtype="float32", always_2d=True)
                yield block
                if len(block) < wanted:
                    return  # damage, which the decoder skips: what comes next would have another place in time


def links_of(path: Path) -> tuple[list[Link], str]:
    """The links of a file, and one line about what of it cannot be used ("" if nothing).

    An ogg file may hold several streams, one after another; libsndfile reads the first one and takes the length
    from the last one. So they are opened apart.

    Raises:
        soundfile.SoundFileError, OSError: the file, or its first link, cannot be opened.
    """
    with path.open("rb") as file:
        if file.read(4) != _OGG:
            return [_link(path, path.stat().st_size)], ""
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            begins = _ogg_begins(content)
            if len(begins) < 2:
                return [_link(path, len(content))], ""
            parts = [content[begin:end] for begin, end in zip(begins, [*begins[1:], len(content)], strict=True)]
    links = [_link(parts[0], len(parts[0]))]
    for number, part in enumerate(parts[1:], 2):
        try:
            links.append(_link(part, len(part)))
        except (soundfile.SoundFileError, OSError):
            return links, f"{len(parts)} streams in one file, of which number {number} cannot be decoded: cut there"
    return links, ""


def _ogg_begins(content: mmap.mmap) -> list[int]:
    """Where the links of an ogg file begin: at pages that begin a stream, but for those right behind another such."""
    begins, behind, at = [0], _page_end(content, 0), 0
    while (at := content.find(_OGG_BEGIN, at + 1)) >= 0:
        if at != behind:  # else it is a stream beside, such as a skeleton
            begins.append(at)
        behind = _page_end(content, at)
    return begins


def _page_end(content: mmap.mmap, begin: int) -> int:
    segments = content[begin + 26] if begin + 26 < len(content) else 0
    return begin + 27 + segments + sum(content[begin + 27 : begin + 27 + segments])


def _open(source: Path | bytes) -> soundfile.SoundFile:
    return soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source))


def _link(source: Path | bytes, size: int) -> Link:
    """Opens a source of so many bytes for its length, which is counted where the header's is not plausible."""
    with _open(source) as file:
        frames, header = file.frames, (file.samplerate, file.channels, source, file.frames)
    if frames > _SAMPLES_PER_BYTE * size:
        frames = sum(len(block) for block in Link(frames, *header).blocks(_COUNTED_AT_A_TIME))
    return Link(frames, *header)
