"""Submissions and truths in each year's form, as tables of windows and classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.editions import BIRDS, TARGETS, WINDOWS
from birdlib.competition.rows import ROW_ID, doubles, one_line, shown, split_row_id
from birdlib.competition.table import read_table
from birdlib.errors import BirdlibError

_BIRDS, _TARGET, _NO_BIRD = "birds", "target", "nocall"
_TRUE = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}


@dataclass(frozen=True)
class LabelTable:
    """What a submission or a truth says of windows.

    Attributes:
        path: the file, for messages.
        form: WINDOWS (a number for each class), BIRDS (2021: the labels of a window) or TARGETS (2022: True or False
            for a class in a window).
        row_ids: of the windows, each once.
        values: float64 [windows, classes].
        there: bool [windows, classes]; cells that the file says something of.
    """

    path: Path | str
    form: str
    row_ids: tuple[str, ...]
    classes: tuple[str, ...]
    values: np.ndarray
    there: np.ndarray

    @property
    def soundscapes(self) -> list[str]:
        """Of each window."""
        return [split_row_id(row_id)[0] for row_id in self.row_ids]

    def take(self, row_ids: Sequence[str], classes: Sequence[str]) -> "LabelTable":
        """Other rows and classes by name; in a list of labels, a class that it does not name is not there."""
        rows = pd.Index(self.row_ids).get_indexer(pd.Index(row_ids))
        columns = pd.Index(self.classes).get_indexer(pd.Index(classes))
        known = np.ix_(rows >= 0, columns >= 0)
        values, there = np.zeros((2, len(row_ids), len(classes)))
        cells = np.ix_(rows[rows >= 0], columns[columns >= 0])
        there[:] = self.form == BIRDS
        values[known], there[known] = self.values[cells], self.there[cells]
        return LabelTable(self.path, self.form, tuple(row_ids), tuple(classes), values, there > 0)


def read_label_table(path: Path | str) -> LabelTable:
    """Read a table of any form, which its columns tell.

    Raises:
        BirdlibError: it cannot be read, names a row twice, or holds something else than its form does.
    """
    table = read_table(path)
    row_ids = tuple(table[ROW_ID].astype(str).str.strip())
    for names, what in ((row_ids, "row"), (tuple(table.columns), "column")):
        if doubled := doubles(names):
            raise BirdlibError(f"{path}: {shown(doubled, what)} more than once")
    if _BIRDS in table:
        return _of_birds(path, row_ids, table[_BIRDS].fillna("").astype(str))
    if _TARGET in table:
        return _of_targets(path, row_ids, table[_TARGET])
    classes = tuple(name for name in table.columns if name != ROW_ID)
    try:
        values = table[list(classes)].to_numpy(dtype=np.float64)
    except ValueError as error:
        raise BirdlibError(f"{path}: not a table of numbers ({one_line(error)})") from None
    return LabelTable(path, WINDOWS, row_ids, classes, values, np.ones(values.shape, bool))


def _of_birds(path: Path | str, row_ids: tuple[str, ...], cells: pd.Series) -> LabelTable:
    """A row for each window, its labels between spaces; "nocall" for none."""
    labels = [set(cell.split()) for cell in cells]
    if empty := [row_id for row_id, listed in zip(row_ids, labels, strict=True) if not listed]:
        raise BirdlibError(f"{path}: {shown(empty, 'row')} without a label; write nocall where there is none")
    classes = tuple(sorted(set().union(*labels) - {_NO_BIRD}))
    values = np.array([[name in listed for name in classes] for listed in labels], np.float64)
    values = values.reshape(len(row_ids), len(classes))
    return LabelTable(path, BIRDS, row_ids, classes, values, np.ones(values.shape, bool))


def _of_targets(path: Path | str, row_ids: tuple[str, ...], cells: pd.Series) -> LabelTable:
    """A row for each window and class, <file>_<class>_<end>."""
    targets = cells.astype(str).str.strip().str.lower().map(_TRUE)
    if targets.isna().any():
        wrong = [repr(cell) for cell in cells[targets.isna()]]
        raise BirdlibError(f"{path}: {shown(wrong, 'target')} other than True and False")
    parts = [row_id.rsplit("_", 2) for row_id in row_ids]
    if unclear := [row_id for row_id, part in zip(row_ids, parts, strict=True) if len(part) < 3]:
        raise BirdlibError(f"{path}: {shown(unclear, 'row id')} without _<class>_<end>")
    windows = list(dict.fromkeys(f"{file}_{end}" for file, _, end in parts))
    classes = list(dict.fromkeys(name for _, name, _ in parts))
    rows = pd.Index(windows).get_indexer(pd.Index([f"{file}_{end}" for file, _, end in parts]))
    columns = pd.Index(classes).get_indexer(pd.Index([name for _, name, _ in parts]))
    values, there = np.zeros((2, len(windows), len(classes)))
    values[rows, columns], there[rows, columns] = targets, 1
    return LabelTable(path, TARGETS, tuple(windows), tuple(classes), values, there > 0)


def aligned(submission: LabelTable, truth: LabelTable) -> tuple[LabelTable, LabelTable, np.ndarray]:
    """The same rows and classes of both, in the truth's order, and the cells that count, bool [windows, classes].

    Where labels are listed, one that the other file does not know is not there. A truth may have classes that 2022's
    submission is not asked for, and the whole names of 2021's files, which end in a date that row ids leave out.

    Raises:
        BirdlibError: they are not of the same windows and classes.
    """
    if submission.form == BIRDS:
        classes = tuple(dict.fromkeys((*truth.classes, *submission.classes)))
        if not set(truth.row_ids) & set(submission.row_ids):
            short = [f"{stem.rpartition('_')[0]}_{end}" for stem, end in map(split_row_id, truth.row_ids)]
            truth = replace(truth, row_ids=tuple(short))
    else:
        asks_for_some = submission.form == TARGETS and truth.form != TARGETS
        missing = [] if asks_for_some else _without(truth.classes, submission.classes)
        unknown = [] if truth.form == BIRDS else _without(submission.classes, truth.classes)
        _refuse(submission, truth, "column", missing, unknown)
        classes = tuple(name for name in truth.classes if name in set(submission.classes)) + tuple(
            _without(submission.classes, truth.classes)
        )
    missing, unknown = _without(truth.row_ids, submission.row_ids), _without(submission.row_ids, truth.row_ids)
    _refuse(submission, truth, "row", missing, unknown)
    row_ids = truth.row_ids
    submission, truth = submission.take(row_ids, classes), truth.take(row_ids, classes)
    if odd := np.count_nonzero(submission.there & ~truth.there):
        raise BirdlibError(f"{submission.path} does not fit {truth.path}: {odd} rows without a truth")
    if submission.form == truth.form and (odd := np.count_nonzero(truth.there & ~submission.there)):
        raise BirdlibError(f"{submission.path} does not fit {truth.path}: {odd} rows missing")
    return submission, truth, submission.there


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    known = set(others)
    return [name for name in names if name not in known]


def _refuse(submission: LabelTable, truth: LabelTable, what: str, missing: list[str], unknown: list[str]) -> None:
    wrong = {"missing": missing, "not asked for": unknown}
    problems = [f"{shown(names, what)} {problem}" for problem, names in wrong.items() if names]
    if problems:
        raise BirdlibError(f"{submission.path} does not fit {truth.path}: " + "; ".join(problems))
