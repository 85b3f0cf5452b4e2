"""Recordings whatever their headers say: lengths, decoding from end to end, windows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from birdlib.audio.links import links_of
from birdlib.audio.recording import RecordingInfo, frames_at
from birdlib.audio.samples import mono, reason
from birdlib.audio.windows import cut_windows
from birdlib.errors import BirdlibError

_BLOCK_SECONDS = 30  # decoded at a time, so that memory does not grow with a recording's length

_SLOWEST, _FASTEST = 1000, 1_000_000  # Hz; resampled, one of 1 Hz would fill any memory


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
    frames = sum(frames_at(link, rate) for link in links)
    if frames == 0:
        raise BirdlibError("the file holds no audio")
    if not _SLOWEST <= rate <= _FASTEST:
        raise BirdlibError(f"a sample rate of {rate} Hz, which no recording of birds has")
    return RecordingInfo(path, frames, rate, links[0].channels, tuple(links), cut)


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


def read_windows(path: Path, ends: list[float], **options: Any) -> tuple[np.ndarray, str]:
    """``birdlib.audio.windows.cut_windows`` of a file.

    Raises:
        BirdlibError: nothing of the file can be decoded.
    """
    return cut_windows(probe(path), ends, **options)
