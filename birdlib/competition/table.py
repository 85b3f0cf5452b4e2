"""The submission as a table: made, checked, and written whole or not at all."""

import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.rows import ROW_ID, RowPlan, one_line, open_table, read_header, shown, table_form
from birdlib.errors import BirdlibError


def submission_table(plan: RowPlan, scores: np.ndarray) -> pd.DataFrame:
    """The submission: the plan's rows and columns with scores float [rows, classes], the plan's order.

    Raises BirdlibError if the shape is another or a score is not finite.
    """
    shape = (len(plan.row_ids), len(plan.classes))
    if scores.shape != shape:
        raise BirdlibError(f"scores of shape {scores.shape}; the submission needs {shape} (rows, classes)")
    if not np.isfinite(scores).all():
        bad = shown([plan.row_ids[i] for i in np.flatnonzero(~np.isfinite(scores).all(axis=1))], "row")
        raise BirdlibError(f"scores that are not finite in {bad}; replace them before the table is made")
    table = pd.DataFrame(scores, columns=list(plan.classes), copy=True)
    table.insert(plan.columns.index(ROW_ID), ROW_ID, list(plan.row_ids), allow_duplicates=True)
    return table


def read_table(path: Path | str) -> pd.DataFrame:
    """A submission-like table: `row_id` as strings, the other columns as pandas reads them, doubled ones too.

    Raises BirdlibError if it cannot be read or has no column `row_id`.
    """
    columns, (encoding, delimiter) = read_header(path), table_form(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the header
            table = pd.read_csv(
                path,
                sep=delimiter,
                header=0,
                # By their place: pandas would rename an empty column, and refuse a doubled one.
                names=list(range(len(columns))),
                index_col=False,
                converters={columns.index(ROW_ID): str},
                encoding=encoding,
                encoding_errors="surrogateescape",
            )
    except (ValueError, OSError, pd.errors.ParserWarning) as error:
        raise BirdlibError(f"{path}: not readable as a table ({one_line(error)})") from None
    return table.set_axis(list(columns), axis=1)


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
    problems = _name_problems(columns, plan.columns, "column")
    if ROW_ID not in columns:
        return problems
    place = columns.index(ROW_ID)
    problems += _name_problems([str(name) for name in table.iloc[:, place]], plan.row_ids, "row")
    known = set(plan.classes)
    scores = [number for number, name in enumerate(columns) if number != place and name in known]
    return problems + _value_problems(table.iloc[:, scores])


def _name_problems(names: list[str], wanted: tuple[str, ...], what: str) -> list[str]:
    have, need = Counter(names), Counter(wanted)
    found = {
        "missing": list(need - have),
        "not asked for": [name for name in have if name not in need],
        "doubled": [name for name, times in have.items() if times > max(need[name], 1)],
    }
    problems = [f"{shown(which, what)} {wrong}" for wrong, which in found.items() if which]
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


def write_table(table: pd.DataFrame, path: Path | str, digits: int = 6) -> None:
    """Write a table as CSV, first under a temporary name, so that `path` is always whole.

    float32 columns get as many digits as it takes to read the same numbers again, other floats ``digits``.
    Whole-numbered float columns keep a decimal point and are floats again when read.
    """
    path = Path(path)
    columns, cells = [], []
    for position in range(table.shape[1]):
        column = table.iloc[:, position]
        if pd.api.types.is_float_dtype(column):
            values = column.to_numpy(dtype=np.float64)
            columns.append(values.tolist())
            cell = f"%.{9 if column.dtype == np.float32 else digits}g"
            cells.append("%.1f" if np.array_equal(values, np.rint(values)) else cell)
        else:
            columns.append([_quoted(str(value)) for value in column])
            cells.append("%s")
    line = ",".join(cells) + "\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # Far faster than DataFrame.to_csv, and the table is written again after each model.
        with open_table(temporary, "w") as file:
            file.write(",".join(_quoted(str(name)) for name in table.columns) + "\n")
            file.writelines(line % row for row in zip(*columns, strict=True))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _quoted(text: str) -> str:
    if not any(mark in text for mark in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'
