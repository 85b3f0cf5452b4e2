"""The picture of a recipe's augmentations shows what really happens to a clip."""

from pathlib import Path
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import read_steps
from birdlib.clip_sources.clip_context import ClipContext
from birdlib.data.clip_table import ClipTable
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

    def draw(steps, size=4, batch=None, module=MelSpectrogram):
        mel = module(FRONT_END)
        context = AugmentationContext(FRONT_END.sample_rate, Path)
        figures.append(plot_augmentations(read_steps(steps), context, batch or clips(size), mel, list("abcd")))
        figures[-1].canvas.draw()
        return figures[-1]

    yield draw
    for figure in figures:
        plt.close(figure)


def test_every_step_is_a_row_of_clip_partner_result_and_labels(draw):
    axes = np.array(draw(STEPS).axes).reshape(5, 4)
    assert [row[0].get_ylabel().partition("\n")[0] for row in axes] == [step["name"] for step in STEPS]
    assert [axis.get_title() for axis in axes[0]] == ["clip", "partner", "result", "labels"]
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


def test_a_step_without_partners_shows_the_clip_that_it_changes_most(draw):
    """Of four clips one has high frequencies, which a low-pass takes."""
    batch = clips(4)
    seconds = torch.arange(FRONT_END.samples) / FRONT_END.sample_rate
    batch.input[[0, 1, 3]] = torch.sin(2 * torch.pi * 200 * seconds)
    row = draw([{"name": "low_pass", "p": 0.3, "low": 1000.0, "high": 1000.0}], batch=batch).axes
    assert row[0].get_ylabel() == "low_pass\n30% of clips"
    assert not row[1].images and [text.get_text() for text in row[1].texts] == ["no partner"]
    clip, result = (np.asarray(row[place].images[0].get_array()) for place in (0, 2))
    expected = MelSpectrogram(FRONT_END)(batch.input)[2, 0].numpy()
    np.testing.assert_allclose(clip, expected, atol=1e-6)
    assert np.abs(result - clip).mean() > 0.3
    # Its only class is the third, which the clip and the result have alike.
    assert [label.get_text() for label in row[3].get_yticklabels()] == ["c"]
    assert [bar.get_width() for bar in row[3].patches] == [1, 1]


def test_all_pictures_share_one_scale_whatever_the_front_ends_numbers_are(draw):
    class Decibels(MelSpectrogram):
        def forward(self, wave):
            return 20 * super().forward(wave) - 60

    steps = [STEPS[2], {"name": "frequency_mask", "p": 0.5}]
    for module in (MelSpectrogram, Decibels):
        images = [image for axis in draw(steps, module=module).axes for image in axis.images]
        (limits,) = {image.get_clim() for image in images}
        shades = [np.clip((np.asarray(image.get_array()) - limits[0]) / np.ptp(limits), 0, 1) for image in images]
        inside = np.mean([((shade > 0) & (shade < 1)).mean() for shade in shades])
        assert inside > 0.9, "colours that a picture uses"


@pytest.mark.parametrize(("steps", "size"), [([], 4), (STEPS, 1)])
def test_a_recipe_without_steps_and_a_batch_of_one_are_pictures_too(draw, steps, size):
    assert draw(steps, size).axes


def recordings(folder, count):
    """A clip table of some noises, one a class."""
    for number in range(count):
        noise = 0.1 * np.random.default_rng(number).standard_normal(32000)
        soundfile.write(folder / f"{number}.wav", noise, 16000)
    rows = pd.DataFrame(
        {
            "path": [folder / f"{number}.wav" for number in range(count)],
            "number": np.arange(count),
            "first": 0.0,
            "seconds": 2.0,
            "recording_seconds": 2.0,
            "sample_rate": 16000,
            "channels": 1,
            "cached": -1,
            "group": "someone",
            "weight": 1.0,
            "source": "recordings",
        }
    )
    return ClipTable(tuple("abcd"), rows, np.eye(4)[np.arange(count) % 4], np.ones((count, 4), bool))


class Settings:
    """Two stages, of which the second adds a step."""

    padding = "cyclic"
    stages = (SimpleNamespace(augmentations=STEPS[:4]), SimpleNamespace(augmentations=STEPS[1:]))


CONTEXT = ClipContext(prepared=None)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_a_training_shows_its_own_recordings(tmp_path, count):
    figure = plot_recipe(recordings(tmp_path, count), Settings, CONTEXT, FRONT_END)
    figure.canvas.draw()
    assert [axis.get_ylabel().split("\n") for axis in figure.axes[::4]] == [
        ["sumup", "0% of batches"],
        ["concatmix", "50% of batches"],
        ["sumix", "100% of batches"],
        ["mixup", "100% of batches"],
        ["cutmix", "50% of batches"],
    ]
    plt.close(figure)


def test_a_fold_without_recordings_is_one_line(tmp_path):
    with pytest.raises(BirdlibError, match="no clips to train with; prepare"):
        plot_recipe(recordings(tmp_path, 0), Settings, CONTEXT, FRONT_END)
