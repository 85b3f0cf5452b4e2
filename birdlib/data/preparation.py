"""The preparation: computes once what every training needs to know of a competition's recordings."""

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

from birdlib.competition.layout import CompetitionFiles, names_on_disk
from birdlib.competition.rows import shown
from birdlib.competition.table import write_table
from birdlib.data.duplicates import mark_duplicates
from birdlib.data.examination import examine
from birdlib.data.folds import assign_folds
from birdlib.data.metadata import read_metadata
from birdlib.data.prepared import COLUMNS, FOLDS_FILE, RECORDINGS_FILE, SCHEMA, data_version


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
    """Reads the metadata, decodes every recording once, assigns folds; writes recordings.csv and folds.json.

    What a person should know is printed, a line each, as soon as it is known. The arguments are those of
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
        found = examine(
            names,
            files.train_audio,
            folder=folder,
            sample_rate=sample_rate,
            cache_gigabytes=cache_gigabytes,
            cache_seconds=cache_seconds,
            max_unreadable=max_unreadable,
            workers=workers,
        )
        recordings = pd.concat([metadata.table.assign(filename=names), found], axis=1)
        notes += _found(recordings, files)
    with stage("Find copies"):
        recordings, found_notes = mark_duplicates(recordings)
        notes += found_notes
    with stage("Assign folds"):
        recordings, found_notes = _with_folds(recordings, n_folds, fold_seed, rare_below)
        notes += found_notes
    with stage("Write"):
        facts = {
            "competition": metadata.version,
            "n_folds": n_folds,
            "seed": fold_seed,
            "sample_rate": sample_rate,
            "classes": list(metadata.classes),
        }
        version = _write(recordings, facts, folder)
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


def _with_folds(recordings: pd.DataFrame, n_folds: int, seed: int, rare_below: int) -> tuple[pd.DataFrame, list[str]]:
    """The table as it is written, with the folds of those that are used, and notes."""
    usable = (recordings["fault"] == "") & (recordings["duplicate_of"] == "")
    folds, notes = assign_folds(recordings[usable], n_folds=n_folds, seed=seed, rare_below=rare_below)
    recordings = recordings.assign(fold=np.nan)
    recordings.loc[usable, "fold"] = folds
    # A copy's place in the cache is never asked for.
    recordings.loc[~usable, ["cache_start", "cache_samples"]] = (-1, 0)
    return recordings[list(COLUMNS)], notes


def _write(recordings: pd.DataFrame, facts: dict, folder: Path) -> str:
    """Writes both files, folds.json last, and returns the data's version."""
    written = _as_text(recordings)
    version = data_version(written)
    write_table(written, folder / RECORDINGS_FILE)
    _write_json({"schema": SCHEMA, "data_version": version} | facts, folder / FOLDS_FILE)
    return version


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
