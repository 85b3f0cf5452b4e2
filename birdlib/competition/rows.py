"""The submission's rows: which windows of which recordings, in which order."""

import csv
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.errors import BirdlibError

ROW_ID = "row_id"


@dataclass(frozen=True)
class SampleSubmission:
    """What `sample_submission.csv` asks for. All names are strings, also those that look like numbers."""

    row_ids: tuple[str, ...]
    columns: tuple[str, ...]  # row_id among them

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(name for name in self.columns if name != ROW_ID)


@dataclass(frozen=True)
class RowPlan:
    """The rows to be scored.

    ends[stem] are the sorted end seconds of the windows that a recording needs, int64 [windows];
    rows[stem] are their positions in `row_ids`, int64 [windows].
    """

    row_ids: tuple[str, ...]
    columns: tuple[str, ...]  # row_id among them
    ends: Mapping[str, np.ndarray]
    rows: Mapping[str, np.ndarray]
    without_recording: tuple[str, ...]  # rows that no recording can fill
    unasked: tuple[str, ...]  # recordings that no row names
    notes: tuple[str, ...]  # what a person should know, a line each

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of sample_submission.csv."""
        return tuple(name for name in self.columns if name != ROW_ID)


def read_sample(path: Path | str) -> SampleSubmission:
    """Reads `sample_submission.csv`.

    Raises BirdlibError if it cannot be read, has no `row_id` column or no class, or if a column or a row
    stands in it twice.
    """
    columns = read_header(path)
    if len(columns) < 2:
        raise BirdlibError(f"{path}: no class column beside {ROW_ID}")
    try:
        frame = pd.read_csv(path, usecols=[ROW_ID], dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise BirdlibError(f"{path}: not readable as a table ({one_line(error)})") from None
    row_ids = tuple(frame[ROW_ID])
    if doubled := doubles(row_ids):
        raise BirdlibError(f"{path}: {shown(doubled, 'row id')} more than once")
    return SampleSubmission(row_ids, columns)


def read_header(path: Path | str) -> tuple[str, ...]:
    """A submission-like table's column names; BirdlibError if `row_id` is missing or a name is doubled."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            columns = tuple(next(csv.reader(file), ()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BirdlibError(f"{path}: not readable as a table ({one_line(error)})") from None
    if ROW_ID not in columns:
        raise BirdlibError(f"{path}: there is no column {ROW_ID}")
    if doubled := doubles(columns):
        raise BirdlibError(f"{path}: {shown(doubled, 'column')} more than once")
    return columns


def split_row_id(row_id: str) -> tuple[str, int]:
    """The recording's stem and the window's end in seconds: "soundscape_29201_5" -> ("soundscape_29201", 5).

    Split from the right, since stems hold underscores and dates. BirdlibError if there is no such end.
    """
    stem, _, end = row_id.rpartition("_")
    if not (stem and end.isascii() and end.isdigit() and int(end) > 0):
        raise BirdlibError(f"row id {row_id!r} does not end in _<end of the window in seconds>")
    return stem, int(end)


def plan_rows(sample: SampleSubmission, recordings: Mapping[str, float | None], window_s: int = 5) -> RowPlan:
    """Which rows the submission has, and which windows of which recordings fill them.

    recordings: stem -> seconds, None where the length cannot be read.

    Where the sample names recordings that exist, its rows are the submission's rows, in its order. Where it
    holds placeholders only, the rows are all full windows of the recordings, by stem and end. Without any
    recording the sample's rows stay as they are. Placeholders are: names of recordings that do not exist;
    and a handful of names that leave most recordings out and do not even cover those they name.
    """
    asked: dict[str, list[tuple[int, int]]] = {}  # the sample's stem -> (end, position)
    for position, row_id in enumerate(sample.row_ids):
        stem, end = split_row_id(row_id)
        asked.setdefault(stem, []).append((end, position))
    named = _named_recordings(asked, recordings)
    full = {stem: _full_windows(seconds, window_s) for stem, seconds in recordings.items()}
    if recordings and _only_placeholders(asked, named, full):
        return _from_recordings(sample, full, window_s)

    ends, rows, without = {}, {}, []
    for stem, windows in asked.items():
        if stem in named:
            windows = sorted(windows)
            ends[named[stem]] = np.array([end for end, _ in windows], dtype=np.int64)
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
    return RowPlan(sample.row_ids, sample.columns, ends, rows, without_recording, unasked, tuple(notes))


def _named_recordings(asked: Mapping[str, object], recordings: Mapping[str, object]) -> dict[str, str]:
    """The sample's stems that name a recording -> that recording's stem."""
    named = {stem: stem for stem in asked if stem in recordings}
    # In 2021 the rows are <audio_id>_<site>_<end> and the files <audio_id>_<site>_<date>.
    free = sorted(stem for stem in recordings if stem not in asked)
    for stem in asked:
        if stem not in named:
            at = bisect_left(free, stem + "_")
            fitting = [one for one in free[at : at + 2] if one.startswith(stem + "_")]
            if len(fitting) == 1 and fitting[0] not in named.values():
                named[stem] = fitting[0]
    return named


def _full_windows(seconds: float | None, window_s: int) -> int | None:
    # A thousandth of a second, so that rounding in a length of 600 s does not cost the last window.
    return None if seconds is None else int((seconds + 1e-3) // window_s)


def _only_placeholders(
    asked: Mapping[str, Sequence[object]], named: Mapping[str, str], full: Mapping[str, int | None]
) -> bool:
    if not named:
        return True
    covered = all(len(asked[stem]) >= (full[recording] or 0) for stem, recording in named.items())
    return not covered and 2 * len(named) < len(full)


def _from_recordings(sample: SampleSubmission, full: Mapping[str, int | None], window_s: int) -> RowPlan:
    row_ids: list[str] = []
    ends, rows = {}, {}
    notes = [f"the sample submission holds placeholders only: rows built from {len(full)} recordings"]
    known = Counter(count for count in full.values() if count is not None)
    usual = known.most_common(1)[0][0] if known else 0
    unreadable = [stem for stem, count in full.items() if count is None]
    if unreadable:
        broken = shown(unreadable, "recording")
        notes.append(f"{broken} of unknown length: {usual} rows, as most others have")
    for stem in sorted(full):
        count = full[stem]
        count = usual if count is None else count
        ends[stem] = window_s * np.arange(1, count + 1)
        rows[stem] = len(row_ids) + np.arange(count)
        row_ids += [f"{stem}_{end}" for end in ends[stem]]
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
