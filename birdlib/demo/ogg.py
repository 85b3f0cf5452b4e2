"""Ogg Vorbis files that are the same bytes each time they are written."""

import io
import os
from pathlib import Path

import numpy as np
import soundfile

from birdlib.audio.ogg_streams import page_checksum


def write_ogg(path: Path, wave: np.ndarray, sample_rate: int) -> None:
    """Writes float [samples] as mono Ogg Vorbis, whole or not at all; bytes vary with libsndfile alone."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample_rate, 1, format="OGG", subtype="VORBIS") as file:
        for start in range(0, len(wave), sample_rate):  # in pieces: libsndfile may crash on very long ones
            file.write(wave[start : start + sample_rate])
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(with_serial(buffer.getvalue(), serial=1))
    os.replace(temporary, path)


def with_serial(ogg: bytes, serial: int) -> bytes:
    """An Ogg file with another stream serial number (libsndfile draws one at random), checksums renewed."""
    pages, start = bytearray(ogg), 0
    while start < len(pages):
        segments = pages[start + 26]
        end = start + 27 + segments + sum(pages[start + 27 : start + 27 + segments])
        pages[start + 14 : start + 18] = serial.to_bytes(4, "little")
        pages[start + 22 : start + 26] = bytes(4)
        pages[start + 22 : start + 26] = page_checksum(bytes(pages[start:end])).to_bytes(4, "little")
        start = end
    return bytes(pages)
