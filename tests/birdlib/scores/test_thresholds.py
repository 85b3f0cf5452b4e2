"""Thresholds: fitted ones are never worse than 0.5 on their own rows, and odd classes do not spoil them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import ROWWISE_F1, WEIGHTED_ACCURACY
from birdlib.scores.thresholds import Thresholds, fit_thresholds, unseen_decisions

METRICS = pytest.mark.parametrize("metric", [ROWWISE_F1, WEIGHTED_ACCURACY], ids=lambda metric: metric.key)


def test_a_score_of_at_least_its_class_s_threshold_is_a_label():
    scores = np.array([[0.2, 0.6, np.nan], [0.1, 0.59, 0.9]])
    thresholds = Thresholds(np.array([0.2, 0.6, 0.95]))
    assert thresholds.decide(scores).tolist() == [[True, True, False], [False, False, False]]
    assert Thresholds.constant(3, 0.5).decide(scores).tolist() == [[False, True, False], [False, True, True]]
    assert Thresholds.constant(("a", "b"), 0.5).values.tolist() == [0.5, 0.5]


def test_a_row_whose_best_score_is_below_the_threshold_of_nocall_has_no_label():
    scores = np.array([[0.2, 0.6], [0.2, 0.7]])
    assert Thresholds(np.array([0.1, 0.1]), nocall=0.65).decide(scores).tolist() == [[False, False], [True, True]]


@st.composite
def tables(draw):
    """A truth and scores that know something of it; silent classes, ties, scores of 1 and constants are frequent."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, classes = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    truth = random.random((rows, classes)) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    noise = random.choice(draw(st.sampled_from([[0.5], [0.0, 0.5, 1.0], list(random.random(40))])), size=truth.shape)
    counted = random.random(truth.shape) < draw(st.sampled_from([0.6, 1.0]))
    return truth, draw(st.sampled_from([0.0, 0.3])) * truth + 0.7 * noise, counted


@METRICS
@given(tables())
@settings(deadline=None)
def test_the_fit_is_never_worse_than_one_half_nor_one_threshold_per_class_worse_than_one(metric, table):
    truth, scores, counted = table

    def value(thresholds):
        return metric.of_decisions(truth, thresholds.decide(scores), counted)

    half = value(Thresholds.constant(truth.shape[1], 0.5))
    one, per_class = (value(fit_thresholds(metric, truth, scores, kind, counted)) for kind in ("one", "per_class"))
    if half is not None:
        assert half <= one + 1e-9 and one <= per_class + 1e-9


def calls(rows: int = 400):
    """Three birds whose scores lie at different heights, and rows without any."""
    random = np.random.default_rng(0)
    truth = random.random((rows, 3)) < [0.1, 0.3, 0.05]
    heights = np.array([0.1, 0.4, 0.8])
    return truth, np.clip(heights + 0.1 * truth + 0.05 * random.standard_normal(truth.shape), 0, 1), heights + 0.05


@METRICS
def test_thresholds_per_class_find_each_class_s_own_height(metric):
    truth, scores, heights = calls()
    fitted = fit_thresholds(metric, truth, scores, "per_class")
    np.testing.assert_allclose(fitted.values, heights, atol=0.07)
    one = fit_thresholds(metric, truth, scores, "one")
    assert len(set(one.values)) == 1
    values = [metric.of_decisions(truth, each.decide(scores)) for each in (one, fitted)]
    assert values[1] > values[0] + 0.05


def test_each_metric_has_the_thresholds_that_suit_it():
    truth, scores, _ = calls()
    assert len(set(fit_thresholds(ROWWISE_F1, truth, scores).values)) == 1
    assert len(set(fit_thresholds(WEIGHTED_ACCURACY, truth, scores).values)) == 3


@METRICS
def test_a_class_of_one_kind_of_rows_keeps_the_one_threshold(metric):
    truth, scores, _ = calls()
    truth, scores = np.column_stack([truth, np.zeros(len(truth))]), np.column_stack([scores, scores[:, 0]])
    fitted = fit_thresholds(metric, truth, scores, "per_class")
    assert fitted.values[3] == metric.best_threshold(truth, scores)


def test_nocall_is_decided_by_a_row_s_best_score_where_that_helps():
    """Each bird is loud in rows that hold it; in empty rows two classes are half loud together."""
    random = np.random.default_rng(1)
    truth = np.zeros((300, 2), bool)
    truth[:180, 0] = truth[:100, 1] = True
    scores = np.where(truth, 0.9, 0.1) + 0.02 * random.random(truth.shape)
    scores[:100, 1] = 0.5  # the second bird is never as loud as the first
    scores[180:] = 0.6
    fitted = fit_thresholds(ROWWISE_F1, truth, scores)
    assert fitted.nocall > 0.6 and not fitted.decide(scores)[180:].any()
    assert ROWWISE_F1.of_decisions(truth, fitted.decide(scores)) == 1
    assert fit_thresholds(WEIGHTED_ACCURACY, truth, scores).nocall == 0


@METRICS
def test_without_anything_to_fit_on_it_is_one_half(metric):
    nothing = np.zeros((0, 2))
    assert fit_thresholds(metric, nothing, nothing).values.tolist() == [0.5, 0.5]
    silent = np.zeros((3, 2))
    assert fit_thresholds(metric, silent, silent, "per_class", silent > 0).values.tolist() == [0.5, 0.5]


def test_rows_are_decided_by_thresholds_of_other_groups():
    """In one soundscape of ten all is louder: its own threshold would suit it, the others' do not."""
    truth = np.tile([[1], [0]], (50, 1))
    scores = np.where(truth == 1, 0.5, 0.3)
    groups = [f"s{row // 10}" for row in range(100)]
    scores[:10] += 0.3
    decisions = unseen_decisions(WEIGHTED_ACCURACY, truth, scores, groups)
    assert (decisions[10:] == truth[10:]).all() and decisions[:10].all()


def test_an_unknown_kind_is_refused():
    with pytest.raises(BirdlibError, match='THRESHOLDS = \'two\': expected "one", "per_class"'):
        fit_thresholds(ROWWISE_F1, np.zeros((1, 1)), np.zeros((1, 1)), "two")
