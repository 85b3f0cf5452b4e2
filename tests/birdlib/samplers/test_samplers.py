"""Samplers: what an epoch hears, how often."""

import numpy as np
import pytest

import birdlib.samplers.balanced
import birdlib.samplers.source_shares
import birdlib.samplers.uniform
import birdlib.samplers.weighted  # noqa: F401  (a copy of the library without them is not asked)
from birdlib.components import component
from birdlib.errors import BirdlibError

from ..clip_tables import clip_table

SOURCES = ["recordings"] * 90 + ["soundscapes"] * 10


def drawn(table, seed=0, **sampler):
    made = component("samplers", sampler)
    rows = made(table, np.random.default_rng(seed))
    assert len(rows) == made.size(table) and rows.dtype == np.int64
    return rows


@pytest.mark.parametrize(
    "sampler",
    [
        {"name": "uniform"},
        {"name": "balanced", "least": 7},
        {"name": "weighted", "clips": 50},
        {"name": "source_shares", "shares": {"recordings": 0.6, "soundscapes": 0.4}},
    ],
    ids=lambda sampler: sampler["name"],
)
def test_an_epoch_follows_from_its_seed_and_differs_from_the_next(sampler):
    table = clip_table([row % 4 for row in range(100)], source=SOURCES)
    assert np.array_equal(drawn(table, **sampler), drawn(table, **sampler))
    assert not np.array_equal(drawn(table, **sampler), drawn(table, 1, **sampler))


def test_uniform_hears_every_clip_once():
    assert sorted(drawn(clip_table([0, 1, 2, 3]), name="uniform")) == [0, 1, 2, 3]


def test_balanced_hears_every_clip_and_each_class_often_enough():
    table = clip_table([0] * 30 + [1] * 3 + [(0, 2)])
    rows = drawn(table, name="balanced", least=10)
    counts = (table.targets[rows] >= 0.5).sum(axis=0)
    assert set(rows) == set(range(34)) and counts[1] == 10 and counts[2] == 10 and counts[3] == 0
    times = np.bincount(rows)
    assert times[:30].tolist() == [1] * 30  # classes that are heard often enough are not heard more often
    assert max(times[30:33]) - min(times[30:33]) <= 1  # of a rare class, no clip much more often than another


def test_weighted_draws_by_weight():
    table = clip_table([0, 1, 2, 3], weight=[0.0, 1.0, 1.0, 2.0])
    times = np.bincount(drawn(table, name="weighted", clips=4000), minlength=4) / 4000
    assert times == pytest.approx([0, 0.25, 0.25, 0.5], abs=0.03)
    evenly = np.bincount(drawn(table, name="weighted", clips=4000, power=0.0), minlength=4) / 4000
    assert evenly == pytest.approx([0.25] * 4, abs=0.03)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [np.nan, 1.0], [-1.0, 2.0]])
def test_weights_that_say_nothing_are_one_line(weights):
    with pytest.raises(BirdlibError, match="sampler weighted: weights of clips must be numbers from 0 on"):
        drawn(clip_table([0, 1], weight=weights), name="weighted")


def test_each_source_has_its_share_and_its_clips_alike():
    table = clip_table([0] * 100, source=SOURCES)
    rows = drawn(table, name="source_shares", shares={"recordings": 0.75, "soundscapes": 0.25})
    times = np.bincount(rows, minlength=100)
    assert times[90:].sum() == 25 and set(times[90:]) == {2, 3} and max(times[:90]) == 1


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"recordings": 0.5}, "they have to add up to 1"),
        ({"recordings": 1.0}, "no share for the source 'soundscapes'"),
        ({"recordings": 0.5, "soundscapes": 0.3, "extra": 0.2}, "there is no clip of the source 'extra'"),
        ({"recordings": 1.5, "soundscapes": -0.5}, "they have to add up to 1"),
    ],
)
def test_shares_that_do_not_fit_are_one_line(shares, said):
    with pytest.raises(BirdlibError, match=said):
        drawn(clip_table([0] * 100, source=SOURCES), name="source_shares", shares=shares)
