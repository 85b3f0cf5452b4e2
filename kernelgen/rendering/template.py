"""A template: what it names, and its cells with the values filled in, as a notebook has them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import decode, read_file
from kernelgen.rendering.live_forms import LiveForm, live_parts
from kernelgen.rendering.script import ScriptCell, cell_code, script_cells

# Names that a template already has, so that no setting can have them.
TAKEN_NAMES = frozenset({"sources", "kernel", "library", "provenance", "literal"})
_HEADING = re.compile(r"\s*#{1,6}\s+(.+)")


@dataclass(frozen=True)
class TemplateCell:
    """One cell of a template.

    kind: code, markdown or raw. source: as it stands in the notebook. text: the same with every value on
    one line, so that its lines are the template's, from ``line`` on. python: of a code cell, ``text`` with
    IPython's magics commented out. is_library: whether the library's cells go here.
    """

    kind: str
    source: str
    text: str
    python: str
    line: int
    metadata: dict[str, Any] = field(default_factory=dict)
    is_library: bool = False


@dataclass(frozen=True)
class Names:
    """What a template names, each with the line of its first use."""

    settings: dict[str, int]
    sources: dict[str, int]
    all_sources: bool


class Template:
    """A file ``kernel_templates/NAME.py.j2``, read once for all kernels that are made of it.

    Cells are told apart before any value is filled in, so no value can end a cell or begin one. In text ``{{ … }}``
    is always live, in code where it stands outside strings. In comments and magics it is live where its name is
    known and plain text otherwise, so that a template may hold the text of any script.

    Args:
        where: what messages call the file.
        known: all settings that have a value anywhere in the recipe.

    Raises:
        KernelgenError: with file and line, for what cannot be read.
    """

    def __init__(self, path: Path, where: str, known: Collection[str]) -> None:
        names = TAKEN_NAMES.union(known)
        text = decode(read_file(path, where), where).replace("\r\n", "\n").replace("\r", "\n")
        self._cells = [(cell, live_parts(cell, where, names)) for cell in script_cells(text, where)]
        self._forms = [part for _, parts in self._cells for part in parts if isinstance(part, LiveForm)]
        alone = [cell.line for cell, _ in self._cells if _is_library(cell)]
        for form in self._forms:
            if "library" in form.names and form.line not in alone[:1]:
                problem = "{{ library() }} must stand alone in a code cell, once; give it a `# %%` of its own"
                raise KernelgenError(f"{form.where}: {problem}")

    def names(self) -> Names:
        """The settings and sources that the live forms name."""
        lines: dict[str, int] = {}
        for form in self._forms:
            for name in form.names:
                lines.setdefault(name, form.line)
        sources = {name.partition(".")[2]: line for name, line in lines.items() if "." in name}
        settings = {name: line for name, line in lines.items() if "." not in name and name not in TAKEN_NAMES}
        return Names(settings, sources, "sources" in lines)

    def render(self, context: Mapping[str, Any]) -> list[TemplateCell]:
        """The cells with the values of ``context`` in place, the cell of the library empty.

        Raises:
            KernelgenError: with file and line, for a name without a value and for a value that cannot stand there.
        """
        return [_rendered(cell, parts, context) for cell, parts in self._cells]


def cell_ids(cells: Sequence[TemplateCell], taken: set[str]) -> list[str]:
    """Ids that a reader of the notebook's JSON understands: the heading above, and a number.

    None of them is in ``taken``; the cell that the library replaces gets an empty one.
    """
    from slugify import slugify

    ids, heading = [], "top"
    for cell in cells:
        if cell.kind == "markdown" and (match := _HEADING.match(cell.source)):
            heading = slugify(match[1])[:48].strip("-") or "heading"
        numbered = (f"{heading}-{number}" if number > 1 else heading for number in count(1))
        identity = "" if cell.is_library else next(name for name in numbered if name not in taken)
        taken.add(identity)
        ids.append(identity)
    return ids


def _is_library(cell: ScriptCell) -> bool:
    """Whether a code cell is ``{{ library() }}`` and nothing else."""
    return cell.kind == "code" and "".join(cell.text.split()) == "{{library()}}"


def _rendered(cell: ScriptCell, parts: tuple[str | LiveForm, ...], context: Mapping[str, Any]) -> TemplateCell:
    if _is_library(cell):
        return TemplateCell("code", "", "", "", cell.line, is_library=True)
    source, text = "", ""
    for part in parts:
        if isinstance(part, str):
            source, text = source + part, text + part
        else:
            value, flat = part.filled(context, source.rpartition("\n")[2])
            source += value
            # As many lines as the form has, so that the lines stay the template's.
            text += part.text.count("\n") * ("\\\n" if part.place == "live" else "\n") + flat
    python = cell_code(text) if cell.kind == "code" else ""
    return TemplateCell(cell.kind, source, text, python, cell.line, dict(cell.metadata))
