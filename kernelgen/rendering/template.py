"""A template: what it names, and its cells with the values filled in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.rendering.filling import filled
from kernelgen.rendering.live_forms import LiveForm, live_parts
from kernelgen.rendering.magics import cell_code
from kernelgen.rendering.script import ScriptCell, script_cells
from kernelgen.rendering.template_cell import TemplateCell

# Names that a template already has, so that no setting can have them.
TAKEN_NAMES = frozenset({"sources", "kernel", "library", "provenance", "literal"})


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
        self._cells = [(cell, live_parts(cell, where, names)) for cell in script_cells(_read(path, where), where)]
        self._forms = [part for _, parts in self._cells for part in parts if isinstance(part, LiveForm)]
        self._check_places()

    def names(self) -> Names:
        """The settings and sources that the live forms name."""
        settings: dict[str, int] = {}
        sources: dict[str, int] = {}
        for form in self._forms:
            if form.path[0] == "sources":
                sources |= {name: form.line for name in form.path[1:2] if name not in sources}
            elif form.path[0] not in TAKEN_NAMES:
                settings.setdefault(form.path[0], form.line)
        return Names(settings, sources, any(form.path == ("sources",) for form in self._forms))

    def render(self, context: Mapping[str, Any]) -> list[TemplateCell]:
        """The cells with the values of ``context`` in place, the cell of the library empty.

        Raises:
            KernelgenError: with file and line, for a name without a value and for a value that cannot stand there.
        """
        return [_rendered(cell, parts, context) for cell, parts in self._cells]

    def _check_places(self) -> None:
        alone = [_only_form(cell, parts) for cell, parts in self._cells]
        libraries = [form for form in self._forms if form.text == "library"]
        for form in libraries:
            if not any(form is other for other in alone):
                raise KernelgenError(
                    f"{form.where}: {{{{ library() }}}} must stand alone in a code cell; give it a `# %%` of its own"
                )
        for form in libraries[1:]:
            raise KernelgenError(f"{form.where}: a second {{{{ library() }}}}; remove it")


def _only_form(cell: ScriptCell, parts: tuple[str | LiveForm, ...]) -> LiveForm | None:
    """The form that a code cell consists of, if it holds nothing else."""
    rest = [part for part in parts if part != ""]
    return rest[0] if cell.kind == "code" and len(rest) == 1 and isinstance(rest[0], LiveForm) else None


def _rendered(cell: ScriptCell, parts: tuple[str | LiveForm, ...], context: Mapping[str, Any]) -> TemplateCell:
    form = _only_form(cell, parts)
    if form is not None and form.text == "library":
        return TemplateCell("code", "", "", "", cell.line, is_library=True)
    source, text = "", ""
    for part in parts:
        if isinstance(part, str):
            source, text = source + part, text + part
        else:
            source += filled(part, context, line=source.rpartition("\n")[2])
            text += filled(part, context, is_flat=True)
    if cell.kind != "code":
        return TemplateCell(cell.kind, source, text, "", cell.line, dict(cell.metadata))
    code = cell_code(text)
    return TemplateCell("code", source, text, code.python, cell.line, dict(cell.metadata), code.binds, code.injects)


def _read(path: Path, where: str) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise KernelgenError(f"{where}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise KernelgenError(f"{where}:{line}: not UTF-8; save the file in that encoding") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # A script's text may have brought its own byte order mark along.
    return re.sub(r"(?m)^\ufeff", "", text)
