"""The submission in the year's form: read what is asked for, make the table, check it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.editions import COLUMNS, TARGETS, WINDOWS
from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.row_plan import Request, RowPlan, Targets, rows_with_recordings
from birdlib.competition.rows import ROW_ID, read_classes, read_columns, read_header, shown
from birdlib.competition.table import read_table
from birdlib.errors import BirdlibError

NOCALL = "nocall"
_TARGET_COLUMNS = ("file_id", "bird", "end_time")
# Takes probabilities, float [rows, classes], and says which classes are there, bool [rows, classes].
Decision = Callable[[np.ndarray], np.ndarray]


def at_half(scores: np.ndarray) -> np.ndarray:
    """Probabilities from one half on, bool [rows, classes]: the decision where nothing better is known."""
    return scores >= 0.5


def read_requests(files: CompetitionFiles, classes: Sequence[str] = ()) -> tuple[list[Request], list[str]]:
    """What each of the competition's tables asks for, and a line about each that cannot be read.

    Args:
        classes: the scored ones, where the form has no column for each.
    """
    requests, problems = [], []
    for name in files.edition.request:
        if (files.root / name).exists():
            try:
                requests.append(_read_request(files.root / name, files.edition.form, classes))
            except BirdlibError as error:
                problems.append(str(error))
    return requests, problems


def best_request(requests: Sequence[Request], stems: Collection[str]) -> Request:
    """The request whose windows name most recordings; the first one of those that are as good."""
    return max(requests, key=lambda request: rows_with_recordings(request, stems)) if len(requests) > 1 else requests[0]


def empty_request(files: CompetitionFiles, classes: Sequence[str]) -> Request:
    """A request without windows, for a competition's folder without a table that asks for any."""
    none = np.empty(0, np.int64)
    return Request((), (ROW_ID, *classes), files.edition.form, Targets((), none, none))


def scored_classes(files: CompetitionFiles) -> tuple[str, ...]:
    """The classes that a submission is scored by; those of training may be more.

    Raises:
        BirdlibError: what tells them is missing or cannot be read.
    """
    if files.edition.form == WINDOWS:
        return read_classes(files.sample_submission)
    if not files.edition.scored:
        return files.training_labels
    path = files.part(files.edition.scored)
    try:
        names = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BirdlibError(f"{path}: not readable as JSON ({error})") from None
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise BirdlibError(f"{path}: expected a list of labels")
    return tuple(dict.fromkeys(names))


def submission_table(plan: RowPlan, scores: np.ndarray, decide: Decision = at_half) -> pd.DataFrame:
    """The submission: the rows and columns of the plan's form, from scores float [windows, classes].

    Raises BirdlibError if the shape is another or a score is not finite.
    """
    shape = (len(plan.row_ids), len(plan.classes))
    if scores.shape != shape:
        raise BirdlibError(f"scores of shape {scores.shape}; the submission needs {shape} (rows, classes)")
    if not np.isfinite(scores).all():
        bad = shown([plan.row_ids[i] for i in np.flatnonzero(~np.isfinite(scores).all(axis=1))], "row")
        raise BirdlibError(f"scores that are not finite in {bad}; replace them before the table is made")
    if plan.form == WINDOWS:
        table = pd.DataFrame(scores, columns=list(plan.classes), copy=True)
        table.insert(plan.columns.index(ROW_ID), ROW_ID, list(plan.row_ids), allow_duplicates=True)
        return table
    decided = decide(scores)
    if plan.form == TARGETS:
        cells = decided[plan.targets.window, plan.targets.label]
    else:
        names = np.array(plan.classes, dtype=object)
        cells = [" ".join(names[row]) or NOCALL for row in decided]
    return pd.DataFrame({ROW_ID: list(_rows(plan)), COLUMNS[plan.form]: cells})


def check_submission(submission: Path | str | pd.DataFrame, plan: RowPlan) -> list[str]:
    """What a competition would refuse or misread in a submission, a line each; empty if all is well."""
    if isinstance(submission, pd.DataFrame):
        table = submission
    else:
        try:
            table = read_table(submission)
        except BirdlibError as error:
            return [str(error)]
    columns = [str(name) for name in table.columns]
    wanted = plan.columns if plan.form == WINDOWS else (ROW_ID, COLUMNS[plan.form])
    problems = _name_problems(columns, wanted, "column")
    if ROW_ID not in columns:
        return problems
    place = columns.index(ROW_ID)
    problems += _name_problems([str(name) for name in table.iloc[:, place]], _rows(plan), "row")
    if plan.form == WINDOWS:
        known = set(plan.classes)
        scores = [number for number, name in enumerate(columns) if number != place and name in known]
        return problems + _value_problems(table.iloc[:, scores])
    return problems if problems else _decision_problems(table[COLUMNS[plan.form]], plan)


def _read_request(path: Path, form: str, classes: Sequence[str]) -> Request:
    """Raises BirdlibError: it cannot be read, has no `row_id` column, or, where a class is a column, no class."""
    if form == TARGETS:
        return _read_targets(path, classes)
    row_ids = tuple(row_id for (row_id,) in read_columns(path, ROW_ID))
    columns = read_header(path) if form == WINDOWS else (ROW_ID, *classes)
    if form == WINDOWS and len(columns) < 2:
        raise BirdlibError(f"{path}: no class column beside {ROW_ID}")
    return Request(row_ids, columns, form)


def _read_targets(path: Path, classes: Sequence[str]) -> Request:
    """A table with a row for each class in each window; classes that no list has are taken from it."""
    if set(_TARGET_COLUMNS) <= set(read_header(path)):
        rows = read_columns(path, ROW_ID, *_TARGET_COLUMNS)
    else:
        # A label may hold underscores, and so may a recording's name.
        known = re.compile(rf"(.+?)_({'|'.join(map(re.escape, classes)) or '[^_]+'})_([^_]*)")
        other = re.compile(r"(.+)_([^_]+)_([^_]*)")
        texts = [text for (text,) in read_columns(path, ROW_ID)]
        matches = [(text, known.fullmatch(text) or other.fullmatch(text)) for text in texts]
        rows = [(text, *(match.groups() if match else (text, "", ""))) for text, match in matches]
    windows: dict[str, int] = {}
    places = {label: number for number, label in enumerate(classes)}
    window = [windows.setdefault(f"{file}_{end}", len(windows)) for _, file, _, end in rows]
    label = [places.setdefault(name, len(places)) for _, _, name, _ in rows]
    targets = Targets(tuple(row[0] for row in rows), np.array(window, np.int64), np.array(label, np.int64))
    return Request(tuple(windows), (ROW_ID, *places), TARGETS, targets)


def _rows(plan: RowPlan) -> tuple[str, ...]:
    return plan.targets.row_ids if plan.form == TARGETS else plan.row_ids


def _name_problems(names: list[str], wanted: tuple[str, ...], what: str) -> list[str]:
    have, need = Counter(names), Counter(wanted)
    wrong_names = {
        "missing": list(need - have),
        "not asked for": [name for name in have if name not in need],
        "doubled": [name for name, times in have.items() if times > max(need[name], 1)],
    }
    problems = [f"{shown(which, what)} {wrong}" for wrong, which in wrong_names.items() if which]
    if not problems and names != list(wanted):
        at = next(i for i, (name, right) in enumerate(zip(names, wanted, strict=True)) if name != right)
        problems.append(f"{what}s in another order: {names[at]} stands where {wanted[at]} should")
    return problems


def _value_problems(scores: pd.DataFrame) -> list[str]:
    not_numeric, not_finite, outside = [], [], []
    for name, column in scores.items() if len(scores) else ():
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            not_numeric.append(str(name))
            continue
        values = column.to_numpy(dtype=np.float64)
        finite = np.isfinite(values)
        if not finite.all():
            not_finite.append(str(name))
        if ((values[finite] < 0) | (values[finite] > 1)).any():
            outside.append(str(name))
    wrong = {
        "not numeric": not_numeric,
        "with NaN or infinite values": not_finite,
        "with values outside 0 to 1": outside,
    }
    return [f"{shown(names, 'column')} {what}" for what, names in wrong.items() if names]


def _decision_problems(cells: pd.Series, plan: RowPlan) -> list[str]:
    """Cells that are neither True nor False, or no labels of the plan's."""
    if plan.form == TARGETS:
        wrong = [] if cells.dtype == bool else cells[~cells.isin([True, False])].astype(str).tolist()
        return [f"{shown(wrong, 'target')} other than True and False"] if wrong else []
    known = set(plan.classes)
    lists = [(str(cell), str(cell).split()) for cell in cells]
    wrong = [
        cell
        for cell, labels in lists
        if labels != [NOCALL] and (not labels or len(set(labels)) < len(labels) or not known.issuperset(labels))
    ]
    return [f"{shown(wrong, 'cell')} of birds that are neither labels nor {NOCALL}"] if wrong else []
