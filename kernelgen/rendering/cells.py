"""The cells of a rendered template, read by jupytext, each with its place in the template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.rendering.magics import cell_code
from kernelgen.rendering.template import LIBRARY_MARKER, Rendered, Template

_FORMAT = {"extension": ".py", "format_name": "percent", "comment_magics": False}
_JUPYTEXTS_OWN = ("lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker", "jupytext")
_HEADING = re.compile(r"#{1,6}\s+(.+)")


@dataclass(frozen=True)
class TemplateCell:
    """One cell of a template.

    kind: code, markdown or raw. source: as it stands in the notebook. text: the same with every value on
    one line, so that its lines are the template's, from ``line`` on. python: of a code cell, ``text`` with
    IPython's magics commented out. skeleton: ``python`` with an empty literal for each value. binds,
    injects: names that its magics bring in, known and unknown.
    """

    kind: str
    source: str
    text: str
    python: str
    line: int
    skeleton: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    binds: frozenset[str] = frozenset()
    injects: bool = False

    @property
    def is_library(self) -> bool:
        """Whether the library's cells go here."""
        return self.kind == "code" and self.source.strip() == LIBRARY_MARKER


@dataclass(frozen=True)
class _ScriptCell:
    """One cell as jupytext reads it. line: its first line in the script, from 1."""

    kind: str
    source: str
    line: int
    metadata: tuple[tuple[str, Any], ...]


def read_cells(template: Template, rendered: Rendered) -> list[TemplateCell]:
    """The cells of ``rendered``.

    Raises:
        KernelgenError: where ``{{ library() }}`` stands twice, or not alone in a code cell.
    """
    cells: list[TemplateCell] = []
    for cell in _script_cells(rendered.text):
        metadata = dict(cell.metadata)
        source = rendered.unmasked(cell.source)
        if cell.kind != "code":
            text = rendered.filled_flat(source)
            prose = rendered.filled(source, prose=True)
            cells.append(TemplateCell(cell.kind, prose, text, "", cell.line, metadata=metadata))
            continue
        code = cell_code(source, uncomment=template.has_markers)
        cells.append(
            TemplateCell(
                kind="code",
                source=rendered.filled(code.source),
                text=rendered.filled_flat(code.source),
                python=rendered.filled_flat(code.python),
                line=cell.line,
                skeleton=rendered.without_values(code.python),
                metadata=metadata,
                binds=code.binds,
                injects=code.injects,
            )
        )
    _check_marker(template, cells)
    return [cell for cell in cells if cell.source.strip() or cell.kind != "code"]


def cell_ids(cells: Sequence[TemplateCell], taken: set[str]) -> list[str]:
    """Ids that a reader of the notebook's JSON understands: the heading above, and a number.

    None of them is in ``taken``; the cell that the library replaces gets an empty one.
    """
    from slugify import slugify

    ids, heading = [], "top"
    for cell in cells:
        if cell.kind == "markdown":
            first = next((line for line in cell.source.split("\n") if line.strip()), "")
            if match := _HEADING.match(first):
                heading = slugify(match[1])[:48].strip("-") or "heading"
        if cell.is_library:
            ids.append("")
            continue
        number, identifier = 1, heading
        while identifier in taken:
            number += 1
            identifier = f"{heading}-{number}"
        taken.add(identifier)
        ids.append(identifier)
    return ids


@lru_cache(maxsize=256)
def _script_cells(script: str) -> tuple[_ScriptCell, ...]:
    """The cells of a percent script.

    What jupytext reads holds place holders for values, so the kernels of one template mostly share one script.
    """
    import jupytext

    lines = script.splitlines()
    cells: list[_ScriptCell] = []
    position = 0
    for cell in jupytext.reads(script, _FORMAT).cells:
        masked = cell.source.split("\n")
        found = _found(lines, masked, position) if cell.source else None
        line = position if found is None else found
        position = line + (len(masked) if cell.source else 0)
        metadata = tuple(item for item in cell.metadata.items() if item[0] not in _JUPYTEXTS_OWN)
        cells.append(_ScriptCell(cell.cell_type, cell.source, line + 1, metadata))
    return tuple(cells)


def _found(lines: list[str], wanted: list[str], start: int) -> int | None:
    """Where the block ``wanted`` begins in ``lines``; markdown cells lost their comment signs."""
    for position in range(start, len(lines) - len(wanted) + 1):
        if all(
            line == want or line.removeprefix("#").removeprefix(" ") == want
            for line, want in zip(lines[position : position + len(wanted)], wanted, strict=True)
        ):
            return position
    return None


def _check_marker(template: Template, cells: Sequence[TemplateCell]) -> None:
    seen = False
    for cell in cells:
        if LIBRARY_MARKER not in cell.source:
            continue
        offset = cell.text[: cell.text.find(LIBRARY_MARKER)].count("\n")
        where = f"{template.where}:{cell.line + offset}"
        if not cell.is_library:
            raise KernelgenError(
                f"{where}: {{{{ library() }}}} must stand alone in a code cell; give it a `# %%` of its own"
            )
        if seen:
            raise KernelgenError(f"{where}: a second {{{{ library() }}}}; remove it")
        seen = True
