"""Windows that a model from outside has scored."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from birdlib.audio.recordings import probe
from birdlib.clip_sources.clip_context import ClipContext
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import AUDIO_SUFFIXES
from birdlib.competition.rows import shown, split_row_id
from birdlib.components import check_choice, where
from birdlib.data.clip_table import ClipTable
from birdlib.errors import BirdlibError
from birdlib.outside.recordings import EXTRA, FOCAL, SOUNDSCAPES
from birdlib.outside.scores import read_tables


@dataclass(frozen=True)
class OutsideScores:
    """The rows of an ``outside`` kernel's tables, each a clip of its own with the model's outputs as ``extra``.

    These are "embedding" [rows, size] and "probabilities" [rows, classes], NaN for a class that the model does not
    know. Rows of focal recordings have the recording's labels; of others nothing is known.

    Attributes:
        folder: which of the attached folders holds the tables.
        group: "focal", "soundscapes" (without the labelled ones, which may judge) or "extra".
        audio: the folder of the recordings of soundscapes or extra: one below the competition's own, or an attached
            one.
    """

    folder: str
    group: str = FOCAL
    audio: str = "train_soundscapes"

    def __post_init__(self) -> None:
        check_choice(self, "group", (FOCAL, SOUNDSCAPES, EXTRA))

    def table(self, context: ClipContext, fold: int | str) -> ClipTable:
        """Of focal recordings the rows that a model of this fold may learn from; of others all.

        Raises:
            BirdlibError: a folder is missing, or no row of the group can be used.
        """
        folder = context.folder(self.folder)
        tables = read_tables(folder, self.group)
        if tables is None:
            raise BirdlibError(f"{where(self)}: {folder} holds no scores of {self.group} recordings; leave them out")
        scores, embeddings = tables
        rows = pd.DataFrame([split_row_id(row_id) for row_id in scores.row_ids], columns=["name", "end"])
        rows = rows.assign(row=np.arange(len(rows)), first=rows["end"].astype(float) - WINDOW_SECONDS)
        clips, taken = (self._focal if self.group == FOCAL else self._others)(context, fold, rows)
        if not len(clips):
            raise BirdlibError(f"{where(self)}: fold {fold} may learn from no {self.group} row of {folder}; see above")
        timed = clips.rows.assign(
            first=taken["first"].to_numpy(), seconds=float(WINDOW_SECONDS), source=f"{self.folder}: {self.group}"
        )
        numbers = taken["row"].to_numpy()
        extra = {
            "embedding": embeddings.embedding[numbers],
            "probabilities": scores.probabilities(context.prepared.classes)[numbers].astype(np.float16),
        }
        return replace(clips, rows=timed, extra=extra)

    def _focal(self, context: ClipContext, fold: int | str, rows: pd.DataFrame) -> tuple[ClipTable, pd.DataFrame]:
        prepared = context.prepared
        filenames = prepared.recordings["filename"]
        number_of = {filenames[number].rpartition(".")[0]: number for number in prepared.training_rows(fold)}
        taken = rows[rows["name"].isin(number_of)]
        return prepared.clip_table(taken["name"].map(number_of).to_numpy(np.int64)), taken

    def _others(self, context: ClipContext, fold: int | str, rows: pd.DataFrame) -> tuple[ClipTable, pd.DataFrame]:
        folder = context.audio(self.audio)
        files = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES)
        prefix = f"{folder.name}/" if self.group == EXTRA else ""
        path_of = {prefix + path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
        labelled = context.soundscapes.recordings.values() if context.soundscapes else ()
        rows = rows[~rows["name"].isin([path.stem for path, _ in labelled])]
        if missing := sorted(set(rows["name"]) - path_of.keys()):
            print(f"{folder}: {shown(missing, 'scored recording')} not in it: left out", flush=True)
        taken = rows[rows["name"].isin(path_of)]
        infos = {name: probe(path_of[name]) for name in taken["name"].unique()}
        table = pd.DataFrame(
            {
                "path": taken["name"].map(path_of),
                "number": taken["row"],
                "recording_seconds": [infos[name].seconds for name in taken["name"]],
                "sample_rate": [infos[name].sample_rate for name in taken["name"]],
                "channels": [infos[name].channels for name in taken["name"]],
                "cached": -1,
                "group": taken["name"],
                "weight": 1.0,
            }
        ).assign(first=0.0, seconds=0.0, source="")
        classes = context.prepared.classes
        nothing = np.zeros((len(table), len(classes)), np.float16)
        return ClipTable(classes, table.reset_index(drop=True), nothing, nothing > 0, look_again=probe), taken
