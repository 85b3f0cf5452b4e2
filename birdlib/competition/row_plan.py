"""The submission's windows: which of which recordings, in which order."""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from birdlib.competition.editions import BIRDS, TARGETS, WINDOW_SECONDS, WINDOWS
from birdlib.competition.rows import shown, split_row_id, without_row_id
from birdlib.errors import BirdlibError

# By so much a recording may fall short of its last whole window, whose row exists all the same.
SHORT_BY = 0.05
_DATE = re.compile(r"_\d{8}$")


@dataclass(frozen=True)
class Targets:
    """Rows that stand for a class in a window each.

    Attributes:
        row_ids: as the submission has them.
        window, label: int64 [rows], places among the windows and the classes of a plan.
    """

    row_ids: tuple[str, ...]
    window: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class Request:
    """The windows that a competition asks for. All names are strings, also those that look like numbers.

    Attributes:
        row_ids: of the windows, in their order, doubled ones too: the submission has to have the same.
        columns: row_id and the classes.
        form: of the submission's rows, as ``birdlib.competition.editions`` names it.
        targets: the rows themselves, where they are others than the windows.
    """

    row_ids: tuple[str, ...]
    columns: tuple[str, ...]
    form: str = WINDOWS
    targets: Targets | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The columns beside row_id, in their order."""
        return without_row_id(self.columns)


@dataclass(frozen=True)
class RowPlan(Request):
    """The windows to be scored.

    Attributes:
        ends: by recording, the sorted end seconds of the windows that it needs, float64 [windows].
        rows: by recording, their places in ``row_ids``, int64 [windows].
        without_recording: windows that no recording can fill.
        unasked: recordings that no window names.
        notes: what a person should know, a line each.
        unclear: row ids that name no window.
    """

    ends: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    without_recording: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


def plan_rows(request: Request, recordings: Mapping[str, float | None], window_s: int = WINDOW_SECONDS) -> RowPlan:
    """Which windows the submission has, and which recordings fill them.

    Where the request names recordings that exist, its windows are the submission's, in its order; a row id that
    names no window is one without a recording. Where it holds placeholders only, the windows are all full ones of
    the recordings, by stem and end. Without any recording the request's stay as they are. Placeholders are: names
    of recordings that do not exist, where the recordings have more windows than are asked for; and fewer windows
    than there are recordings, which leave most recordings out and do not even cover those that they name.

    Args:
        recordings: seconds by stem, None where the length cannot be read.
    """
    asked, unclear = _asked(request.row_ids)
    named = _named_recordings(asked, recordings)
    full = {stem: _full_windows(seconds, window_s) for stem, seconds in recordings.items()}
    if recordings and _only_placeholders(asked, named, full, len(request.row_ids)):
        return _from_recordings(request, full, window_s)

    ends, rows, without = {}, {}, []
    for stem, windows in asked.items():
        if stem in named:
            windows = sorted(windows)
            ends[named[stem]] = np.array([end for end, _ in windows], dtype=np.float64)
            rows[named[stem]] = np.array([position for _, position in windows], dtype=np.int64)
        else:
            without += [position for _, position in windows]
    without_recording = tuple(request.row_ids[position] for position in sorted(without))
    unasked = tuple(sorted(set(recordings) - set(ends)))
    notes = []
    if without_recording:
        notes.append(f"{shown(without_recording, 'row')} that are asked for without a recording")
    if unasked:
        notes.append(f"{shown(unasked, 'recording')} without a row that is asked for: not scored")
    return RowPlan(
        **vars(request),
        ends=ends,
        rows=rows,
        without_recording=without_recording,
        unasked=unasked,
        notes=tuple(notes),
        unclear=tuple(unclear),
    )


def rows_with_recordings(request: Request, stems: Collection[str]) -> int:
    """How many of a request's windows name a recording of these stems."""
    asked, _ = _asked(request.row_ids)
    return sum(len(asked[stem]) for stem in _named_recordings(asked, dict.fromkeys(stems)))


def _asked(row_ids: Sequence[str]) -> tuple[dict[str, list[tuple[float, int]]], list[str]]:
    """The ends and places of the windows by the stem that they name, and the row ids that name no window."""
    asked: dict[str, list[tuple[float, int]]] = {}
    unclear = []
    for position, row_id in enumerate(row_ids):
        try:
            stem, end = split_row_id(row_id)
        except BirdlibError:
            unclear.append(row_id)
        else:
            asked.setdefault(stem, []).append((end, position))
    return asked, unclear


def _named_recordings(asked: Mapping[str, object], recordings: Mapping[str, object]) -> dict[str, str]:
    """The request's stems that name a recording -> that recording's stem, each recording once."""
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
        return n_rows < sum(count or 0 for count in full.values()) or not any(full.values())
    covered = all(len({end for end, _ in asked[stem]}) >= (full[recording] or 0) for stem, recording in named.items())
    return not covered and 2 * len(named) < len(full) and n_rows < len(full)


def _from_recordings(request: Request, full: Mapping[str, int | None], window_s: int) -> RowPlan:
    row_ids: list[str] = []
    ends, rows = {}, {}
    why = "placeholders only are asked for" if request.row_ids else "no rows are asked for"
    notes = [f"{why}: rows built from {len(full)} recordings"]
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
        named = _DATE.sub("", stem) if request.form == BIRDS else stem
        row_ids += [f"{named}_{end}" for end in seconds]
    plan = RowPlan(tuple(row_ids), request.columns, request.form, ends=ends, rows=rows, notes=tuple(notes))
    return replace(plan, targets=every_target(plan)) if request.form == TARGETS else plan


def every_target(plan: RowPlan) -> Targets:
    """A row for each class in each window, recording by recording and class by class."""
    row_ids, window, label = [], [], []
    for rows in plan.rows.values():
        names = [plan.row_ids[row].rpartition("_") for row in rows]
        for number, name in enumerate(plan.classes):
            row_ids += [f"{stem}_{name}_{end}" for stem, _, end in names]
            window += list(rows)
            label += [number] * len(rows)
    return Targets(tuple(row_ids), np.array(window, np.int64), np.array(label, np.int64))
