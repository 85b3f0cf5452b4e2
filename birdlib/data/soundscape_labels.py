"""The tables that say which birds are in which seconds of a soundscape, in any year's form."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import AUDIO_SUFFIXES
from birdlib.competition.rows import ROW_ID, one_line, split_row_id
from birdlib.data.labels import parse_labels
from birdlib.errors import BirdlibError

_LABEL_COLUMNS = ("birds", "labels", "primary_label")


@dataclass(frozen=True)
class LabelRow:
    """One row: what can be heard in some whole windows of a recording.

    Attributes:
        line: of the table, for messages.
        recording: its stem.
        start, end: seconds, a whole number of windows apart.
        labels: as the table has them.
    """

    line: int
    recording: str
    start: int
    end: int
    labels: tuple[str, ...]


def read_label_rows(table: Path, classes: tuple[str, ...]) -> tuple[list[LabelRow], list[str]]:
    """The rows that make sense, and a line about each of the others.

    Raises:
        BirdlibError: the table cannot be read, has none of the forms, or no row of it makes sense.
    """
    try:
        frame = pd.read_csv(table, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise BirdlibError(f"{table}: not readable as a table ({one_line(error)})") from None
    rows, wrong = [], []
    for line, fields in enumerate(_fields(frame, table, classes), 2):
        try:
            rows.append(_row(line, *fields))
        except (ValueError, BirdlibError) as error:
            wrong.append(f"line {line}: {error}")
    if not rows:
        raise BirdlibError(f"{table}: no row that makes sense ({'; '.join(wrong[:3]) or 'it has none'})")
    return rows, wrong


def _fields(
    frame: pd.DataFrame, table: Path, classes: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, str] | None, str | list[str]]]:
    """Of each row: the row id or filename, start and end if the table has them, and labels as text or as a list."""
    column = next((name for name in _LABEL_COLUMNS if name in frame), None)
    if column and {"filename", "start", "end"} <= set(frame):
        return zip(frame["filename"], zip(frame["start"], frame["end"], strict=True), frame[column], strict=True)
    if column and ROW_ID in frame:
        return ((row_id, None, labels) for row_id, labels in zip(frame[ROW_ID], frame[column], strict=True))
    if ROW_ID in frame and set(frame) & set(classes):
        lists = _columns(frame.drop(columns=ROW_ID), table)
        return ((row_id, None, labels) for row_id, labels in zip(frame[ROW_ID], lists, strict=True))
    there = ", ".join(map(str, frame.columns[:8]))
    raise BirdlibError(
        f"{table}: expected row_id and a column per class, row_id and birds, or filename, start, end and "
        f"labels; the table has {there}{', …' if frame.shape[1] > 8 else ''}"
    )


def _row(line: int, name: str, times: tuple[str, str] | None, labels: str | list[str]) -> LabelRow:
    """ValueError or BirdlibError, with the reason, where it makes no sense."""
    if times is None:
        recording, end = split_row_id(name)
        start = end - WINDOW_SECONDS
    else:
        path = Path(name.strip())
        recording = path.stem if path.suffix.lower() in AUDIO_SUFFIXES else path.name
        start, end = _interval(*times)
    try:
        listed = parse_labels(labels) if isinstance(labels, str) else labels
    except ValueError:
        raise ValueError(f"no list of labels: {labels!r}") from None
    return LabelRow(line, recording, start, end, tuple(listed))


def _interval(*times: str) -> tuple[int, int]:
    try:
        start, end = map(_seconds, times)
    except ValueError:
        raise ValueError(f"start or end is no time: {' to '.join(map(repr, times))}") from None
    windows = (end - start) / WINDOW_SECONDS
    if windows < 0.5:
        raise ValueError(f"{start:g} to {end:g} s is no stretch of time")
    if abs(windows - round(windows)) * WINDOW_SECONDS > 1e-3 or abs(start - round(start)) > 1e-3:
        raise ValueError(f"{start:g} to {end:g} s is no whole number of windows of {WINDOW_SECONDS} s")
    return round(start), round(start) + WINDOW_SECONDS * round(windows)


def _seconds(text: str) -> float:
    """A time as it is written: "5", "5.0", "00:00:05"; ValueError for what is none, or not finite."""
    first, *others = text.strip().removeprefix("-").split(":")
    seconds = float(first)
    for part in others:
        seconds = 60 * seconds + float(part)
    if text.strip().startswith("-"):
        seconds = -seconds
    if not math.isfinite(seconds):
        raise ValueError(text)
    return seconds


def _columns(frame: pd.DataFrame, table: Path) -> list[list[str]]:
    try:
        values = frame.astype(np.float32).to_numpy()
    except ValueError as error:
        raise BirdlibError(f"{table}: not a table of 0 and 1 ({one_line(error)})") from None
    if not np.isin(values, (0, 1)).all():
        raise BirdlibError(f"{table}: values other than 0 and 1")
    names = frame.columns.to_numpy()
    return [list(names[row > 0]) for row in values]
