"""Where cell markers, comments, strings, magics and live forms stand in a percent script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kernelgen.rendering.jinja import form_end

MARKER = re.compile(r"^#[ \t]*%%%*(?:[ \t].*)?$", re.MULTILINE)
_STRING = (
    r'"""(?:\\.|[^\\])*?(?:"""|\Z)',
    r"'''(?:\\.|[^\\])*?(?:'''|\Z)",
    r'"(?:\\.|[^"\\\n])*"?',
    r"'(?:\\.|[^'\\\n])*'?",
)
_TOKEN = re.compile(
    rf"(?P<live>\{{\{{)|(?P<comment>#[^\n]*)|(?P<string>{'|'.join(_STRING)})"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<continued>\\\n)|(?P<end>\n)",
    re.DOTALL,
)
_LINE_MAGIC = re.compile(r"\s*(?:%[A-Za-z_]|%%[A-Za-z_]|!{1,2}\s*\S|\?{1,2}[\w%])")
_ASSIGNED_MAGIC = re.compile(r"\s*[\w.,\s\[\]'\"]+=\s*(?:%[A-Za-z_]|!\s*[A-Za-z./~$\\{\"'(])")
_TRAILING_HELP = re.compile(r"\s*%{0,2}[\w.*]+\?{1,2}\s*$")
_CELL_MAGIC = re.compile(r"%%([A-Za-z_]\w*)")
# Cell magics whose body is Python; the body of any other is text to us.
_OF_PYTHON = frozenset({"capture", "time", "timeit", "prun", "pypy3_time"})


@dataclass(frozen=True)
class Span:
    """``text[start:end]`` is a "marker", "comment", "string", "magic" or "live" form.

    A string is without its prefix, a magic with the lines that continue it or that are its body.
    """

    start: int
    end: int
    kind: str


def spans(text: str) -> Iterator[Span]:
    """The spans of a whole script, in order; what is in none of them is code.

    Text that is no Python ends up in some span or in none: what is wrong with it is found by those who parse it.
    """
    position, depth = 0, 0
    is_continued, is_first = False, True
    while position < len(text):
        # At the start of a line, in no string.
        end = _end_of_line(text, position)
        line = text[position:end]
        if MARKER.match(line):
            yield Span(position, end, "marker")
            position, depth, is_continued, is_first = end + 1, 0, False, True
            continue
        starts = depth == 0 and not is_continued and line.strip() != ""
        if starts and (magic_end := _magic_end(text, position, end, is_first)) is not None:
            yield Span(position, magic_end, "magic")
            position, is_first = magic_end + 1, False
            continue
        is_first = is_first and not starts
        is_continued = False
        while match := _TOKEN.search(text, position):
            kind = match.lastgroup or ""
            start, position = match.span()
            if kind == "live":
                position = form_end(text, start, len(text)) or start
                if position == start:
                    # Python's own: a dict or a set that begins with another.
                    kind, position = "open", start + 1
            if kind in ("live", "comment", "string"):
                yield Span(start, position, kind)
            depth = max(0, depth + (kind == "open") - (kind == "close"))
            if kind in ("continued", "end"):
                is_continued = kind == "continued"
                break
        else:
            return


def _magic_end(text: str, start: int, end: int, is_first: bool) -> int | None:
    """Where the magic that begins on the line ``text[start:end]`` ends; None where that is Python."""
    line = text[start:end]
    magic = _CELL_MAGIC.match(line) if is_first else None
    if magic and magic[1] not in _OF_PYTHON:
        marker = MARKER.search(text, end)
        return marker.start() - 1 if marker else len(text)
    if not (_LINE_MAGIC.match(line) or _ASSIGNED_MAGIC.match(line) or _TRAILING_HELP.match(line)):
        return None
    while text[start:end].endswith("\\") and end < len(text) and not MARKER.match(text, end + 1):
        end = _end_of_line(text, end + 1)
    return end


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
