"""The bytes of a file whose cell was edited: what a cell cannot say stays as it was."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

from kernelgen.inlining.library import BOM
from kernelgen.pulling.cells import with_newlines

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")


def as_edited(body: str, data: bytes, like: bytes) -> bytes:
    """The file that a cell's edited ``body`` means.

    Editors change line ends and drop the last newline, and with a cell's metadata goes what it says of a BOM and
    of a missing final newline. In all this the file stays like the one that was built.

    Args:
        body: what stands below the line of ``%%writefile``.
        data: the file that it makes if nothing is known of an earlier one.
        like: the file as it was before the edit.
    """
    try:
        old = like.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError:  # it was not the magic that carried it
        return data
    text, newlines = _apart(with_newlines(body))
    old_text, old_newlines = _apart(with_newlines(old))
    # Of a single newline at the end of the file there is nothing in the cell.
    written = old_newlines if old_newlines > 1 else 0
    unsaid = newlines <= max(written, 1)
    if text == old_text and unsaid:
        return like
    if not text:
        return b""
    if text != old_text and unsaid and _last_line(text) == _last_line(old_text):
        newlines = old_newlines
    elif newlines or old_newlines or not old_text:
        newlines = max(newlines, 1)
    mark = BOM if like.startswith(BOM) else b""
    return mark + with_line_ends(text + "\n" * newlines, old).encode("utf-8")


def with_line_ends(text: str, like: str) -> str:
    """A text of ``\\n`` lines with the line ends of an earlier one: of the same lines, and else its commonest."""
    if "\r" not in like:
        return text
    lines = [match.groups() for match in _LINE.finditer(like) if match[0]]
    common = Counter(end for _, end in lines if end).most_common(1)[0][0]
    new = text.split("\n")
    ends = [common] * (len(new) - 1) + [""]
    matcher = SequenceMatcher(None, [line for line, _ in lines], new, autojunk=False)
    for start, new_start, size in matcher.get_matching_blocks():
        for step in range(size):
            if ends[new_start + step]:
                ends[new_start + step] = lines[start + step][1] or common
    return "".join(line + end for line, end in zip(new, ends, strict=True))


def _apart(text: str) -> tuple[str, int]:
    stripped = text.rstrip("\n")
    return stripped, len(text) - len(stripped)


def _last_line(text: str) -> str:
    return text.rpartition("\n")[2]
