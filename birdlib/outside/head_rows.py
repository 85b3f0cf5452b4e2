"""The rows that a head learns from: focal recordings, and labelled soundscapes where there are some."""

from pathlib import Path

import numpy as np

from birdlib.competition.rows import split_row_id
from birdlib.data.labelled_soundscapes import LabelledSoundscapes
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.outside.head import HeadRows, own_logits
from birdlib.outside.recordings import FOCAL, SOUNDSCAPES
from birdlib.outside.scores import EmbeddingTable, read_tables
from birdlib.scores.score_table import ScoreTable


def head_rows(folder: Path, prepared: Prepared, soundscapes: LabelledSoundscapes | None) -> HeadRows:
    """All rows with a label that an outside model has scored.

    Every row of a focal recording has the recording's labels: in which of them the bird is heard, nobody knows.

    Args:
        folder: the output of the outside kernel.
        soundscapes: the labelled ones; None where there are none.

    Raises:
        BirdlibError: the model has scored no usable recording.
    """
    parts = []
    if tables := read_tables(folder, FOCAL):
        parts.append(_focal_rows(tables, prepared))
    if soundscapes and (tables := read_tables(folder, SOUNDSCAPES)):
        parts.append(_soundscape_rows(tables, prepared, soundscapes))
    parts = [rows for rows in parts if len(rows)]
    if not parts:
        raise BirdlibError(f"{folder}: holds scores of none of the prepared recordings; score them with the same data")
    columns = ("recordings", "fold", "own", "embedding", "targets", "known")
    return HeadRows(prepared.classes, *(np.concatenate([getattr(rows, name) for rows in parts]) for name in columns))


def _focal_rows(tables: tuple[ScoreTable, EmbeddingTable], prepared: Prepared) -> HeadRows:
    filenames = prepared.recordings["filename"]
    number_of = {filename.rpartition(".")[0]: number for number, filename in enumerate(filenames)}
    names = [split_row_id(row_id)[0] for row_id in tables[0].row_ids]
    usable = [row for row, name in enumerate(names) if name in number_of]
    numbers = np.array([number_of[names[row]] for row in usable], np.int64)
    targets, weights = prepared.targets(numbers)
    fold = prepared.recordings["fold"].to_numpy(np.int64)[numbers]
    return _rows(tables, usable, prepared, fold, targets, weights > 0)


def _soundscape_rows(
    tables: tuple[ScoreTable, EmbeddingTable], prepared: Prepared, soundscapes: LabelledSoundscapes
) -> HeadRows:
    stem_of = {path.stem: stem for stem, (path, _) in soundscapes.recordings.items()}
    usable, truth, fold = [], [], []
    for row, row_id in enumerate(tables[0].row_ids):
        name, end = split_row_id(row_id)
        labels = soundscapes.truth.get(stem_of.get(name, ""), {}).get(end)
        if labels is not None:
            usable.append(row)
            truth.append(labels)
            fold.append(soundscapes.fold_of(stem_of[name], prepared.n_folds))
    targets = np.array(truth, np.float32).reshape(len(usable), len(prepared.classes))
    return _rows(tables, usable, prepared, np.array(fold, np.int64), targets, np.ones(targets.shape, bool))


def _rows(
    tables: tuple[ScoreTable, EmbeddingTable],
    usable: list[int],
    prepared: Prepared,
    fold: np.ndarray,
    targets: np.ndarray,
    known: np.ndarray,
) -> HeadRows:
    scores, embeddings = tables
    names = np.array([split_row_id(scores.row_ids[row])[0] for row in usable], np.str_)
    own = own_logits(scores.logits[usable], scores.classes, prepared.classes)
    return HeadRows(prepared.classes, names, fold, own, embeddings.embedding[usable], targets, known)
