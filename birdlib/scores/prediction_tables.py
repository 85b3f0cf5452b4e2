"""Predictions of a validation as CSV."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from birdlib.competition.rows import ROW_ID, doubles, one_line, shown, split_row_id
from birdlib.competition.table import write_table
from birdlib.errors import BirdlibError
from birdlib.scores.predictions import Predictions

_NAMES = (ROW_ID, "filename", "group", "truth", "masked")
# What they are called, behind a model's name.
OUT_OF_FOLD, ON_SOUNDSCAPES = ".oof.csv", ".soundscapes.csv"
_EXACT = 17  # digits that tell any two floats apart: with fewer, the surest scores would tie


def clip_row_ids(filenames: Sequence[str], end_second: int = 5) -> list[str]:
    """Row ids of clips that begin with their recording: "abethr1/XC128013.ogg" -> "abethr1/XC128013_5".

    The folder stays, since one recording may lie in two.
    """
    return [f"{PurePosixPath(filename).with_suffix('')}_{end_second}" for filename in filenames]


def write_predictions(
    path: Path | str,
    row_ids: Sequence[str],
    classes: Sequence[str],
    scores: np.ndarray,
    truth: np.ndarray,
    *,
    filenames: Sequence[str] | None = None,
    weights: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
) -> None:
    """Write predictions as CSV, whole or not at all; what is read again are the same numbers.

    Columns: row_id, filename, group, truth and masked (names of classes, separated by spaces), then a score per class.

    Args:
        row_ids: unique, each ends in ``_<end of the window in seconds>``.
        scores: float [rows, classes].
        truth: 0/1 [rows, classes].
        filenames: None: the row ids without their end.
        weights: float [rows, classes]; cells of 0 are those masked. None: none is.
        groups: see ``Predictions``; None: the filenames.

    Raises:
        BirdlibError: a row id stands twice or has no end, a class could not be read again, or the disk is full.
    """
    weights = np.ones(truth.shape) if weights is None else weights
    if doubled := doubles(row_ids):
        raise BirdlibError(f"{path}: {shown(doubled, 'row id')} more than once")
    if bad := doubles(classes) or [name for name in classes if not name or name in _NAMES or len(name.split()) != 1]:
        raise BirdlibError(f"{path}: {shown(bad, 'class')}: doubled, with a space, or named as another column")
    stems = [split_row_id(row_id)[0] for row_id in row_ids]
    filenames = stems if filenames is None else [str(filename) for filename in filenames]
    groups = filenames if groups is None else [str(group) for group in groups]
    names = np.array(classes, dtype=object)
    columns = {
        ROW_ID: row_ids,
        "filename": filenames,
        "group": groups,
        "truth": [" ".join(names[row]) for row in truth == 1],
        "masked": [" ".join(names[row]) for row in weights == 0],
    }
    table = pd.concat([pd.DataFrame(columns), pd.DataFrame(scores.astype(np.float64), columns=classes)], axis=1)
    try:
        write_table(table, path, digits=_EXACT)
    except OSError as error:
        raise BirdlibError(f"{path}: cannot be written ({error.strerror}); is the disk full?") from error


def read_predictions(path: Path | str) -> Predictions:
    """What ``write_predictions`` wrote.

    Raises:
        BirdlibError: the file cannot be read, or holds no predictions.
    """
    try:
        # All names are text, also those that look like numbers.
        table = pd.read_csv(path, dtype=dict.fromkeys(_NAMES, str), keep_default_na=False, float_precision="round_trip")
        classes = tuple(table.columns[len(_NAMES) :])
        scores = table[list(classes)].to_numpy(np.float64)
    except (ValueError, OSError) as error:
        raise BirdlibError(f"{path}: not readable as predictions ({one_line(error)})") from None
    if tuple(table.columns[: len(_NAMES)]) != _NAMES or not classes:
        raise BirdlibError(f"{path}: no predictions; expected the columns {', '.join(_NAMES)}, then the classes")
    row_ids = tuple(table[ROW_ID])
    if doubled := doubles(row_ids):
        raise BirdlibError(f"{path}: {shown(doubled, 'row id')} more than once")
    return Predictions(
        row_ids=row_ids,
        filenames=tuple(table["filename"]),
        classes=classes,
        scores=scores,
        truth=_cells(path, table["truth"], classes),
        weights=1 - _cells(path, table["masked"], classes),
        groups=tuple(table["group"]),
    )


def _cells(path: Path | str, labels: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """float32 [rows, classes]: 1 where a class is among a row's space-separated names."""
    place = {name: number for number, name in enumerate(classes)}
    cells = np.zeros((len(labels), len(classes)), dtype=np.float32)
    for row, names in enumerate(labels):
        for name in names.split():
            if name not in place:
                raise BirdlibError(f"{path}: {name!r} in row {row + 1} is none of its classes")
            cells[row, place[name]] = 1
    return cells
