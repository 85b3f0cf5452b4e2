"""What the benchmarks' tests share: the scripts as modules, and a small front end."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from birdlib.export.openvino_ir import Scores
from birdlib.export.untrained import seeded_model
from birdlib.export.weight_dataset import WeightDataset
from birdlib.frontend.mel import FrontEnd, MelSpectrogram

POOLED = {"name": "pooled"}
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def script():
    """A benchmark's script by its name, imported as it is when it is run: its folder comes first."""

    def load(name):
        before = list(sys.path)
        sys.path.insert(0, str(BENCHMARKS))
        try:
            return importlib.import_module(name)
        finally:
            sys.path[:] = before

    return load


@pytest.fixture(scope="session")
def small():
    """A coarse front end: windows of 5 s, the only ones that are scored, at the lowest sample rate."""
    return FrontEnd(sample_rate=8000, window_seconds=5.0, n_fft=2048, hop_length=1250, n_mels=32, f_min=50, f_max=4000)


@pytest.fixture(scope="session")
def two_models(small):
    """Write two exported models, untrained, into a folder: a function of the folder and the classes."""
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (8, small.samples)).astype(np.float32))
    mels = MelSpectrogram(small)(noise)

    def write(folder, classes):
        weights = WeightDataset(folder, "test", measured_seconds=0.01)
        models = {}
        for seed in (1, 2):
            name = f"test_resnet-untrained-seed{seed}"
            model = seeded_model("test_resnet", POOLED, len(classes), mels, small, seed=seed, drop_path=0.1)
            models[name] = Scores(model)
            weights.add(
                model,
                mels=mels,
                name=name,
                architecture="test_resnet",
                front_end=small,
                classes=tuple(classes),
                seed=seed,
                fold=None,
                score=None,
                score_name="untrained",
                padding="cyclic",
                recipe={},
            )
        return models

    return write
