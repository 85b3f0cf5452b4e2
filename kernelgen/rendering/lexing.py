"""Where strings, comments, magics and cell markers stand in a percent script that may hold `{{ … }}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

SpanKind = Literal["string", "comment", "magic"]

MARKER = re.compile(r"#\s*%%%*(?:\s.*)?$")
_PROSE = re.compile(r"\[(markdown|md|raw)\]")
_LINE_MAGIC = re.compile(r"\s*(?:%[A-Za-z_]|%%[A-Za-z_]|!{1,2}\s*\S|\?{1,2}[\w%])")
_ASSIGNED_MAGIC = re.compile(r"\s*[\w.,\s\[\]'\"]+=\s*(?:%[A-Za-z_]|!\s*[A-Za-z./~$\\{\"'(])")
_TRAILING_HELP = re.compile(r"\s*%{0,2}[\w.*]+\?{1,2}\s*$")
_CELL_MAGIC = re.compile(r"\s*%%([A-Za-z_]\w*)")

# Cell magics whose body is Python; the body of any other is text to us.
PYTHON_CELL_MAGICS = frozenset({"capture", "time", "timeit", "prun", "pypy3_time"})


@dataclass(frozen=True)
class Span:
    """``text[start:end]`` is a string literal (without its prefix), a comment, or a line of a magic."""

    start: int
    end: int
    kind: SpanKind


@dataclass(frozen=True)
class Scan:
    """spans: those of code cells, in order. markers: the line numbers (from 1) of cell markers."""

    spans: tuple[Span, ...]
    markers: tuple[int, ...]


def scan(text: str) -> Scan:
    """Scans a whole percent script.

    It never fails: text that is no Python ends up in some span or in none, and what is wrong with it is
    found later, by those who parse it. Markdown and raw cells have no spans.
    """
    spans: list[Span] = []
    markers: list[int] = []
    position, line = 0, 1
    is_code, cell_magic, cell_started = True, False, False
    depth, continued = 0, False
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        content = text[position:end]
        if MARKER.match(content):
            markers.append(line)
            is_code = not _PROSE.search(content)
            cell_magic, cell_started, depth, continued = False, False, 0, False
        elif is_code:
            first = not cell_started and content.strip() != ""
            cell_started = cell_started or first
            magic = _CELL_MAGIC.match(content) if first else None
            if magic and magic[1] not in PYTHON_CELL_MAGICS:
                cell_magic = True
            if cell_magic:
                spans.append(Span(position, end, "magic"))
            elif depth == 0 and not continued and is_magic(content):
                spans.append(Span(position, end, "magic"))
                while text[position:end].endswith("\\") and end < len(text):
                    position, line = end + 1, line + 1
                    end = text.find("\n", position)
                    end = len(text) if end < 0 else end
                    spans.append(Span(position, end, "magic"))
            else:
                end, depth, continued = _scan_code(text, position, depth, spans)
                line += text.count("\n", position, end)
        position, line = end + 1, line + 1
    return Scan(tuple(spans), tuple(markers))


def is_magic(line: str) -> bool:
    """Whether IPython, not Python, reads this line (at the outermost level of a cell)."""
    if _LINE_MAGIC.match(line) or _TRAILING_HELP.match(line):
        return True
    return bool(_ASSIGNED_MAGIC.match(line)) and "==" not in line.split("=", 1)[1][:1]


def _scan_code(text: str, position: int, depth: int, spans: list[Span]) -> tuple[int, int, bool]:
    """Scans from ``position`` to the end of that line, or of the line where its last string ends."""
    while position < len(text):
        character = text[position]
        if character == "\n":
            return position, depth, False
        if character == "\\" and text.startswith("\\\n", position):
            return position + 1, depth, True
        if character == "#":
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            spans.append(Span(position, end, "comment"))
            return end, depth, False
        if character in "\"'":
            end = _string_end(text, position)
            spans.append(Span(position, end, "string"))
            position = end
            continue
        if text.startswith("{{", position):
            end = live_end(text, position)
            if end is None or "\n" in text[position:end]:
                end = None  # Python's own: a set or dict that begins with a dict
                spans.append(Span(position, position + 2, "string"))
                depth += 2
            position = end or position + 2
            continue
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth = max(0, depth - 1)
        position += 1
    return position, depth, False


def _string_end(text: str, start: int) -> int:
    quote = text[start]
    closing = quote * 3 if text.startswith(quote * 3, start) else quote
    position = start + len(closing)
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text.startswith(closing, position):
            return position + len(closing)
        elif text[position] == "\n" and len(closing) == 1:
            return position
        else:
            position += 1
    return len(text)


def live_end(text: str, start: int) -> int | None:
    """Where the ``{{ … }}`` that begins at ``start`` ends, or None if it never does."""
    position = start + 2
    while position < len(text):
        if text.startswith("}}", position):
            return position + 2
        if text[position] in "\"'":
            position = _string_end(text, position)
        else:
            position += 1
    return None
