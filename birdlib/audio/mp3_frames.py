"""MP3 files: a row of frames, whose number no header needs to tell, and some tell wrong."""

import mmap
import re
from collections.abc import Iterator

_SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")  # layer III of MPEG 2.5, 2 and 1
_KILOBITS = {
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_ENOUGH = 3  # frames in a row that are no accident
_LOOKED_AT = 1 << 16  # bytes, for the first of them


def is_mp3(content: mmap.mmap | bytes) -> bool:
    """Whether a file, of no other known format, may be an MP3 file: it begins with a tag, a frame, or a bit of one."""
    return content[:3] == b"ID3" or next(_frames(content[:_LOOKED_AT]), None) is not None


def streams(content: mmap.mmap | bytes) -> tuple[list[bytes | None], str]:
    """The streams of an MP3 file, one after another, each with an index that tells its length; None if it has it.

    Without an index libsndfile takes the length from the first frame's size and the file's: of a recording that
    begins quietly it loses two thirds. It also stops at the index of the first of several files in one, and where
    the sample rate or the channels change.

    Returns:
        The streams, none if there are no frames, and one line about what is missing ("" if nothing).
    """
    runs: list[list[tuple[int, int]]] = []
    kind = None
    for begin, end in _frames(content):
        header = content[begin : begin + 4]
        if kind != (kind := (header[1] & 0xFE, header[2] & 0x0C, header[3] >= 0xC0)):
            runs.append([])
        runs[-1].append((begin, end))
    if not runs:
        return [], ""
    claim, frames = _indexed(content, *runs[0][0]), sum(map(len, runs)) - 1
    if claim == frames and len(runs) == 1:
        return [None], ""
    cut = ""
    if _frame_size(content[runs[-1][-1][1] :][:4]) > len(content) - runs[-1][-1][1]:
        cut = "the last frame is not complete: cut off"
    if claim and claim > frames + 1:
        cut = f"the index says {claim} frames, the file holds {frames}: cut off"
    return [_with_index(content, run) for run in runs if len(run) > 1], cut


def _frames(content: mmap.mmap | bytes) -> Iterator[tuple[int, int]]:
    """Where each frame begins and ends; whatever lies between them is skipped."""
    at = 0
    while at < len(content):
        if end := _frame_end(content, at):
            yield at, end
            at = end
        else:
            at = _next_frame(content, at)


def tag_end(content: mmap.mmap | bytes, at: int = 0) -> int:
    """Where an ID3 tag that begins at a place ends; the place itself if there is none."""
    if content[at : at + 3] != b"ID3":
        return at
    size = content[at + 6 : at + 10]
    return at + 10 + sum(byte << 7 * place for place, byte in enumerate(reversed(size)))


def _next_frame(content: mmap.mmap | bytes, at: int) -> int:
    """The place of the next frame that others follow; the file's end if there is none."""
    at = tag_end(content, at)
    for match in _SYNC.finditer(content, at):
        end = match.start()
        for _ in range(_ENOUGH):
            end = _frame_end(content, end) if end < len(content) else end
            if not end:
                break
        else:
            return match.start()
    return len(content)


def _frame_end(content: mmap.mmap | bytes, at: int) -> int:
    """Where the frame at a place ends; 0 where there is no whole frame."""
    end = at + _frame_size(content[at : at + 4])
    return end if at < end <= len(content) else 0


def _frame_size(header: bytes) -> int:
    """Bytes of a frame by its header, 0 if it is none or they cannot be known."""
    if len(header) < 4 or not _SYNC.match(header):
        return 0
    version, bit_rate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if not 0 < bit_rate < 15 or rate == 3:
        return 0
    samples, table = (144, _KILOBITS[1]) if version == 3 else (72, _KILOBITS[2])
    return samples * 1000 * table[bit_rate - 1] // _RATES[version][rate] + (header[2] >> 1 & 1)


def _side_info(header: bytes) -> int:
    """Bytes between a frame's header and what it holds; an index lies there."""
    mono = header[3] >= 0xC0
    if header[1] & 8:  # MPEG 1
        return 17 if mono else 32
    return 9 if mono else 17


def _indexed(content: mmap.mmap | bytes, begin: int, end: int) -> int | None:
    """The frames that the index in a frame tells, None where the frame is none."""
    frame = content[begin:end]
    at = 4 + _side_info(frame)
    if frame[at : at + 4] in (b"Xing", b"Info") and frame[at + 7] & 1:
        return int.from_bytes(frame[at + 8 : at + 12], "big")
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big")
    return None


def _with_index(content: mmap.mmap | bytes, run: list[tuple[int, int]]) -> bytes:
    """A stream of frames behind a frame that says how many they are."""
    frames = [(begin, end) for begin, end in run if _indexed(content, begin, end) is None]
    header = content[run[0][0] : run[0][0] + 4]
    # Without a checksum, and with a bit rate that gives room enough.
    header = bytes([header[0], header[1] | 1, header[2] & 0x0C | 9 << 4, header[3]])
    index = bytes(_side_info(header)) + b"Info" + (1).to_bytes(4, "big") + len(frames).to_bytes(4, "big")
    return (header + index).ljust(_frame_size(header), b"\0") + b"".join(content[begin:end] for begin, end in frames)
