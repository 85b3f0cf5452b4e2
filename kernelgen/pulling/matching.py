"""Which cell of one notebook is which of another: edited, moved, split, put together, new or gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

# Cells that share less of their text are taken for different ones.
_ALIKE = 0.5


@dataclass(frozen=True)
class Piece:
    """A cell as it is matched. text: without empty lines at the end. identity: "" if it has none."""

    kind: str
    text: str
    identity: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two cells the same."""
        return self.kind, self.text


@dataclass(frozen=True)
class Match:
    """Cells of the old notebook that became cells of the new, by position; () where there are none.

    same: whether their text is the same, so that they were only moved, split or put together.
    """

    old: tuple[int, ...]
    new: tuple[int, ...]
    same: bool = False


def changes(old: Sequence[Piece], new: Sequence[Piece]) -> list[Match]:
    """What became of the cells, without those that stayed as and where they were, in the new one's order."""
    blocks = SequenceMatcher(None, [one.key for one in old], [one.key for one in new], autojunk=False)
    kept = {
        start + step: new_start + step
        for start, new_start, size in blocks.get_matching_blocks()
        for step in range(size)
    }
    gone = [number for number in range(len(old)) if number not in kept]
    come = [number for number in range(len(new)) if number not in set(kept.values())]
    found: list[Match] = []

    def take(match: Match) -> None:
        found.append(match)
        for number in match.old:
            gone.remove(number)
        for number in match.new:
            come.remove(number)

    for number in list(gone):
        moved = next((other for other in come if new[other].key == old[number].key), None)
        if moved is not None:
            take(Match((number,), (moved,), same=True))
    for number in list(gone):
        if run := _run(old[number], new, come):
            take(Match((number,), run, same=True))
    for number in list(come):
        if run := _run(new[number], old, gone):
            take(Match(run, (number,), same=True))
    for number, other in _edited(old, new, gone, come, kept):
        take(Match((number,), (other,)))
    found += [Match((number,), ()) for number in gone]
    found += [Match((), (number,)) for number in come]
    places = kept | {one.old[0]: one.new[0] for one in found if one.old and one.new and not one.same}
    return sorted(found, key=lambda match: _place(match, places))


def _run(whole: Piece, cells: Sequence[Piece], free: Iterable[int]) -> tuple[int, ...]:
    """Neighbours among ``cells``, at least two, that make up ``whole``; empty lines do not count."""
    wanted = _squeezed(whole.text)
    free = sorted(free)
    for first, number in enumerate(free):
        got: list[str] = []
        run: list[int] = []
        for other in free[first:]:
            if other != number + len(run) or cells[other].kind != whole.kind:
                break
            run.append(other)
            got += _squeezed(cells[other].text)
            if got != wanted[: len(got)]:
                break
            if len(got) == len(wanted) and len(run) > 1:
                return tuple(run)
    return ()


def _edited(
    old: Sequence[Piece],
    new: Sequence[Piece],
    gone: Iterable[int],
    come: Iterable[int],
    kept: dict[int, int],
) -> list[tuple[int, int]]:
    """Pairs of an old and a new cell that are most likely the same one, the surest first."""
    scored = []
    for number in gone:
        for other in come:
            # Between the same neighbours a cell may have been written quite anew.
            between = _before(number, kept) == other - 1 if number else other == 0
            named = bool(old[number].identity) and old[number].identity == new[other].identity
            same_kind = old[number].kind == new[other].kind
            likeness = _likeness(old[number].text, new[other].text)
            if likeness >= _ALIKE or same_kind and (named or between and likeness >= _ALIKE / 2):
                scored.append((named, same_kind, likeness, -abs(number - other), number, other))
    pairs: list[tuple[int, int]] = []
    for *_, number, other in sorted(scored, reverse=True):
        if all(number != one and other != two for one, two in pairs):
            pairs.append((number, other))
    return pairs


def _before(number: int, kept: dict[int, int]) -> int | None:
    return kept.get(number - 1)


def _likeness(one: str, other: str) -> float:
    lines, others = one.split("\n"), other.split("\n")
    by_lines = SequenceMatcher(None, lines, others, autojunk=False).ratio()
    if by_lines >= _ALIKE or len(one) + len(other) > 4000:
        return by_lines
    by_signs = SequenceMatcher(None, one, other, autojunk=False)
    return max(by_lines, by_signs.ratio() if by_signs.quick_ratio() >= _ALIKE / 2 else 0.0)


def _squeezed(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def _place(match: Match, places: dict[int, int]) -> tuple[int, int, int]:
    if match.new:
        return match.new[0], 0, 0
    before = [number for number in places if number < match.old[0]]
    return (places[max(before)] if before else -1), 1, match.old[0]
