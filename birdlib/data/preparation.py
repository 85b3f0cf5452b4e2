"""The preparation: computes once what every training needs to know of a competition's recordings."""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import CompetitionFiles, names_on_disk
from birdlib.competition.rows import shown, split_row_id
from birdlib.competition.table import write_table
from birdlib.data.decoding import write_copy
from birdlib.data.duplicates import mark_duplicates
from birdlib.data.examination import copy_of, examine
from birdlib.data.folds import assign_folds
from birdlib.data.known_soundscapes import COLUMNS as SOUNDSCAPE_COLUMNS
from birdlib.data.known_soundscapes import SOUNDSCAPES_FILE
from birdlib.data.labelled_soundscapes import LabelledSoundscapes
from birdlib.data.metadata import read_metadata
from birdlib.data.prepared import COLUMNS, FOLDS_FILE, RECORDINGS_FILE, SCHEMA, competition_version


@dataclass
class Preparation:
    """What a preparation found and wrote.

    Attributes:
        recordings: as written: a row per row of the metadata; fold is NaN for faulty ones and duplicates.
        seconds: that each stage took.
    """

    folder: Path
    classes: tuple[str, ...]
    recordings: pd.DataFrame
    data_version: str
    notes: list[str]
    seconds: dict[str, float] = field(default_factory=dict)


def prepare(
    files: CompetitionFiles,
    folder: Path,
    *,
    n_folds: int = 5,
    fold_seed: int = 0,
    rare_below: int = 2,
    sample_rate: int = 32_000,
    cache_gigabytes: float = 0.0,
    cache_seconds: float = 60.0,
    max_unreadable: float = 0.01,
    unknown_secondary: str = "report",
    workers: int = 0,
) -> Preparation:
    """Reads the metadata, decodes every recording once, assigns folds.

    Writes recordings.csv, soundscapes.csv (the labelled windows), folds.json, and if need be the cache and copies.
    Warnings are printed as they come, a line each. The arguments are those of
    ``read_metadata``, ``examine`` and ``assign_folds``; ``birdlib.data.prepared`` reads what is written.

    Raises BirdlibError if the metadata is wrong, too many recordings are, or the folds cannot be made.
    """
    stage = _Stages()
    notes = stage.notes
    folder.mkdir(parents=True, exist_ok=True)
    # It stands for the whole of the output: an earlier one's must not stand for what a failed run leaves behind.
    (folder / FOLDS_FILE).unlink(missing_ok=True)
    with stage("Read the metadata"):
        metadata = read_metadata(files, unknown_secondary=unknown_secondary)
        notes += metadata.notes
        names = names_on_disk(files.train_audio, metadata.table["filename"])
        notes += _twins(names)
    with stage("Decode the recordings"):
        examined = examine(
            names,
            files.train_audio,
            folder=folder,
            sample_rate=sample_rate,
            cache_gigabytes=cache_gigabytes,
            cache_seconds=cache_seconds,
            max_unreadable=max_unreadable,
            workers=workers,
        )
        recordings = pd.concat([metadata.table.assign(filename=names), examined], axis=1)
        notes += _found(recordings, files)
    with stage("Decode the labelled soundscapes"):
        labelled = LabelledSoundscapes.find(files, metadata.classes)
        notes += labelled.notes if labelled else ()
        write_table(_soundscapes(labelled, files, folder, sample_rate), folder / SOUNDSCAPES_FILE)
    with stage("Find copies"):
        recordings, found_notes = mark_duplicates(recordings)
        notes += found_notes
    with stage("Assign folds"):
        recordings, found_notes = _with_folds(recordings, n_folds, fold_seed, rare_below)
        notes += found_notes
    with stage("Write"):
        folds = {"n_folds": n_folds, "seed": fold_seed, "sample_rate": sample_rate}
        facts = {"competition": competition_version(files)} | folds | {"classes": list(metadata.classes)}
        version = write_preparation(_as_text(recordings), facts, folder)
    return Preparation(folder, metadata.classes, recordings, version, notes, stage.seconds)


class _Stages:
    """Times the stages of a preparation, and prints the notes of each at its end."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started, before = time.perf_counter(), len(self.notes)
        yield
        self.seconds[name] = time.perf_counter() - started
        for note in self.notes[before:]:
            print(note, flush=True)


def _soundscapes(
    labelled: LabelledSoundscapes | None, files: CompetitionFiles, folder: Path, sample_rate: int
) -> pd.DataFrame:
    """A row for each labelled window that has audio, as ``birdlib.data.known_soundscapes`` reads it."""
    rows = []
    for row_ids, _, truth in labelled.windows(sample_rate, WINDOW_SECONDS) if labelled else ():
        path, info = labelled.recordings[split_row_id(row_ids[0])[0]]
        filename = path.relative_to(files.root).as_posix()
        copy = "" if info.is_ordinary else copy_of(filename)
        if copy:
            write_copy(path, folder / copy)
        known = filename, copy, f"{info.seconds:.6f}", info.sample_rate, 1 if copy else info.channels
        labels = (" ".join(np.array(labelled.classes)[row > 0]) for row in truth)
        rows += [(row_id, listed, *known) for row_id, listed in zip(row_ids, labels, strict=True)]
    return pd.DataFrame(rows, columns=list(SOUNDSCAPE_COLUMNS))


def _with_folds(recordings: pd.DataFrame, n_folds: int, seed: int, rare_below: int) -> tuple[pd.DataFrame, list[str]]:
    """The table as it is written, with the folds of those that are used, and notes."""
    usable = (recordings["fault"] == "") & (recordings["duplicate_of"] == "")
    folds, notes = assign_folds(recordings[usable], n_folds=n_folds, seed=seed, rare_below=rare_below)
    recordings = recordings.assign(fold=np.nan)
    recordings.loc[usable, "fold"] = folds
    # A copy's place in the cache is never asked for.
    recordings.loc[~usable, ["cache_start", "cache_samples"]] = (-1, 0)
    return recordings[list(COLUMNS)], notes


def write_preparation(recordings: pd.DataFrame, facts: dict, folder: Path) -> str:
    """Write recordings.csv and folds.json, the latter last.

    Args:
        recordings: with ``COLUMNS``, all text.
        facts: of folds.json, but for those that follow from the recordings.

    Returns:
        The data's version.
    """
    write_table(recordings, folder / RECORDINGS_FILE)
    table = hashlib.sha256((folder / RECORDINGS_FILE).read_bytes()).hexdigest()
    facts = facts | {"schema": SCHEMA, "data_version": _data_version(recordings), "recordings": table}
    _write_json(facts, folder / FOLDS_FILE)
    return facts["data_version"]


def _data_version(recordings: pd.DataFrame) -> str:
    """A name for what a training sees and what it holds back: filenames, labels, audio and folds."""
    columns = ("filename", "primary_label", "secondary_labels", "audio_sha256", "fold")
    rows = sorted("\x1f".join(row) for row in zip(*(recordings[name] for name in columns), strict=True))
    return hashlib.sha256("".join(f"{row}\x1e" for row in rows).encode()).hexdigest()[:16]


def _twins(filenames: list[str]) -> list[str]:
    """A note about recordings of one name and two endings: one upload twice, as likely as not."""
    stems = Counter(filename.rpartition(".")[0] for filename in filenames)
    twins = [filename for filename in filenames if stems[filename.rpartition(".")[0]] > 1]
    return [f"of one name with several endings, all used: {shown(twins, 'recording')}"] if twins else []


def _found(recordings: pd.DataFrame, files: CompetitionFiles) -> list[str]:
    """What decoding found out: which recordings are left out, cut off or silent, and why."""
    total = f"of {len(recordings):,} recordings"
    folder = files.train_audio.relative_to(files.root)
    notes = []
    kinds = {
        "fault": "left out, since they cannot be read",
        "cut": "used as far as they go, since a part is missing",
    }
    for column, consequence in kinds.items():
        some = recordings[recordings[column] != ""]
        if len(some):
            notes.append(f"{files.root}: {consequence}: {len(some):,} {total}")
        notes += [f"{folder / name}: {why}" for name, why in zip(some["filename"], some[column], strict=True)]
    if copies := [name for name in recordings["copy"] if name]:
        notes.append(f"copied, since libsndfile does not read them as they are: {shown(copies, 'recording')}")
    if len(silent := recordings["filename"][recordings["silent"]]):
        advice = "take their rows out of the metadata, or a model learns its labels from silence"
        notes.append(f"{files.root}: silent: {len(silent):,} {total}; {advice}")
        notes += [f"{folder / name}: silent" for name in silent]
    return notes


def _as_text(recordings: pd.DataFrame) -> pd.DataFrame:
    """The table with numbers that are the same after reading: microseconds are less than a sample."""
    return recordings.assign(
        seconds=[f"{seconds:.6f}" for seconds in recordings["seconds"]],
        fold=["" if np.isnan(fold) else f"{fold:.0f}" for fold in recordings["fold"]],
    )


def _write_json(value: object, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
