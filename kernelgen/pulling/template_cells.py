"""A template's cells, compared: what was changed on Kaggle is shown, and is a person's to take over."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nbformat import NotebookNode

from kernelgen.pulling.cells import heading_of, plain
from kernelgen.pulling.comparison import CellChange
from kernelgen.pulling.diffs import unified, visible
from kernelgen.pulling.library import code_files, is_library_cell
from kernelgen.pulling.matching import Match, Piece, changes

# How the two sides are called, and what became of a cell.
_CHANGED = {
    "built": "as built",
    "new": "is new on Kaggle",
    "gone": "was removed on Kaggle",
    "edited": "was changed on Kaggle",
    "kind": "was made a {} cell on Kaggle",
    "moved": "was moved on Kaggle",
}
_DIFFERENT = {
    "built": "here",
    "new": "is only on Kaggle",
    "gone": "is only here",
    "edited": "is not on Kaggle as it is here",
    "kind": "is a {} cell on Kaggle",
    "moved": "stands elsewhere on Kaggle",
}
_FIRST, _LAST = "library--heading", "library--ready"


def compare_cells(
    base: Sequence[NotebookNode],
    fetched: Sequence[NotebookNode],
    template: str,
    told: Collection[str],
    *,
    is_built: bool = True,
) -> list[CellChange]:
    """What was changed in cells that are no file of the library, in the order of Kaggle's notebook.

    Args:
        template: "kernel_templates/case.py.j2", for the messages.
        told: the files of the library that are reported already.
        is_built: whether ``base`` is what was built, so that all that differs was changed on Kaggle.
    """
    old, new = _Side(base), _Side(fetched)
    generated = _generated(base)
    found = []
    for match in changes(old.pieces, new.pieces):
        before = [old.cells[number] for number in match.old]
        after = [new.cells[number] for number in match.new]
        if any(files & set(told) for files in (code_files(cell, 0) for cell in (*before, *after))):
            continue
        where = template
        if before and all(cell.id in generated for cell in before):
            if not after:  # with a module's cell goes its heading
                continue
            where = "a cell that the generator writes"
        found.append(_told(match, old, new, before, after, where, _CHANGED if is_built else _DIFFERENT))
    return found


class _Side:
    """The cells of one notebook that are no file of the library and not empty, each under its heading."""

    def __init__(self, cells: Sequence[NotebookNode]) -> None:
        self.cells: list[NotebookNode] = []
        self.headings: list[str] = []
        heading = "the top"
        for number, cell in enumerate(cells, start=1):
            if not cell.source.strip() or is_library_cell(cell, number):
                continue
            # The heading of a module tells where that is, not where the template's next cell is.
            names_a_file = number < len(cells) and _is_file(cells[number], number + 1)
            if (own := heading_of(cell)) and not names_a_file:
                heading = f'"{own}"'
            self.cells.append(cell)
            self.headings.append(heading)
        self.pieces = [Piece(cell.cell_type, plain(cell.source), cell.id) for cell in self.cells]


def _is_file(cell: NotebookNode, number: int) -> bool:
    return is_library_cell(cell, number) or bool(code_files(cell, number))


def _generated(base: Sequence[NotebookNode]) -> set[str]:
    """The ids of the library's cells, which no template holds."""
    ids = [cell.id for cell in base]
    if _FIRST not in ids or _LAST not in ids:
        return set()
    return set(ids[ids.index(_FIRST) : ids.index(_LAST) + 1])


def _told(
    match: Match,
    old: _Side,
    new: _Side,
    before: Sequence[NotebookNode],
    after: Sequence[NotebookNode],
    where: str,
    said: dict[str, str],
) -> CellChange:
    heading = visible(new.headings[match.new[0]] if match.new else old.headings[match.old[0]])
    place = f"{where}, under {heading}"
    kind = _kind((after or before)[0])
    diff = unified(_text(old, match.old), _text(new, match.new), said["built"], "on Kaggle")
    if not match.old:
        return CellChange(f"{place}: a {kind} cell {said['new']}", diff)
    if not match.new:
        return CellChange(f"{place}: a {kind} cell {said['gone']}", diff)
    if match.same:
        first = visible(before[0].source.strip().partition("\n")[0][:80])
        if len(match.new) > 1:
            return CellChange(f"{place}: a {kind} cell was split into {len(match.new)} on Kaggle: {first}")
        if len(match.old) > 1:
            return CellChange(f"{place}: {len(match.old)} {kind} cells were put together on Kaggle: {first}")
        was = visible(old.headings[match.old[0]])
        origin = f" (it was under {was})" if was != heading else ""
        return CellChange(f"{place}: a {kind} cell {said['moved']}{origin}: {first}")
    if before[0].cell_type != after[0].cell_type:
        was = _kind(before[0])
        return CellChange(f"{place}: a {was} cell {said['kind'].format(kind)}", diff)
    return CellChange(f"{place}: a {kind} cell {said['edited']}", diff)


def _text(side: _Side, numbers: Sequence[int]) -> str:
    return "".join(f"{side.pieces[number].text}\n" for number in numbers)


def _kind(cell: NotebookNode) -> str:
    return "text" if cell.cell_type == "markdown" else cell.cell_type
