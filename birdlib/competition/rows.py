"""The submission's rows: which windows of which recordings, in which order."""

import codecs
import csv
import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from birdlib.errors import BirdlibError

ROW_ID = "row_id"
LONGEST_SECONDS = 24 * 3600  # no recording of any year is longer than a day
# By so much a recording may fall short of its last whole window, whose row exists all the same.
SHORT_BY = 0.05
_END = re.compile(r"\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class SampleSubmission:
    """What `sample_submission.csv` asks for. All names are strings, also those that look like numbers.

    Row ids and columns stand as the file has them, doubled ones too: the submission has to have the same.
    """

    row_ids: tuple[str, ...]
    columns: tuple[str, ...]  # row_id among them

    @property
    def classes(self) -> tuple[str, ...]:
        """The columns beside row_id."""
        return without_row_id(self.columns)


@dataclass(frozen=True)
class RowPlan:
    """The rows to be scored.

    ends[stem] are the sorted end seconds of the windows that a recording needs, float64 [windows];
    rows[stem] are their positions in `row_ids`, int64 [windows].
    """

    row_ids: tuple[str, ...]
    columns: tuple[str, ...]  # row_id among them
    ends: Mapping[str, np.ndarray]
    rows: Mapping[str, np.ndarray]
    without_recording: tuple[str, ...]  # rows that no recording can fill
    unasked: tuple[str, ...]  # recordings that no row names
    notes: tuple[str, ...]  # what a person should know, a line each
    unclear: tuple[str, ...] = ()  # row ids that name no window

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of sample_submission.csv."""
        return without_row_id(self.columns)


def without_row_id(columns: Sequence[str]) -> tuple[str, ...]:
    """A submission's columns but the first one called row_id."""
    place = list(columns).index(ROW_ID)
    return (*columns[:place], *columns[place + 1 :])


def read_sample(path: Path | str) -> SampleSubmission:
    """Read `sample_submission.csv`.

    Raises:
        BirdlibError: it cannot be read, has no `row_id` column, or no class.
    """
    columns, *lines = _lines(path)
    if len(columns) < 2:
        raise BirdlibError(f"{path}: no class column beside {ROW_ID}")
    place = columns.index(ROW_ID)
    # By their place: pandas takes the first column for an index where rows are longer than the header.
    row_ids = tuple(line[place] if place < len(line) else "" for line in lines if line)
    return SampleSubmission(row_ids, tuple(columns))


def read_classes(path: Path | str) -> tuple[str, ...]:
    """The classes of `sample_submission.csv`, for a model that is to learn them.

    Raises:
        BirdlibError: it cannot be read, has no class, or names one twice.
    """
    classes = read_sample(path).classes
    if doubled := doubles(classes):
        raise BirdlibError(f"{path}: {shown(doubled, 'column')} more than once")
    return classes


def open_table(path: Path | str, mode: str = "r", encoding: str = "utf-8"):
    """A submission-like table as a text file; bytes that are no UTF-8 are kept, as in the names of files."""
    return open(path, mode, newline="", encoding=encoding, errors="surrogateescape")


def read_header(path: Path | str) -> tuple[str, ...]:
    """Read a submission-like table's column names; BirdlibError if `row_id` is missing."""
    return tuple(_lines(path, count=1)[0])


def table_form(path: Path | str) -> tuple[str, str]:
    """A table's encoding and delimiter: spreadsheets also save in UTF-16, and between semicolons or tabs.

    Raises OSError or UnicodeError if it cannot be read.
    """
    with open(path, "rb") as file:
        encoding = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    with open_table(path, encoding=encoding) as file:
        return encoding, max(",;\t", key=file.readline().count)


def _lines(path: Path | str, count: int | None = None) -> list[list[str]]:
    """The cells of a table's first lines, or of all, the header first.

    Raises:
        BirdlibError: it cannot be read, or its header has no `row_id`.
    """
    try:
        encoding, delimiter = table_form(path)
        with open_table(path, encoding=encoding) as file:
            lines = list(islice(csv.reader(file, delimiter=delimiter), count))
    except (OSError, ValueError, csv.Error) as error:
        raise BirdlibError(f"{path}: not readable as a table ({one_line(error)})") from None
    if not lines or ROW_ID not in lines[0]:
        raise BirdlibError(f"{path}: not readable as a table (there is no column {ROW_ID})")
    return lines


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


def plan_rows(sample: SampleSubmission, recordings: Mapping[str, float | None], window_s: int = 5) -> RowPlan:
    """Which rows the submission has, and which windows of which recordings fill them.

    recordings: stem -> seconds, None where the length cannot be read.

    Where the sample names recordings that exist, its rows are the submission's rows, in its order; a row id that
    names no window is a row without a recording. Where it holds placeholders only, the rows are all full windows of
    the recordings, by stem and end. Without any recording the sample's rows stay as they are. Placeholders are: names
    of recordings that do not exist; and fewer rows than there are recordings, which leave most recordings out and do
    not even cover those that they name.
    """
    asked: dict[str, list[tuple[float, int]]] = {}  # the sample's stem -> (end, position)
    unclear = []
    for position, row_id in enumerate(sample.row_ids):
        try:
            stem, end = split_row_id(row_id)
        except BirdlibError:
            unclear.append(row_id)
        else:
            asked.setdefault(stem, []).append((end, position))
    named = _named_recordings(asked, recordings)
    full = {stem: _full_windows(seconds, window_s) for stem, seconds in recordings.items()}
    if recordings and _only_placeholders(asked, named, full, len(sample.row_ids)):
        return _from_recordings(sample, full, window_s)

    ends, rows, without = {}, {}, []
    for stem, windows in asked.items():
        if stem in named:
            windows = sorted(windows)
            ends[named[stem]] = np.array([end for end, _ in windows], dtype=np.float64)
            rows[named[stem]] = np.array([position for _, position in windows], dtype=np.int64)
        else:
            without += [position for _, position in windows]
    without_recording = tuple(sample.row_ids[position] for position in sorted(without))
    unasked = tuple(sorted(set(recordings) - set(ends)))
    notes = []
    if without_recording:
        notes.append(f"{shown(without_recording, 'row')} of the sample submission without a recording")
    if unasked:
        notes.append(f"{shown(unasked, 'recording')} without a row in the sample submission: not scored")
    return RowPlan(sample.row_ids, sample.columns, ends, rows, without_recording, unasked, tuple(notes), tuple(unclear))


def _named_recordings(asked: Mapping[str, object], recordings: Mapping[str, object]) -> dict[str, str]:
    """The sample's stems that name a recording -> that recording's stem, each recording once."""
    named = {stem: stem for stem in asked if stem in recordings}
    # macOS writes the accents of a file's name as characters of their own.
    composed = {unicodedata.normalize("NFC", stem): stem for stem in recordings if stem not in named}
    for stem in asked:
        if stem not in named and (same := composed.pop(unicodedata.normalize("NFC", stem), None)) is not None:
            named[stem] = same
    # In 2021 the rows are <audio_id>_<site>_<end> and the files <audio_id>_<site>_<date>.
    taken = set(named.values())
    free = sorted(stem for stem in recordings if stem not in taken)
    for stem in asked:
        if stem not in named:
            at = bisect_left(free, stem + "_")
            fitting = [one for one in free[at : at + 2] if one.startswith(stem + "_")]
            if len(fitting) == 1 and fitting[0] not in taken:
                named[stem] = fitting[0]
                taken.add(fitting[0])
    return named


def _full_windows(seconds: float | None, window_s: int) -> int | None:
    return None if seconds is None else int((seconds + SHORT_BY) // window_s)


def _only_placeholders(
    asked: Mapping[str, Sequence[tuple[float, int]]],
    named: Mapping[str, str],
    full: Mapping[str, int | None],
    n_rows: int,
) -> bool:
    if not named:
        return True
    covered = all(len({end for end, _ in asked[stem]}) >= (full[recording] or 0) for stem, recording in named.items())
    return not covered and 2 * len(named) < len(full) and n_rows < len(full)


def _from_recordings(sample: SampleSubmission, full: Mapping[str, int | None], window_s: int) -> RowPlan:
    row_ids: list[str] = []
    ends, rows = {}, {}
    why = "holds placeholders only" if sample.row_ids else "is missing or empty"
    notes = [f"the sample submission {why}: rows built from {len(full)} recordings"]
    known = Counter(count for count in full.values() if count is not None)
    usual = known.most_common(1)[0][0] if known else 0
    unreadable = [stem for stem, count in full.items() if count is None]
    if unreadable:
        broken = shown(unreadable, "recording")
        notes.append(f"{broken} of unknown length: {usual} rows, as most others have")
    for stem in sorted(full):
        count = full[stem]
        count = usual if count is None else count
        seconds = window_s * np.arange(1, count + 1)
        ends[stem] = seconds.astype(np.float64)
        rows[stem] = len(row_ids) + np.arange(count)
        row_ids += [f"{stem}_{end}" for end in seconds]
    return RowPlan(tuple(row_ids), sample.columns, ends, rows, (), (), tuple(notes))


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
