"""ESC-10 as a competition: 400 clips of 10 everyday sounds, in its own five folds."""

import json
from pathlib import Path

import pandas as pd

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.preparation import prepare, write_preparation
from birdlib.data.prepared import FOLDS_FILE, RECORDINGS_FILE, Prepared

SAMPLE_RATE = 32_000


def esc10_as_competition(source: Path, folder: Path) -> CompetitionFiles:
    """A competition's folder of ESC-10's: a folder per category, the metadata, and a sample to name the classes.

    Args:
        source: holds esc10.csv (filename, fold 1 to 5, category) and audio/.
        folder: is made; the recordings in it are links.
    """
    table = read_esc10(source)
    for category in sorted(set(table["category"])):
        (folder / "train_audio" / category).mkdir(parents=True, exist_ok=True)
    for filename, category in zip(table["filename"], table["category"], strict=True):
        link = folder / "train_audio" / category / filename
        link.unlink(missing_ok=True)
        link.symlink_to((source / "audio" / filename).resolve())
    metadata = pd.DataFrame(
        {
            "primary_label": table["category"],
            "secondary_labels": "[]",
            "author": "",  # whom their folds do not keep apart
            "filename": table["category"] + "/" + table["filename"],
        }
    )
    metadata.to_csv(folder / "train_metadata.csv", index=False)
    classes = sorted(set(table["category"]))
    sample = pd.DataFrame([["soundscape_1_5", *[0.1] * len(classes)]], columns=["row_id", *classes])
    sample.to_csv(folder / "sample_submission.csv", index=False)
    return CompetitionFiles(folder, edition("demo"))


def prepare_with_its_folds(source: Path, files: CompetitionFiles, folder: Path) -> Prepared:
    """The usual preparation, with the folds of ESC-10's authors in the place of ours (theirs 1 to 5 are 0 to 4)."""
    prepare(files, folder, sample_rate=SAMPLE_RATE, cache_gigabytes=1.0, cache_seconds=5.0, workers=1)
    table = read_esc10(source)
    theirs = dict(zip(table["category"] + "/" + table["filename"], table["fold"].astype(int) - 1, strict=True))
    recordings = pd.read_csv(folder / RECORDINGS_FILE, dtype=str, keep_default_na=False)
    usable = recordings["fold"] != ""
    recordings.loc[usable, "fold"] = recordings.loc[usable, "filename"].map(theirs).astype(str)
    write_preparation(recordings, json.loads((folder / FOLDS_FILE).read_text(encoding="utf-8")), folder)
    return Prepared.read(folder, files)


def read_esc10(source: Path) -> pd.DataFrame:
    """The rows of esc10.csv, all columns strings."""
    return pd.read_csv(source / "esc10.csv", dtype=str, keep_default_na=False)
