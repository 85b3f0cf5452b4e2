"""A percent script taken apart into cells, and where comments, strings, magics and live forms are in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from kernelgen.errors import KernelgenError
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
# What jupytext notes for its own use.
_JUPYTEXTS_OWN = ("lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker", "jupytext", "region_name")
_PLAIN_KINDS = {"": "code", "[markdown]": "markdown", "[md]": "markdown", "[raw]": "raw"}
_COMMENT_SIGN = re.compile(r"^[ \t]*# ?", re.MULTILINE)


class Span(NamedTuple):
    """``text[start:end]`` is a "marker", "comment", "string", "magic" or "live" form.

    A string is without its prefix, a magic with the lines that continue it or that are its body.
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class ScriptCell:
    """One cell of a script. kind: code, markdown or raw.

    text: without comment signs where the cell is prose. line: of the script, on which ``text`` begins, from 1.
    """

    kind: str
    text: str
    line: int
    metadata: dict[str, Any]


def script_cells(text: str, where: str) -> list[ScriptCell]:
    """The cells of a script.

    Python runs what is in code cells and nothing else, as a notebook does.

    Raises:
        KernelgenError: for code in a cell of prose, and for a marker that cannot be read.
    """
    markers = [span for span in spans(text) if span.kind == "marker"]
    starts = [0, *(span.end for span in markers)]
    ends = [*(span.start for span in markers), len(text)]
    cells = []
    for marker, start, end in zip([None, *markers], starts, ends, strict=True):
        line = text.count("\n", 0, start) + 1
        kind, metadata = _read_marker(text[marker.start : marker.end], f"{where}:{line}") if marker else ("code", {})
        cells.append(_cell(kind, text[start:end], line, metadata, where))
    return [cell for cell in cells if cell.text or cell.kind != "code"]


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


def cell_code(source: str) -> str:
    """A code cell's Python.

    A line of a magic becomes a comment, or an assignment of None to what it assigns to.
    """
    lines = source.split("\n")
    for span in spans(source):
        if span.kind == "magic":
            number = source.count("\n", 0, span.start)
            line, text = lines[number], lines[number].lstrip()
            indent = line[: len(line) - len(text)]
            for each in range(number, source.count("\n", 0, span.end) + 1):
                lines[each] = f"# {lines[each]}"
            if match := _BINDS.match(line):
                lines[number] = f"{indent}{match[1] or match[2]} = None  # {text}"
            elif indent:
                lines[number] = f"{indent}pass  # {text}"
    return "\n".join(lines)


def _cell(kind: str, content: str, line: int, metadata: dict[str, Any], where: str) -> ScriptCell:
    """A cell without comment signs and without blank lines around it."""
    if kind != "code":
        for number, text in enumerate(content.split("\n"), line):
            if text.strip() and not text.lstrip().startswith("#"):
                raise KernelgenError(
                    f"{where}:{number}: code below a markdown marker, which Python would run and the notebook would "
                    "not; put a `# %%` above it, or `# ` before each line of text"
                )
        content = _COMMENT_SIGN.sub("", content)
    lines = content.split("\n")
    first = next((number for number, text in enumerate(lines) if text.strip()), len(lines))
    if kind == "code" and lines[first:] and lines[first].lstrip().startswith("#"):
        # IPython would take the indent of a cell's first line from all its lines.
        lines[first] = lines[first].lstrip()
    while lines[first:] and not lines[-1].strip():
        lines.pop()
    return ScriptCell(kind, "\n".join(lines[first:]), line + first, metadata)


def _read_marker(marker: str, where: str) -> tuple[str, dict[str, Any]]:
    """The kind and the metadata that a marker states: ``# %% [markdown]``, ``# %% Title tags=["a"]``."""
    if kind := _PLAIN_KINDS.get(marker.partition("%%")[2].lstrip("%").strip()):
        return kind, {}
    if "{{" in marker:
        raise KernelgenError(f"{where}: a cell's marker takes no values; write them into the cell")
    import jupytext

    try:
        (cell,) = jupytext.reads(f"{marker}\n", {"extension": ".py", "format_name": "percent"}).cells
        if cell.source or "incorrectly_encoded_metadata" in cell.metadata:
            raise ValueError
    except (AttributeError, TypeError, ValueError):  # the others are jupytext's, for tags that are no list
        raise KernelgenError(f'{where}: a marker that cannot be read; write it as `# %% Title tags=["a"]`') from None
    return cell.cell_type, {key: value for key, value in cell.metadata.items() if key not in _JUPYTEXTS_OWN}


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
