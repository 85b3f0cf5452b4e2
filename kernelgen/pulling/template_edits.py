"""Edits of a template's cells, taken over where the template then gives back the very cells that Kaggle has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from difflib import SequenceMatcher

from nbformat import NotebookNode

from kernelgen.errors import KernelgenError
from kernelgen.pulling.library_edits import unix_lines
from kernelgen.rendering.template import TemplateCell

# A cell's kind, and its text without what an editor changes: line ends, and the blank at its end.
Cell = tuple[str, str]


def cells_of(cells: Iterable[NotebookNode | TemplateCell]) -> list[Cell]:
    """Return what makes two cells the same; cells without text count for nothing."""
    kinds = ((cell.kind if isinstance(cell, TemplateCell) else cell.cell_type, cell.source) for cell in cells)
    return [(kind, unix_lines(source).rstrip()) for kind, source in kinds if source.strip()]


def take_over(
    template: str, cells: Iterable[TemplateCell], after: Sequence[Cell], render: Callable[[str], list[Cell]]
) -> tuple[str, list[Cell]]:
    """Return the template's text with the edits whose lines hold no value, and the cells that it then makes.

    ``after`` is what is on Kaggle now; ``render`` gives the cells of a text, or raises KernelgenError.
    """
    filled = [cell for cell in cells if cell.source.strip()]
    made = cells_of(filled)
    # From the last edit to the first, so that lines keep their numbers.
    for start, end, new_start, new_end in _changes(made, after):
        # Where cells were added or removed, nobody knows which of them was edited.
        for step in reversed(range(end - start if end - start == new_end - new_start else 0)):
            old, new = start + step, after[new_start + step]
            edited = _edited(template, filled[old], new)
            becomes = [*made[:old], new, *made[old + 1 :]]
            with suppress(
                KernelgenError, UnicodeEncodeError
            ):  # it means something to a template, or is half a character
                if edited is not None and render(edited) == becomes:
                    template, made = edited, becomes
    return template, made


def script(cells: Iterable[Cell]) -> str:
    """Return cells as a percent script."""
    return "\n\n".join("\n".join([f"# %% [{kind}]", *_lines(kind, text)]) for kind, text in cells)


def _changes(before: Sequence[object], after: Sequence[object]) -> list[tuple[int, int, int, int]]:
    """What differs, from the last to the first: first and end in the one, and in the other."""
    opcodes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [opcode[1:] for opcode in reversed(opcodes) if opcode[0] != "equal"]


def _edited(template: str, cell: TemplateCell, new: Cell) -> str | None:
    """The template with a cell's edit; None where a changed line is not, as it is, a line of the template."""
    lines, before, after = template.split("\n"), _lines(cell.kind, cell.text), _lines(*new)
    for start, end, new_start, new_end in _changes(before, after):
        place = slice(cell.line - 1 + start, cell.line - 1 + end)
        if lines[place] != before[start:end]:
            return None
        lines[place] = after[new_start:new_end]
    return "\n".join(lines)


def _lines(kind: str, text: str) -> list[str]:
    """A cell's lines as a percent script holds them."""
    return [line if kind == "code" else f"# {line}".rstrip() for line in text.rstrip().split("\n")]
