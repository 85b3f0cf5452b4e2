"""Intervals and draws are those of a bootstrap that resamples row by row."""

import time

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.metrics.intervals import Interval, check_groups, ends_of, group_draws
from birdlib.metrics.of_years import METRICS

from . import references


def table(rows: int = 90, classes: int = 6, decimals: int = 2):
    random = np.random.default_rng(1)
    truth = random.random((rows, classes)) < 0.3
    truth[:, 0] = False  # never heard
    scores = np.clip(0.4 * truth + random.random((rows, classes)), 0, 1).round(decimals)  # with ties, and ones
    return truth, scores, [f"author{number}" for number in random.integers(12, size=rows)]


def with_decisions_of(metric, scores, truth):
    """A metric as a function of truth and scores; labels are decided once, by all rows."""
    if not hasattr(metric, "of_decisions"):
        return metric, scores
    return metric.of_decisions, scores >= metric.best_threshold(truth, scores)


@pytest.mark.parametrize("decimals", [1, 9])
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_each_draw_is_the_metric_of_the_rows_drawn(metric, decimals: int):
    truth, scores, authors = table(decimals=decimals)
    found = metric.draws(truth, scores, group_draws(authors, repeats=40, seed=3))
    plain, values = with_decisions_of(metric, scores, truth)
    expected = references.draws(plain, truth, values, authors, repeats=40, seed=3)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(ends_of(found), references.ends(expected), atol=1e-12)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_cells_that_do_not_count_are_not_there(metric):
    truth, scores, authors = table()
    counted = np.random.default_rng(2).random(truth.shape) < 0.8
    counted[:, 1] = False
    other_truth, other_scores = (
        truth ^ ~counted,
        np.where(counted, scores, np.random.default_rng(3).random(truth.shape)),
    )
    copies = group_draws(authors, repeats=25)
    found = metric.draws(truth, scores, copies, counted)
    np.testing.assert_array_equal(found, metric.draws(other_truth, other_scores, copies, counted))
    if not hasattr(metric, "of_decisions"):
        expected = references.draws(metric, truth, scores, authors, counted, repeats=25)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_whole_groups_are_drawn_the_same_for_the_same_seed():
    groups = np.repeat(list("abcde"), 12)
    copies = group_draws(groups, repeats=20)
    assert copies.shape == (60, 20) and (copies.sum(axis=0) == 60).all()
    assert (copies.reshape(5, 12, 20) == copies.reshape(5, 12, 20)[:, :1]).all()
    np.testing.assert_array_equal(copies, group_draws(groups, repeats=20))
    assert (copies != group_draws(groups, repeats=20, seed=1)).any()


def test_the_interval_holds_the_value_and_narrows_with_more_soundscapes():
    random = np.random.default_rng(3)
    for metric in METRICS:
        widths = []
        for count in (8, 128):
            truth = random.random((count * 12, 3)) < 0.3
            scores = np.clip(0.3 * truth + 0.7 * random.random(truth.shape), 0, 1)
            copies = group_draws([f"s{row // 12}" for row in range(count * 12)], repeats=100)
            low, high = ends_of(metric.draws(truth, scores, copies))
            assert low <= metric(truth, scores) <= high
            widths.append(high - low)
        assert widths[1] < widths[0] / 2


def test_where_nothing_can_be_said_nothing_is():
    truth, scores, authors = table()
    for metric in METRICS:
        assert ends_of(metric.draws(truth, scores, group_draws(["ann"] * len(truth)))) == (None, None)
        silent = ends_of(metric.draws(np.zeros_like(truth), scores, group_draws(authors, 20)))
        assert (silent == (None, None)) == (metric.key == "macro_roc_auc")
    assert str(Interval(None)) == "undefined" and str(Interval(0.5)) == "0.5000"
    assert str(Interval(0.5, 0.4, 0.6)) == "0.5000 (0.4000 to 0.6000)"
    with pytest.raises(BirdlibError, match="89 group names for 90 rows"):
        check_groups(authors[:-1], len(truth))


def test_a_competition_sized_validation_takes_seconds():
    random = np.random.default_rng(0)
    truth = random.random((3000, 206)) < 0.01
    scores = random.random(truth.shape, dtype=np.float32)
    copies = group_draws(np.repeat(np.arange(250), 12), repeats=200)
    for metric in METRICS:
        began = time.process_time()
        assert len(metric.draws(truth, scores, copies)) == 200
        assert time.process_time() - began < 15
