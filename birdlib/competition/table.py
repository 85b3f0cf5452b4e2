"""Submission-like tables: read, and written whole or not at all."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.rows import ROW_ID, one_line, open_table, read_header, table_form
from birdlib.errors import BirdlibError


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
