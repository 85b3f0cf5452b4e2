"""The picture of a recipe's augmentations shows what really happens to a clip."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import Augmentation
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.plots.augmentation import plot_augmentations, plot_recipe

FRONT_END = FrontEnd(16000, 1, 512, 256, 32, 50, 8000)
STEPS = [
    {"name": "sumup", "p": 0.0},
    {"name": "concatmix", "p": 0.5},
    {"name": "sumix", "p": 1.0, "low": 0.3, "high": 1.0},
    {"name": "mixup", "p": 1.0, "alpha": 1.5},
    {"name": "cutmix", "p": 0.5, "alpha": 1.5},
]


def clips(size):
    waves = 0.1 * torch.randn(size, FRONT_END.samples, generator=torch.Generator().manual_seed(0))
    return Batch(waves, torch.eye(4)[torch.arange(size) % 4], torch.ones(size, 4))


@pytest.fixture
def draw():
    figures = []

    def draw(steps, size=4):
        mel = MelSpectrogram(FRONT_END)
        figures.append(plot_augmentations(Augmentation(steps), clips(size), mel, list("abcd")))
        figures[-1].canvas.draw()
        return figures[-1]

    yield draw
    for figure in figures:
        plt.close(figure)


def test_every_step_is_a_row_of_clip_partner_mixture_and_labels(draw):
    axes = np.array(draw(STEPS).axes).reshape(5, 4)
    assert [row[0].get_ylabel().partition("\n")[0] for row in axes] == [step["name"] for step in STEPS]
    assert [axis.get_title() for axis in axes[0]] == ["clip", "partner", "mixture", "labels"]
    pictures = [[np.asarray(axis.images[0].get_array()) for axis in row[:3]] for row in axes]
    # The doubled clip is the clip and its partner side by side, on an axis of twice the seconds.
    clip, partner, doubled = pictures[1]
    np.testing.assert_allclose(doubled, np.concatenate([clip, partner], axis=1), atol=1e-5)
    assert axes[1][2].get_xlim() == (0, 2) and axes[0][2].get_xlim() == (0, 1)
    for clip, partner, mixture in pictures:
        assert not np.allclose(clip, partner) and not np.array_equal(mixture, clip)


def test_labels_are_those_of_the_three_pictures(draw):
    row = draw([{"name": "sumup", "p": 1.0}]).axes
    heights = [round(bar.get_width(), 3) for bar in row[3].patches]
    # Two classes: the clip has the one, its partner the other, the mixture both.
    assert heights == [1, 0, 0, 1, 1, 1] and len(row[3].get_yticklabels()) == 2


@pytest.mark.parametrize(("steps", "size"), [([], 4), (STEPS, 1)])
def test_a_recipe_without_steps_and_a_batch_of_one_are_pictures_too(draw, steps, size):
    assert draw(steps, size).axes


class Recordings:
    """What a picture needs of a prepared competition: some noises, one a class."""

    cache = None
    classes = tuple("abcd")

    def __init__(self, folder, count):
        self.audio = folder
        names = [f"{n}.wav" for n in range(count)]
        facts = {"seconds": 2.0, "sample_rate": FRONT_END.sample_rate, "channels": 1}
        self.recordings = pd.DataFrame({"filename": names, **facts})
        for number, name in enumerate(self.recordings["filename"]):
            noise = 0.1 * np.random.default_rng(number).standard_normal(32000)
            soundfile.write(folder / name, noise, 16000)

    def training_rows(self, fold):
        return np.arange(len(self.recordings))

    def targets(self, rows):
        return np.eye(4, dtype=np.float32)[np.asarray(rows) % 4], np.ones((len(rows), 4), np.float32)


class Settings:
    padding = "cyclic"
    augmentations = STEPS


@pytest.mark.parametrize("count", [1, 3, 20])
def test_a_training_shows_its_own_recordings(tmp_path, count):
    figure = plot_recipe(Recordings(tmp_path, count), "full", Settings, FRONT_END)
    figure.canvas.draw()
    assert len(figure.axes) == 4 * len(STEPS)
    plt.close(figure)


def test_a_fold_without_recordings_is_one_line(tmp_path):
    with pytest.raises(BirdlibError, match="fold 1: has no recordings to train with; prepare"):
        plot_recipe(Recordings(tmp_path, 0), 1, Settings, FRONT_END)
