"""Soundscapes whose birds are known: what validation on clips cannot tell, they can."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.audio.padding import CYCLIC
from birdlib.audio.recordings import probe, read_windows
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import CompetitionFiles, recordings_in
from birdlib.competition.rows import ROW_ID, one_line, shown, split_row_id
from birdlib.data.metadata import parse_labels
from birdlib.errors import BirdlibError

_TABLES = ("train_soundscape_labels.csv", "train_soundscapes_labels.csv")
_FOLDER = "train_soundscapes"
_LABEL_COLUMNS = ("birds", "labels", "primary_label")
_NO_BIRD = "nocall"


@dataclass(frozen=True, eq=False)
class LabelledSoundscapes:
    """Recordings with a known truth for each of their windows.

    Attributes:
        notes: what a person should know, a line each.
    """

    classes: tuple[str, ...]
    notes: tuple[str, ...]
    _paths: Mapping[str, Path]
    _truth: Mapping[str, Mapping[int, np.ndarray]]  # stem -> end in seconds -> float32 [classes]

    @classmethod
    def find(cls, files: CompetitionFiles, classes: tuple[str, ...]) -> "LabelledSoundscapes | None":
        """Those that the competition brings along; None if it brings no labels, or no audio to them."""
        for name in _TABLES:
            if (files.root / name).is_file() and recordings_in(files.root / _FOLDER):
                return cls.read(files.root / name, files.root / _FOLDER, classes)
        return None

    @classmethod
    def read(cls, table: Path, audio: Path, classes: tuple[str, ...]) -> "LabelledSoundscapes":
        """Reads labels in any of three forms.

        A table of row_id and a column per class, 0 or 1; one of row_id (or audio_id and seconds) and ``birds``, as
        in 2021; or one of filename, start, end and ``labels``, as in 2026. Labels that are no class are left out.
        Recordings that are not in the folder, or cannot be read, are left out and noted.

        Raises:
            BirdlibError: the table has none of these forms, a value in it makes no sense, or no recording is left.
        """
        try:
            frame = pd.read_csv(table, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except (ValueError, OSError) as error:
            raise BirdlibError(f"{table}: not readable as a table ({one_line(error)})") from None
        column = next((name for name in _LABEL_COLUMNS if name in frame), None)
        if column and {"filename", "start", "end"} <= set(frame):
            windows, labels = _intervals(frame, table), _lists(frame[column], table)
        elif column and ROW_ID in frame:
            windows, labels = [[_row(one, table)] for one in frame[ROW_ID]], _lists(frame[column], table)
        elif ROW_ID in frame and set(frame) & set(classes):
            windows = [[_row(one, table)] for one in frame[ROW_ID]]
            labels = _columns(frame.drop(columns=ROW_ID), table)
        else:
            there = ", ".join(map(str, frame.columns[:8]))
            raise BirdlibError(
                f"{table}: expected row_id and a column per class, row_id and birds, or filename, start, end and "
                f"labels; the table has {there}{', …' if frame.shape[1] > 8 else ''}"
            )
        place = {label: position for position, label in enumerate(classes)}
        truth: dict[str, dict[int, np.ndarray]] = {}
        strangers: Counter[str] = Counter()
        for ends, birds in zip(windows, labels, strict=True):
            for stem, end in ends:
                # A window may stand in several rows, for several birds or by mistake.
                known = truth.setdefault(stem, {}).setdefault(end, np.zeros(len(classes), np.float32))
                known[[place[bird] for bird in birds if bird in place]] = 1
            strangers.update(bird for bird in birds if bird not in place and bird != _NO_BIRD)
        notes = []
        if strangers:
            notes.append(f"{table.name}: {shown(sorted(strangers), 'label')} of no class: left out")
        paths, missing = _recordings(truth, audio)
        if missing:
            notes.append(f"{table.name}: {shown(missing, 'soundscape')} left out")
        if not paths:
            raise BirdlibError(f"{audio}: none of the {len(truth)} soundscapes of {table.name} can be read")
        return cls(tuple(classes), tuple(notes), paths, {stem: truth[stem] for stem in paths})

    @property
    def soundscapes(self) -> tuple[str, ...]:
        """The recordings' stems, in order."""
        return tuple(self._paths)

    @property
    def row_ids(self) -> tuple[str, ...]:
        """All windows, in the order of ``windows``: ``<stem>_<end in seconds>``."""
        return tuple(f"{stem}_{end}" for stem in self._paths for end in sorted(self._truth[stem]))

    def windows(
        self, sample_rate: int, window_seconds: float, padding: str = CYCLIC
    ) -> Iterator[tuple[tuple[str, ...], np.ndarray, np.ndarray]]:
        """Row ids, waves float32 [windows, samples] and truth float32 [windows, classes], a soundscape at a time.

        What is short of audio is padded as the model learnt it (see ``birdlib.audio.padding``); a window without any
        is all zeros.

        Raises:
            BirdlibError: a recording is damaged; the text names it.
        """
        for stem, path in self._paths.items():
            ends = sorted(self._truth[stem])
            waves, damage = read_windows(
                path,
                [float(end) for end in ends],
                window_seconds=window_seconds,
                sample_rate=sample_rate,
                padding=padding,
            )
            if damage:
                raise BirdlibError(f"{path.parent}: {damage}; leave it out of the labelled soundscapes")
            truth = np.stack([self._truth[stem][end] for end in ends])
            yield tuple(f"{stem}_{end}" for end in ends), np.nan_to_num(waves, copy=False), truth


def _row(row_id: str, table: Path) -> tuple[str, int]:
    try:
        return split_row_id(row_id)
    except BirdlibError as error:
        raise BirdlibError(f"{table}: {error}") from None


def _intervals(frame: pd.DataFrame, table: Path) -> list[list[tuple[str, int]]]:
    """The windows of each row: an interval may hold several, one after another."""
    rows = []
    for line, (filename, *times) in enumerate(zip(frame["filename"], frame["start"], frame["end"], strict=True), 2):
        try:
            start, end = map(_seconds, times)
        except ValueError:
            raise BirdlibError(f"{table}: start or end in line {line} is no time: {times}") from None
        count = round((end - start) / WINDOW_SECONDS)
        if count < 1 or abs(start + count * WINDOW_SECONDS - end) > 1e-3 or start % 1 > 1e-3:
            raise BirdlibError(
                f"{table}: line {line}, {start:g} to {end:g} s, is no whole number of windows of {WINDOW_SECONDS} s"
            )
        ends = [round(start) + WINDOW_SECONDS * (number + 1) for number in range(count)]
        rows.append([(Path(filename).stem, end) for end in ends])
    return rows


def _seconds(text: str) -> float:
    """A time as it is written: "5", "5.0", "00:00:05"."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _lists(cells: pd.Series, table: Path) -> list[list[str]]:
    labels = []
    for line, text in enumerate(cells, 2):
        try:
            labels.append(parse_labels(text))
        except ValueError:
            raise BirdlibError(f"{table}: line {line} has no list of labels: {text!r}") from None
    return labels


def _columns(frame: pd.DataFrame, table: Path) -> list[list[str]]:
    try:
        values = frame.astype(np.float32).to_numpy()
    except ValueError as error:
        raise BirdlibError(f"{table}: not a table of 0 and 1 ({one_line(error)})") from None
    if not np.isin(values, (0, 1)).all():
        raise BirdlibError(f"{table}: values other than 0 and 1")
    names = frame.columns.to_numpy()
    return [list(names[row > 0]) for row in values]


def _recordings(stems: Mapping[str, object], audio: Path) -> tuple[dict[str, Path], list[str]]:
    """The readable recordings by the table's stems, in order, and the stems that have none."""
    there = {path.stem: path for path in recordings_in(audio)}
    paths, missing = {}, []
    for stem in sorted(stems):
        # In 2021 the rows are <audio_id>_<site>_<end> and the files <audio_id>_<site>_<date>.
        fitting = [stem] if stem in there else [one for one in there if one.startswith(stem + "_")]
        try:
            if len(fitting) != 1:
                raise BirdlibError("no such recording")
            probe(there[fitting[0]])
        except BirdlibError:
            missing.append(stem)
        else:
            paths[stem] = there[fitting[0]]
    return paths, missing
