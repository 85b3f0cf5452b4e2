"""Where cell markers, comments, strings, magics and live forms are in a percent script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kernelgen.rendering.jinja import form_end

_MARKER = re.compile(r"^#[ \t]*%%%*(?:[ \t].*)?$", re.MULTILINE)
_TOKEN = re.compile(
    r"""(?P<live>\{\{)|(?P<comment>\#[^\n]*)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<continued>\\\n)|(?P<end>\n)
    |(?P<string>(?P<quotes>\"{3}|'{3})(?:\\.|[^\\])*?(?:(?P=quotes)|\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)""",
    re.DOTALL | re.VERBOSE,
)
_LINE_MAGIC = re.compile(
    r"""\s*(?:%[A-Za-z_]|%%[A-Za-z_]|!{1,2}\s*\S|\?{1,2}[\w%]
    |[\w.,\s\[\]'"]+=\s*(?:%[A-Za-z_]|!\s*[A-Za-z./~$\\{"'(])   # names that a magic assigns to
    |%{0,2}[\w.*]+\?{1,2}\s*$)                                  # help""",
    re.VERBOSE,
)
# Cell magics whose body is Python; the body of any other is text to us.
_CELL_MAGIC = re.compile(r"%%(?!(?:capture|time|timeit|prun|pypy3_time)\b)[A-Za-z_]")

_BINDS = re.compile(r"%%capture\s+(?:-\S+\s+)*([A-Za-z_]\w*)|\s*([\w., \[\]'\"]+?)\s*=\s*[%!]")
# Magics that may bring in names which cannot be known.
_INJECTS = re.compile(r"\s*%{1,2}(?:run|pylab|store|load|load_ext|reload_ext|macro|script|bash|sh)\b")


class Span(NamedTuple):
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
        if _MARKER.match(line):
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
            start, position = match.span()
            kind = match.lastgroup or ""
            if kind == "live":
                form = form_end(text, start, len(text))
                # Python's own, where there is no form: a dict or a set that begins with another.
                kind, position = ("live", form) if form else ("open", start + 1)
            if kind in ("live", "comment", "string"):
                yield Span(start, position, kind)
            depth = max(0, depth + (kind == "open") - (kind == "close"))
            if kind in ("continued", "end"):
                is_continued = kind == "continued"
                break
        else:
            return


def cell_code(source: str) -> tuple[str, bool]:
    """A code cell's Python, and whether a magic may bring in names that cannot be known.

    A line of a magic becomes a comment, or an assignment of None to what it assigns to.
    """
    lines = source.split("\n")
    injects = False
    for span in spans(source):
        if span.kind == "magic":
            number = source.count("\n", 0, span.start)
            line, text = lines[number], lines[number].lstrip()
            indent = line[: len(line) - len(text)]
            for each in range(number, source.count("\n", 0, span.end) + 1):
                lines[each] = f"# {lines[each]}"
            injects = injects or bool(_INJECTS.match(line))
            if match := _BINDS.match(line):
                lines[number] = f"{indent}{match[1] or match[2]} = None  # {text}"
            elif indent:
                lines[number] = f"{indent}pass  # {text}"
    return "\n".join(lines), injects


def _magic_end(text: str, start: int, end: int, is_first: bool) -> int | None:
    """Where the magic that begins on the line ``text[start:end]`` ends; None where that is Python."""
    line = text[start:end]
    if is_first and _CELL_MAGIC.match(line):
        marker = _MARKER.search(text, end)
        return marker.start() - 1 if marker else len(text)
    if not _LINE_MAGIC.match(line):
        return None
    while text[start:end].endswith("\\") and end < len(text) and not _MARKER.match(text, end + 1):
        end = _end_of_line(text, end + 1)
    return end


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
