"""Edits of a template's cells, taken over where the template then gives back the very cells that Kaggle has.

The template is kept in pieces of its own lines, one for each cell of the notebook. An edit on Kaggle replaces pieces,
as long as no changed line holds a value. Each edit is rendered and compared with Kaggle's cells before it is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from nbformat import NotebookNode

from kernelgen.built import BuiltKernel
from kernelgen.errors import KernelgenError
from kernelgen.pulling.differences import unified

Key = tuple[str, str]
LIBRARY: Key = ("library", "")  # the key of the cell that the library's cells replace
_MARKER = re.compile(r"\s*#\s*%%")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.+)")


@dataclass(frozen=True)
class Leftover:
    """An edit that is left to a person. what: where it is, and why it is left. diff: its lines."""

    what: str
    diff: tuple[str, ...]


@dataclass(frozen=True)
class _Piece:
    """A cell's lines in its template. head: the marker. body: the cell. tail: what follows, down to the next marker."""

    head: tuple[str, ...]
    body: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    key: Key | None = None


# For each cell of the notebook as it was built its piece; none for a cell that the generator writes, but for the
# library's first cell, whose piece is the template's `{{ library() }}`. The first slot is what stands above all cells.
_Slots = list[list[_Piece]]


def key_of(kind: str, source: str) -> Key:
    """Return what makes two cells the same: the kind, and the text without its line ends and the blank at its end."""
    return kind, source.replace("\r\n", "\n").replace("\r", "\n").rstrip()


def take_over(
    template: str,
    built: BuiltKernel,
    before: Sequence[NotebookNode],
    after: Sequence[NotebookNode],
    render: Callable[[str], list[Key]],
) -> tuple[str, list[Leftover]]:
    """Return the template with the edits that can be taken over, and those that cannot.

    Args:
        template: its text. built: the kernel that it makes.
        before: the cells of the notebook as it was built. after: those on Kaggle now.
        render: gives the keys of the cells that a template's text makes; raises KernelgenError for what makes none.
    """
    slots = _slots(template, built, before)
    is_of_template = _text(slots) == template  # not where the notebook was built with a template of no commit
    keys = [key_of(cell.cell_type, cell.source) for cell in before]
    after = [cell for cell in after if cell.source.strip() or (cell.cell_type, "") in keys]
    new_keys = [key_of(cell.cell_type, cell.source) for cell in after]
    leftovers: list[Leftover] = []
    refused: set[Key] = set()
    changes = [change for change in SequenceMatcher(None, keys, new_keys, autojunk=False).get_opcodes()
               if change[0] != "equal"]  # fmt: skip
    # Removed cells first: what was only moved and cannot be removed must not be made a second time.
    for kind, start, end, new_start, new_end in sorted(changes, key=lambda change: change[0] != "delete"):
        old, new = before[start:end], after[new_start:new_end]
        if kind == "delete" and not any(piece.key for slot in slots[start + 1 : end + 1] for piece in slot):
            continue  # with a module's cell goes its heading, which no template holds
        is_moved = bool(refused & set(new_keys[new_start:new_end]))
        candidate = _changed(slots, start, old, new) if is_of_template and not is_moved else None
        problem = "the changed lines hold values of the recipe, or are the generator's"
        if candidate is not None:
            problem = _problem(candidate, render)
        if candidate is None or problem:
            refused |= set(keys[start:end])
            place = _heading_above(after, new_start)
            leftovers.append(Leftover(f"under {place}: {problem}", unified(_script(old), _script(new))))
        else:
            slots = candidate
    return _text(slots) if is_of_template else template, leftovers


def _slots(template: str, built: BuiltKernel, before: Sequence[NotebookNode]) -> _Slots:
    header, pieces = _pieces(template, built)
    place = next((number for number, piece in enumerate(pieces) if piece.key == LIBRARY), len(pieces))
    nodes = built.notebook.cells
    own = [*nodes[:place], *nodes[len(nodes) - len(pieces[place + 1 :]) :]]
    by_id = dict(zip([cell.id for cell in own], [*pieces[:place], *pieces[place + 1 :]], strict=True))
    slots: _Slots = [[header]]
    left = pieces[place : place + 1]  # the library's piece goes to its first cell
    for cell in before:
        piece = [by_id[cell.id]] if cell.id in by_id else left
        left = left if cell.id in by_id else []
        slots.append(piece)
    slots[-1] += left
    return slots


def _pieces(template: str, built: BuiltKernel) -> tuple[_Piece, list[_Piece]]:
    """The lines above a template's first cell, and a piece for each of its cells."""
    lines = template.split("\n")
    firsts = [cell.line - 1 for cell in built.cells]
    ends = [first + cell.text.count("\n") + 1 for first, cell in zip(firsts, built.cells, strict=True)]
    heads = [
        next((number for number in range(first - 1, above - 1, -1) if _MARKER.match(lines[number])), first)
        for first, above in zip(firsts, [0, *ends], strict=False)
    ]
    pieces = []
    for cell, head, first, end, following in zip(
        built.cells, heads, firsts, ends, [*heads[1:], len(lines)], strict=True
    ):
        key = LIBRARY if cell.is_library else key_of(cell.kind, cell.source)
        pieces.append(_Piece(tuple(lines[head:first]), tuple(lines[first:end]), tuple(lines[end:following]), key))
    return _Piece(tuple(lines[: heads[0] if heads else len(lines)])), pieces


def _changed(slots: _Slots, start: int, old: Sequence[NotebookNode], new: Sequence[NotebookNode]) -> _Slots | None:
    """The slots with ``new`` cells instead of the ``old`` ones from ``start`` on; None where values would be lost."""
    end = start + len(old)
    touched = slots[start + 1 : end + 1]
    if any(len(slot) != 1 or slot[0].key in (None, LIBRARY) for slot in touched):
        return None
    made: list[_Piece] = []
    if [cell.cell_type for cell in old] == [cell.cell_type for cell in new]:
        for (piece,), was, cell in zip(touched, old, new, strict=True):
            body = _edited(piece.body, _lines(was), _lines(cell))
            if body is None:
                return None
            made.append(replace(piece, body=tuple(body), key=key_of(cell.cell_type, cell.source)))
    else:
        if any(list(piece.body) != _lines(cell) for (piece,), cell in zip(touched, old, strict=True)):
            return None
        for cell in new:
            marker = "# %%" if cell.cell_type == "code" else f"# %% [{cell.cell_type}]"
            made.append(_Piece((marker,), tuple(_lines(cell)), ("",), key_of(cell.cell_type, cell.source)))
    # The slots stay in step with the cells: what is new joins the cell above it.
    return [*slots[:start], slots[start] + made, *([] for _ in old), *slots[end + 1 :]]


def _edited(template: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str] | None:
    """A cell's template lines with its edit; None where a changed line is not, as it is, a line of the template."""
    place: dict[int, int] = {}
    for first, own_first, size in SequenceMatcher(None, before, template, autojunk=False).get_matching_blocks():
        place.update((first + step, own_first + step) for step in range(size))
    # Where no value takes several lines, a line can also be added between lines that hold values.
    in_step = len(before) == len(template)
    lines = list(template)
    for kind, start, end, new_start, new_end in reversed(SequenceMatcher(None, before, after, False).get_opcodes()):
        places = [place.get(number, -1) for number in range(start, end)]
        position = start if in_step else place.get(start, place.get(start - 1, -2) + 1)
        if kind == "equal":
            continue
        if position < 0 or places != list(range(position, position + len(places))):
            return None
        lines[position : position + len(places)] = after[new_start:new_end]
    return lines


def _problem(slots: _Slots, render: Callable[[str], list[Key]]) -> str:
    """Why a template of these slots does not make the cells that it should; "" where it does."""
    try:
        keys = render(_text(slots))
    except KernelgenError as error:
        return str(error).partition("\n")[0]
    wanted = [piece.key for slot in slots for piece in slot if piece.key]
    return "" if keys == wanted else "in a template its text would make other cells"


def _text(slots: _Slots) -> str:
    return "\n".join(line for slot in slots for piece in slot for line in (*piece.head, *piece.body, *piece.tail))


def _lines(cell: NotebookNode) -> list[str]:
    """A cell's lines as a percent script holds them."""
    kind, text = key_of(cell.cell_type, cell.source)
    return [line if kind == "code" else f"# {line}".rstrip() for line in text.split("\n")]


def _script(cells: Sequence[NotebookNode]) -> str:
    return "\n\n".join(f"# %% [{cell.cell_type}]\n" + "\n".join(_lines(cell)) for cell in cells)


def _heading_above(cells: Sequence[NotebookNode], position: int) -> str:
    above = [_HEADING.match(cell.source) for cell in cells[: position + 1] if cell.cell_type == "markdown"]
    headings = [match[1] for match in above if match]
    return f'"{headings[-1]}"' if headings else "the top"
