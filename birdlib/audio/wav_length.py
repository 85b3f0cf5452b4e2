"""WAV files whose header says another length than they have: streamed, cut off, or never finished."""

import mmap
import re
import struct
from collections.abc import Iterator

_STREAMED = 0x7FFF_F000  # what is written for a length that is not known: 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF and near


def with_right_length(content: mmap.mmap | bytes) -> tuple[bytes | None, str]:
    """The file with a length of its data that the file has; None where its header says so.

    libsndfile reads as far as the file goes where the header says more, but no further than a length that is too
    small, such as the 0 of a recorder whose battery ran out.

    Returns:
        That, and one line about what is missing ("" if nothing).
    """
    byte_rate = 0
    for name, begin, claim in _chunks(content):
        if name == b"fmt ":
            byte_rate = struct.unpack_from("<I", content, begin + 8)[0]
        if name != b"data":
            continue
        size = len(content) - begin
        if claim > size:
            if claim >= _STREAMED or not byte_rate:
                return None, ""
            seconds = f"the header says {claim / byte_rate:.1f} s, the file holds {size / byte_rate:.1f} s"
            return None, f"{seconds}: cut off"
        if _is_end(content, begin + claim + claim % 2) or _is_end(content, begin + claim):
            return None, ""
        changed = bytearray(content)
        struct.pack_into("<I", changed, begin - 4, min(size, 0xFFFF_FFFF))
        return bytes(changed), ""
    return None, ""


def _chunks(content: mmap.mmap | bytes, at: int = 12) -> Iterator[tuple[bytes, int, int]]:
    """Name, place of the contents, and claimed length of each chunk from a place on."""
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        yield name, at + 8, length
        at += 8 + length + length % 2


def _is_end(content: mmap.mmap | bytes, at: int) -> bool:
    """Whether no audio can be behind a place: other chunks, zeros or nothing."""
    names = [name for name, _, _ in _chunks(content, at)]
    return all(re.fullmatch(rb"[ -~]{4}", name) for name in names) or not content[at:].strip(b"\0")
