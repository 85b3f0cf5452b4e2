"""Edits of a template's cells, taken over where the template then gives back the very cells that Kaggle has.

An edited cell is taken over where no changed line holds a value. What else was done to cells is left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from nbformat import NotebookNode

from kernelgen.errors import KernelgenError
from kernelgen.rendering.template_cell import TemplateCell

Key = tuple[str, str]
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.+)")


@dataclass(frozen=True)
class Leftover:
    """An edit that is left to a person. what: where it is, and why it is left. old, new: the cells as a script."""

    what: str
    old: str
    new: str


def key_of(cell: NotebookNode | TemplateCell) -> Key:
    """Return what makes two cells the same: the kind, and the text without its line ends and the blank at its end."""
    kind = cell.kind if isinstance(cell, TemplateCell) else cell.cell_type
    return kind, cell.source.replace("\r\n", "\n").replace("\r", "\n").rstrip()


def take_over(
    template: str,
    cells: Sequence[TemplateCell],
    before: Sequence[NotebookNode],
    after: Sequence[NotebookNode],
    render: Callable[[str], list[Key]],
) -> tuple[str, list[Leftover]]:
    """Return the template with the edits that can be taken over, and those that cannot.

    Args:
        template: its text. cells: what is rendered of it.
        before: the cells of the notebook as it was pushed. after: those on Kaggle now.
        render: gives the keys of the cells that a template's text makes; raises KernelgenError for what makes none.
    """
    wanted = list(map(key_of, cells))
    leftovers = []
    # From the last edit to the first, so that lines keep their numbers.
    for old, new, position in reversed(list(_changes(list(map(key_of, before)), list(map(key_of, after))))):
        if not new and not set(old) & set(wanted):
            continue  # with a module's cell goes its heading, which no template holds
        problem, edited, becomes = "cells were added, removed or moved", None, wanted
        if len(old) == len(new) == 1:
            problem = "the changed lines hold values of the recipe, or are the generator's"
            if wanted.count(old[0]) == 1:  # two cells of one text cannot be told apart
                place = wanted.index(old[0])
                edited = _edited(template, cells[place], old[0], new[0])
                becomes = [*wanted[:place], *new, *wanted[place + 1 :]]
        if edited is not None:
            try:
                problem = "" if render(edited) == becomes else "in a template its text would make other cells"
            except KernelgenError as error:
                problem = str(error).partition("\n")[0]
        if problem:
            what = f"under {_heading_above(after, position)}: {problem}"
            leftovers.append(Leftover(what, _script(old), _script(new)))
        else:
            template, wanted = edited or "", becomes
    return template, leftovers[::-1]


def _changes(keys: list[Key], new_keys: list[Key]) -> Iterator[tuple[list[Key], list[Key], int]]:
    """What differs, cell by cell where cells only changed, and where it is among the new ones."""
    for kind, start, end, new_start, new_end in SequenceMatcher(None, keys, new_keys, False).get_opcodes():
        old, new = keys[start:end], new_keys[new_start:new_end]
        if kind == "replace" and [cell[0] for cell in old] == [cell[0] for cell in new]:
            yield from (([was], [is_now], new_start + i) for i, (was, is_now) in enumerate(zip(old, new, strict=True)))
        elif kind != "equal":
            yield old, new, new_start


def _edited(template: str, cell: TemplateCell, old: Key, new: Key) -> str | None:
    """The template with a cell's edit; None where a changed line is not, as it is, a line of the template."""
    lines, before, after = template.split("\n"), _lines(old), _lines(new)
    first = cell.line - 1
    if cell.text.count("\n") + 1 != len(before):  # a value takes several lines
        return None
    for kind, start, end, new_start, new_end in reversed(SequenceMatcher(None, before, after, False).get_opcodes()):
        if kind != "equal":
            if lines[first + start : first + end] != before[start:end]:
                return None
            lines[first + start : first + end] = after[new_start:new_end]
    return "\n".join(lines)


def _lines(cell: Key) -> list[str]:
    """A cell's lines as a percent script holds them."""
    kind, text = cell
    return [line if kind == "code" else f"# {line}".rstrip() for line in text.split("\n")]


def _script(cells: Sequence[Key]) -> str:
    return "\n\n".join(f"# %% [{cell[0]}]\n" + "\n".join(_lines(cell)) for cell in cells)


def _heading_above(cells: Sequence[NotebookNode], position: int) -> str:
    above = [_HEADING.match(cell.source) for cell in cells[: position + 1] if cell.cell_type == "markdown"]
    headings = [match[1] for match in above if match]
    return f'"{headings[-1]}"' if headings else "the top"
