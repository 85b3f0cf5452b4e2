"""A small ensemble and small soundscapes for the tests of the submission."""

import numpy as np
import pytest
import soundfile
import torch

from birdlib.export.weight_dataset import WeightDataset
from birdlib.frontend.mel import FrontEnd
from birdlib.models.architectures import BirdModel
from birdlib.models.heads import PoolHead
from birdlib.submission.run import Run

FRONT_END = FrontEnd(32000, 5, 1024, 1024, 32, 50, 14000)
COARSE = FrontEnd(32000, 5, 1024, 1024, 16, 50, 14000)
CLASSES = tuple("abcdef")


def small_model(seed, channels=8, n_classes=6):
    torch.manual_seed(seed)
    backbone = torch.nn.Sequential(torch.nn.Conv2d(1, channels, 5, 4), torch.nn.BatchNorm2d(channels), torch.nn.SiLU())
    model = BirdModel(backbone, PoolHead(channels, n_classes), channels=1).eval()
    with torch.no_grad():
        model.head.linear.weight *= 5
    return model


def write_weights(folder, models, classes=CLASSES, front_end=FRONT_END):
    """models: {name: (torch model, score)}; returns the weight dataset's folder."""
    folder.mkdir(exist_ok=True)
    mels = torch.randn(8, *front_end.shape, generator=torch.Generator().manual_seed(0))
    weights = WeightDataset(folder, front_end, tuple(classes), mels, commit="c0ffee", recipe={})
    for name, (model, score) in models.items():
        weights.add(
            model,
            name=name,
            architecture="small",
            precision="f32",
            seed=1,
            fold=0,
            score=score,
            score_name="out-of-fold",
        )
    return folder


def write_soundscape(path, seconds, seed):
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * 32000)) / 32000
    tone = np.sin(2 * np.pi * np.repeat(random.uniform(500, 9000, int(seconds) + 1), 32000)[: len(time)] * time)
    with soundfile.SoundFile(path, "w", 32000, 1) as file:
        wave = 0.3 * tone + random.normal(0, 0.05, len(time))
        for start in range(0, len(wave), 32000):
            file.write(wave[start : start + 32000])


@pytest.fixture
def competition(tmp_path):
    """Three soundscapes of half a minute, every full window asked for, in an order of its own."""
    folder = tmp_path / "competition"
    (folder / "test_soundscapes").mkdir(parents=True)
    rows = []
    for number in range(3):
        write_soundscape(folder / "test_soundscapes" / f"soundscape_{number}.ogg", 30, number)
        rows += [f"soundscape_{number}_{end}" for end in range(5, 31, 5)]
    rows = rows[::-1]
    lines = ["row_id," + ",".join(CLASSES)] + [row + ",0.5" * len(CLASSES) for row in rows]
    (folder / "sample_submission.csv").write_text("\n".join(lines) + "\n")
    return folder


class SteppedRun(Run):
    """A run whose clock moves only when a test moves it."""

    now = 0.0

    def elapsed(self):
        return self.now


@pytest.fixture
def run():
    run = SteppedRun()
    run.set_limit(60, 0.0)
    return run
