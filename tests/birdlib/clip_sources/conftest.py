"""A context with recordings, labelled soundscapes and attached folders, all of noise."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from birdlib.clip_sources.clip_context import ClipContext
from birdlib.data.labelled_soundscapes import LabelledSoundscapes

CLASSES = ("crow", "owl", "wren")
RATE = 8000


def record(path, seconds, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE))
    soundfile.write(path, noise, RATE)
    return path


@pytest.fixture
def soundscapes(tmp_path):
    """Four soundscapes of 20 s of two sites; the labels are in the form of 2026."""
    stems = ["XY_S01_a", "XY_S01_b", "XY_S02_a", "XY_S02_b"]
    rows = []
    for number, stem in enumerate(stems):
        record(tmp_path / "competition/train_soundscapes" / f"{stem}.ogg", 20, number)
        rows += [(f"{stem}.ogg", "00:00:00", "00:00:05", "crow;owl"), (f"{stem}.ogg", "00:00:10", "00:00:15", "")]
    table = tmp_path / "competition/labels.csv"
    pd.DataFrame(rows, columns=["filename", "start", "end", "labels"]).to_csv(table, index=False)
    return LabelledSoundscapes.read(table, tmp_path / "competition/train_soundscapes", CLASSES)


@pytest.fixture
def context(tmp_path, soundscapes):
    prepared = SimpleNamespace(classes=CLASSES, n_folds=2)
    folders = {"extra-birds": tmp_path / "extra"}
    (tmp_path / "extra").mkdir()
    return ClipContext(prepared, soundscapes, folders, tmp_path / "competition")
