"""Windows with probabilities instead of labels: pseudo-labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.audio.recordings import probe
from birdlib.clip_sources.clip_context import ClipContext
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import recordings_in
from birdlib.competition.rows import ROW_ID, one_line, shown, split_row_id
from birdlib.components import check_number
from birdlib.data.clip_table import ClipTable
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class SoftLabels:
    """Windows of recordings and the probabilities that a table gives their classes.

    The table is CSV: ``row_id`` (the recording's stem and the window's end in seconds), a column for each class, and
    if there is one ``weight``. Classes that it lacks are not known.

    Attributes:
        folder: which of the attached folders holds the table.
        table_file: a file of it.
        audio: the folder of the recordings: one below the competition's own, or an attached one.
        least: windows without any probability as high are left out.
        floor: probabilities below it are learnt as 0.
        power: to which probabilities are raised.
    """

    folder: str
    audio: str
    table_file: str = "soft_labels.csv"
    least: float = 0.0
    floor: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        check_number(self, "least", 0, 1)
        check_number(self, "floor", 0, 1)
        check_number(self, "power", 0.01)

    def table(self, context: ClipContext, fold: int | str) -> ClipTable:
        """All of it, whatever the fold: whoever made the table has to keep a fold's windows out of it.

        Raises:
            BirdlibError: the folder, the table or the audio is missing, or nothing of it can be used.
        """
        path = context.folder(self.folder) / self.table_file
        scores = _read(path)
        classes = context.prepared.classes
        known = [label in scores for label in classes]
        if not any(known):
            raise BirdlibError(f"{path}: has a column for none of the {len(classes)} classes")
        try:
            soft = scores.reindex(columns=list(classes)).to_numpy(np.float64)
        except ValueError as error:
            raise BirdlibError(f"{path}: probabilities that are no numbers ({one_line(error)})") from None
        if not ((soft[:, known] >= 0) & (soft[:, known] <= 1)).all():
            raise BirdlibError(f"{path}: probabilities outside of 0 to 1")
        soft = np.where(np.isnan(soft), 0.0, soft)
        keep = soft.max(axis=1) >= self.least
        soft = np.where(soft < self.floor, 0.0, soft**self.power)
        infos, rows, kept = _recordings(context.audio(self.audio)), [], []
        named = {split_row_id(row_id)[0] for row_id in scores[ROW_ID]}
        missing, lengths = set(), {stem: probe(infos[stem]).seconds for stem in named & infos.keys()}
        for number, row_id in enumerate(scores[ROW_ID]):
            stem, end = split_row_id(row_id)
            if stem not in infos:
                missing.add(stem)
            elif not 0 <= end - WINDOW_SECONDS < lengths[stem]:
                raise BirdlibError(
                    f"{path}: {row_id} is no window of a recording of {lengths[stem]:.1f} s; mend the table"
                )
            elif keep[number]:
                file = infos[stem]
                weight = float(scores["weight"].iloc[number]) if "weight" in scores else 1.0
                rows.append((file, number, float(end - WINDOW_SECONDS), stem, weight))
                kept.append(number)
        if missing:
            print(f"{path}: {shown(sorted(missing), 'recording')} not in {self.audio}: left out", flush=True)
        if not rows:
            raise BirdlibError(f"{path}: no window of it can be used (least = {self.least:g}, audio = {self.audio!r})")
        return _table(rows, soft[kept], np.array(known), classes, self.folder)


def _table(rows: list, soft: np.ndarray, known: np.ndarray, classes: tuple[str, ...], source: str) -> ClipTable:
    table = pd.DataFrame(rows, columns=["path", "number", "first", "group", "weight"])
    infos = {path: probe(path) for path in table["path"].unique()}
    table = table.assign(
        seconds=float(WINDOW_SECONDS),
        recording_seconds=[infos[path].seconds for path in table["path"]],
        sample_rate=[infos[path].sample_rate for path in table["path"]],
        channels=[infos[path].channels for path in table["path"]],
        cached=-1,
        source=source,
    )
    return ClipTable(classes, table, soft.astype(np.float16), np.tile(known, (len(table), 1)), look_again=probe)


def _recordings(folder: Path) -> dict[str, Path]:
    paths = {path.stem: path for path in recordings_in(folder)}
    if not paths:
        raise BirdlibError(f"{folder}: no recordings in it")
    return paths


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype={ROW_ID: str}, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise BirdlibError(f"{path}: not readable as a table of soft labels ({one_line(error)})") from None
    if ROW_ID not in table or table.empty:
        raise BirdlibError(f"{path}: no column {ROW_ID}, or no row")
    return table
