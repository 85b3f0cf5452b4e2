"""Row ids, and tables that have them: what every kernel needs of a submission."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from birdlib.errors import BirdlibError

ROW_ID = "row_id"
LONGEST_SECONDS = 24 * 3600  # no recording of any year is longer than a day
_END = re.compile(r"\d+(\.\d+)?", re.ASCII)


def split_row_id(row_id: str) -> tuple[str, float]:
    """Split a row id into the recording's stem and the window's end in seconds, an int where it is whole.

    "soundscape_29201_5" -> ("soundscape_29201", 5). From the right, since stems hold underscores and dates. An end
    may be written as "5.0", and spaces around a row id mean nothing.

    Raises:
        BirdlibError: there is no such end, or it lies beyond a day.
    """
    stem, _, end = row_id.strip().rpartition("_")
    if not (stem and _END.fullmatch(end) and 0 < float(end) <= LONGEST_SECONDS):
        raise BirdlibError(f"row id {row_id!r} does not end in _<end of the window in seconds>")
    return stem, int(float(end)) if float(end).is_integer() else float(end)


def without_row_id(columns: Sequence[str]) -> tuple[str, ...]:
    """A submission's columns but the first one called row_id."""
    place = list(columns).index(ROW_ID)
    return (*columns[:place], *columns[place + 1 :])


def read_classes(path: Path | str) -> tuple[str, ...]:
    """The classes of a table with a column for each, such as most years' `sample_submission.csv`.

    Raises:
        BirdlibError: it cannot be read, has no class, or names one twice.
    """
    columns = read_header(path)
    if doubled := doubles(columns):
        raise BirdlibError(f"{path}: {shown(doubled, 'column')} more than once")
    if len(columns) < 2:
        raise BirdlibError(f"{path}: no class column beside {ROW_ID}")
    return without_row_id(columns)


def open_table(path: Path | str, mode: str = "r", encoding: str = "utf-8"):
    """A submission-like table as a text file; bytes that are no UTF-8 are kept, as in the names of files."""
    return open(path, mode, newline="", encoding=encoding, errors="surrogateescape")


def read_header(path: Path | str) -> tuple[str, ...]:
    """Read a submission-like table's column names; BirdlibError if `row_id` is missing."""
    return tuple(read_lines(path, count=1)[0])


def table_form(path: Path | str) -> tuple[str, str]:
    """A table's encoding and delimiter: spreadsheets also save in UTF-16, and between semicolons or tabs.

    Raises OSError or UnicodeError if it cannot be read.
    """
    with open(path, "rb") as file:
        encoding = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    with open_table(path, encoding=encoding) as file:
        return encoding, max(",;\t", key=file.readline().count)


def read_lines(path: Path | str, needed: Sequence[str] = (ROW_ID,), count: int | None = None) -> list[list[str]]:
    """The cells of a table's first lines, or of all, the header first.

    Raises:
        BirdlibError: it cannot be read, or a column that is needed is missing.
    """
    try:
        encoding, delimiter = table_form(path)
        with open_table(path, encoding=encoding) as file:
            lines = list(islice(csv.reader(file, delimiter=delimiter), count))
    except (OSError, ValueError, csv.Error) as error:
        raise BirdlibError(f"{path}: not readable as a table ({one_line(error)})") from None
    if missing := [name for name in needed if not lines or name not in lines[0]]:
        raise BirdlibError(f"{path}: not readable as a table (there is no column {missing[0]})")
    return lines


def read_columns(path: Path | str, *names: str) -> list[tuple[str, ...]]:
    """Some cells of each line that is not empty, by their columns' names; "" where a line is too short.

    Raises:
        BirdlibError: the table cannot be read, or a column is missing.
    """
    header, *lines = read_lines(path, names)
    # By their place: pandas takes the first column for an index where rows are longer than the header.
    places = [header.index(name) for name in names]
    return [tuple(line[place] if place < len(line) else "" for place in places) for line in lines if line]


def doubles(names: Sequence[str]) -> list[str]:
    """The names that occur more than once."""
    return [name for name, times in Counter(names).items() if times > 1]


def shown(names: Sequence[str], what: str) -> str:
    """A count with its first few names, for messages: "2 rows (a, b)"."""
    listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'} ({listed})"


def one_line(error: Exception) -> str:
    """An exception's text in one line."""
    return " ".join(str(error).split())
