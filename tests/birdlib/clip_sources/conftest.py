"""A context with recordings, labelled soundscapes and attached folders, all of noise."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from birdlib.clip_sources.clip_context import ClipContext

from ..known_soundscapes import known_soundscapes

CLASSES = ("crow", "owl", "wren")
RATE = 8000


def record(path, seconds, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE))
    soundfile.write(path, noise, RATE)
    return path


@pytest.fixture
def soundscapes(tmp_path):
    """Four soundscapes of 20 s of two sites."""
    folder, labels = tmp_path / "competition/train_soundscapes", {}
    for number, stem in enumerate(["XY_S01_a", "XY_S01_b", "XY_S02_a", "XY_S02_b"]):
        record(folder / f"{stem}.ogg", 20, number)
        labels |= {f"{stem}_5": "crow owl", f"{stem}_15": ""}
    return known_soundscapes(folder, labels, CLASSES)


@pytest.fixture
def context(tmp_path, soundscapes):
    prepared = SimpleNamespace(classes=CLASSES, n_folds=2)
    folders = {"extra-birds": tmp_path / "extra"}
    (tmp_path / "extra").mkdir()
    return ClipContext(prepared, soundscapes, folders, tmp_path / "competition")
