"""FLAC files: the streams that they hold, one after another, and the lengths of those."""

import mmap
import re

_TAILS = (1 << 16, 1 << 20)  # bytes in which the last frames are looked for
_LONGEST_HEADER = 17  # bytes
_STREAM_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # with the header of its first block
_FRAME_START = re.compile(rb"\xff[\xf8\xf9]")
_BLOCK_SIZES = (
    {1: 192} | {code: 576 << code - 2 for code in range(2, 6)} | {code: 256 << code - 8 for code in range(8, 16)}
)
_TOTAL_BITS = 36


def streams(content: mmap.mmap | bytes) -> tuple[list[bytes | None], str]:
    """The FLAC streams of a file, one after another, each with the length that it has; [None] where it says so.

    Returns:
        The streams, and one line about what is missing ("" if nothing).
    """
    begins = [match.start() for match in _STREAM_START.finditer(content)]
    if len(begins) < 2:
        changed, cut = _with_right_length(content)
        return [changed], cut
    parts = [content[begin:end] for begin, end in zip(begins, [*begins[1:], len(content)], strict=True)]
    fitted = [_with_right_length(part) for part in parts]
    return [changed or part for (changed, _), part in zip(fitted, parts, strict=True)], fitted[-1][1]


def _with_right_length(content: mmap.mmap | bytes) -> tuple[bytes | None, str]:
    """A stream with the number of samples in its header that its last frame ends at; None where it says so.

    Returns:
        That, and one line about what is missing ("" if nothing).
    """
    place = 8 + 10  # behind the marker, the block's header, and the sizes of blocks and frames
    fields = int.from_bytes(content[place : place + 8], "big")
    claim, rate = fields & ((1 << _TOTAL_BITS) - 1), fields >> 44
    begin, end = _last_frame(content, int.from_bytes(content[place - 10 : place - 8], "big"))
    if end == claim or not end:
        return None, ""
    cut = ""
    if claim > end:
        end = begin  # the last frame may be incomplete
        cut = f"the header says {claim / rate:.1f} s, the file holds {end / rate:.1f} s: cut off"
    changed = bytearray(content)
    changed[place : place + 8] = (fields - claim + end).to_bytes(8, "big")
    return bytes(changed), cut


def _last_frame(content: mmap.mmap | bytes, block_size: int) -> tuple[int, int]:
    """Where the last frame begins and ends, in samples; zeros where there is none."""
    for size in _TAILS:
        tail = content[max(0, len(content) - size) :]
        starts = (match.start() for match in _FRAME_START.finditer(tail))
        frames = [frame for start in starts if (frame := _frame(tail[start : start + _LONGEST_HEADER], block_size))]
        # What looks like a frame is one if it goes on where another ends.
        ends = {end for _, end in frames} | {0}
        if frames := [frame for frame in frames if frame[0] in ends]:
            return max(frames, key=lambda frame: frame[1])
    return 0, 0


def _frame(header: bytes, block_size: int) -> tuple[int, int] | None:
    """The first sample of the frame that a header begins, and the one behind its last; None if it is no header."""
    header = header.ljust(_LONGEST_HEADER, b"\0")
    size_code, rate_code = header[2] >> 4, header[2] & 15
    length = 8 - (header[4] ^ 0xFF).bit_length() or 1  # of the number, coded as UTF-8 codes a character
    if length == 8 or rate_code == 15 or not size_code:
        return None
    number = header[4] & (0x7F >> (length if length > 1 else 0))
    for byte in header[5 : 4 + length]:
        number = number << 6 | byte & 0x3F
    at = 4 + length
    if size_code in (6, 7):
        size = int.from_bytes(header[at : at + size_code - 5], "big") + 1
        at += size_code - 5
    else:
        size = _BLOCK_SIZES[size_code]
    at += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if _crc8(header[:at]) != header[at]:
        return None
    first = number if header[1] & 1 else number * block_size
    return first, first + size


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
