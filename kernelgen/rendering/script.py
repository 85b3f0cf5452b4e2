"""A percent script taken apart into cells, each with its place in the script."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.rendering.scanning import spans

# What jupytext notes for its own use.
_JUPYTEXTS_OWN = ("lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker", "jupytext", "region_name")
_PLAIN_KINDS = {"": "code", "[markdown]": "markdown", "[md]": "markdown", "[raw]": "raw"}
_COMMENT_SIGN = re.compile(r"^[ \t]*# ?", re.MULTILINE)


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
