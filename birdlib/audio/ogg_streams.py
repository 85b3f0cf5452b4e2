"""Ogg files: the streams that they hold, one after another, and the lengths of those."""

import mmap
import zlib

_PAGE, _FIRST_PAGE = b"OggS\x00", b"OggS\x00\x02"
_HEADER = 27  # bytes of a page before its table of segments
_IDENTIFICATION = 30  # bytes of a stream's first packet that tell the codec and its blocks
_LAST = 4  # a flag
_UNBELIEVABLE = 1 << 40  # samples
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def streams(content: mmap.mmap | bytes) -> tuple[list[bytes | None], str]:
    """The streams of an ogg file, one after another; [None] where it holds one whose length is right.

    libsndfile takes the length from the file's last page, whichever stream that belongs to, and opens no stream that
    lies behind a skeleton.

    Returns:
        The streams, and one line about what is missing ("" if nothing).
    """
    begins, behind, at = [0], _page_end(content, 0), 0
    while (at := content.find(_FIRST_PAGE, at + 1)) >= 0:
        if at != behind:  # else it is a stream beside the one before, such as a skeleton
            begins.append(at)
        behind = _page_end(content, at)
    if len(begins) == 1 and not _has_skeleton(content):
        return [_with_right_length(content)], _missing(content)
    parts = [content[begin:end] for begin, end in zip(begins, [*begins[1:], len(content)], strict=True)]
    cut = next(filter(None, map(_missing, parts)), "")
    parts = [_without_skeleton(part) if _has_skeleton(part) else part for part in parts]
    return [_with_right_length(part) or part for part in parts], cut


def _missing(content: mmap.mmap | bytes) -> str:
    """What tells that the end is missing; "" if nothing."""
    last = content.rfind(_PAGE)
    if _page_end(content, last) > len(content):
        return "the last page is not complete: cut off"
    if not content[last + 5] & _LAST:
        return "there is no mark of the end: cut off, or recorded from a live stream"
    return ""


def _has_skeleton(content: mmap.mmap | bytes) -> bool:
    return content[_HEADER + content[26] : _HEADER + content[26] + 8] == b"fishead\0"


def _without_skeleton(content: bytes) -> bytes:
    """The pages of all streams but the first."""
    pages, at, skeleton = [], 0, content[14:18]
    while (at := content.find(_PAGE, at)) >= 0:
        if content[at + 14 : at + 18] != skeleton:
            pages.append(content[at : _page_end(content, at)])
        at = max(_page_end(content, at), at + 1)
    return b"".join(pages)


def page_checksum(page: bytes) -> int:
    """The checksum of an Ogg page whose checksum field is zero (RFC 3533).

    Ogg's CRC takes bits from the high end, zlib's from the low end and inverts before and after:
    so bits are reversed on the way in and out, and the inversions undone.
    """
    crc = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)


def _with_right_length(content: mmap.mmap | bytes) -> bytes | None:
    """A stream with a length that nobody believes, so that it is counted; None where its own may be right.

    A page tells the place of the last sample that it completes. The last one's may be less than its packets hold,
    since the end is trimmed so, but not less than the page's before it, and not more.
    """
    last = content.rfind(_PAGE)
    if _page_end(content, last) > len(content):
        last = content.rfind(_PAGE, 0, last)
    before = content.rfind(_PAGE, 0, last)
    while before > 0 and _place(content, before) < 0:  # no packet ends there
        before = content.rfind(_PAGE, 0, before)
    if before <= 0 or (start := _place(content, before)) <= 0:
        return None
    table = content[last + _HEADER : last + _HEADER + content[last + 26]]
    most = sum(length < 255 for length in table) * _longest_packet(content)
    if not most or start <= _place(content, last) <= start + most:
        return None
    page = bytearray(content[last : _page_end(content, last)])
    page[6:14] = (start + _UNBELIEVABLE).to_bytes(8, "little")
    page[22:26] = bytes(4)
    page[22:26] = page_checksum(bytes(page)).to_bytes(4, "little")
    return content[:last] + bytes(page)


def _longest_packet(content: mmap.mmap | bytes) -> int:
    """Samples that a packet of the first stream can have at most; 0 for an unknown codec."""
    first = content[_HEADER + content[26] :][:_IDENTIFICATION]
    if first.startswith(b"\x01vorbis"):
        return (1 << (first[28] >> 4)) // 2
    if first.startswith(b"OpusHead"):
        return 5760  # at 48 kHz, whatever the stream's rate
    return 65_535 if first.startswith(b"\x7fFLAC") else 0


def _place(content: mmap.mmap | bytes, page: int) -> int:
    return int.from_bytes(content[page + 6 : page + 14], "little", signed=True)


def _page_end(content: mmap.mmap | bytes, page: int) -> int:
    table = content[page + _HEADER : page + _HEADER + (content[page + 26] if page + 26 < len(content) else 0)]
    return page + _HEADER + len(table) + sum(table)
