"""The links of a file: the stretches that libsndfile opens, each with a header that tells the truth."""

import mmap
import struct
from pathlib import Path

import soundfile

from birdlib.audio.flac_streams import streams as flac_streams
from birdlib.audio.link import Link, open_source
from birdlib.audio.mp3_frames import is_mp3, tag_end
from birdlib.audio.mp3_frames import streams as mp3_streams
from birdlib.audio.ogg_streams import streams as ogg_streams
from birdlib.audio.wav_length import with_right_length as wav_with_right_length

# Vorbis takes about 5 samples a byte for birdsong and a few hundred for silence.
_SAMPLES_PER_BYTE = 64
_UNTAGGED = (b"OggS", b"fLaC", b"RIFF", b"RF64")  # no tag belongs before these, but taggers write one
_COUNTED_AT_A_TIME = 1 << 20  # frames


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


def _link(source: Path | bytes, size: int) -> Link:
    """Opens a source of so many bytes for its length, which is counted where the header's is not plausible."""
    with open_source(source) as file:
        frames, header = file.frames, (file.samplerate, file.channels, source, file.frames)
    if frames > _SAMPLES_PER_BYTE * size:
        frames = sum(len(block) for block in Link(frames, *header).blocks(_COUNTED_AT_A_TIME))
    return Link(frames, *header)
