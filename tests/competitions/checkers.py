"""What each year's rules accept as a submission, written from the rules alone: numpy and csv, nothing of ours.

A submission answers each row that was asked for once. The order of the rows is free, since Kaggle joins them by
row_id; the columns are the sample's, in its order.

* 2021: ``row_id,birds``; "a space delimited list of the set of unique birds", or ``nocall`` where there are none.
* 2022: ``row_id,target``; a row for each file, bird and window; True or False.
* 2023 to 2026: ``row_id`` and a column for each class; a probability in each cell.
"""

import csv
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

NOCALL = "nocall"


def check(year: int, path: Path, rows: Collection[str], classes: Sequence[str]) -> list[str]:
    """What the year's rules refuse in a submission, a line each.

    Args:
        path: of the submission.
        rows: the row ids that are asked for.
        classes: the year's labels; from 2023 on in the order of the sample's columns.
    """
    if path.name != "submission.csv":
        return [f"the file's name is {path.name}"]
    if not path.is_file():
        return ["there is no file"]
    try:
        with open(path, newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        return [f"no table of text in UTF-8: {error}"]
    columns = ["row_id", *{2021: ["birds"], 2022: ["target"]}.get(year, classes)]
    if not lines or lines[0] != columns:
        return [f"the columns are {lines[:1]}, not {columns}"]
    if uneven := [number for number, line in enumerate(lines, 1) if len(line) != len(columns)]:
        return [f"line {uneven[0]} has {len(lines[uneven[0] - 1])} cells, not {len(columns)}"]
    problems = _rows([line[0] for line in lines[1:]], rows)
    judge: Callable[[list[str], Sequence[str]], str] = {2021: _birds, 2022: _target}.get(year, _probabilities)
    for line in lines[1:]:
        if wrong := judge(line[1:], classes):
            problems.append(f"{line[0]}: {wrong}")
    return problems


def constant_recordings(year: int, path: Path, stems: Collection[str]) -> list[str]:
    """The recordings from 2023 on whose rows all have the same scores: nobody listened to them.

    In 2021 and 2022 a model that decides the same in every window may well have listened.
    """
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))[1:]
    scores: dict[str, set[tuple[str, ...]]] = {stem: set() for stem in stems}
    for row_id, *cells in lines if year >= 2023 else []:
        if (stem := row_id.rpartition("_")[0]) in scores:
            scores[stem].add(tuple(cells))
    return [stem for stem, seen in scores.items() if year >= 2023 and len(seen) < 2]


def _rows(have: Sequence[str], wanted: Collection[str]) -> list[str]:
    count, asked = Counter(have), set(wanted)
    kinds = {
        "twice": [row for row, times in count.items() if times > 1],
        "not asked for": sorted(set(count) - asked),
        "missing": sorted(asked - set(count)),
    }
    return [f"{len(rows)} rows {kind}, such as {rows[0]!r}" for kind, rows in kinds.items() if rows]


def _birds(cells: list[str], classes: Sequence[str]) -> str:
    labels = cells[0].split(" ")
    if labels == [NOCALL]:
        return ""
    if not all(labels):
        return f"no list of labels between single blanks: {cells[0]!r}"
    if unknown := sorted(set(labels) - set(classes)):
        return f"{unknown[0]} is no bird of this year"  # nor is nocall beside a bird
    return "" if len(set(labels)) == len(labels) else f"a bird twice: {cells[0]!r}"


def _target(cells: list[str], classes: Sequence[str]) -> str:
    return "" if cells[0] in ("True", "False") else f"neither True nor False: {cells[0]!r}"


def _probabilities(cells: list[str], classes: Sequence[str]) -> str:
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError as error:
        return str(error)
    if not np.isfinite(values).all():
        return "a score is not finite"
    return "" if ((values >= 0) & (values <= 1)).all() else "a score is no probability"
