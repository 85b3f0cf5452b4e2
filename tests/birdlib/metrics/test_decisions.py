"""The metrics of labels, held against scikit-learn and against literal versions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdlib.competition.editions import EDITIONS
from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import ROWWISE_F1, WEIGHTED_ACCURACY, best_cut
from birdlib.metrics.of_years import METRICS, metric_of, watched

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")
BOTH = (ROWWISE_F1, WEIGHTED_ACCURACY)


@st.composite
def tables(draw):
    """A truth and scores; classes without a positive, ties, scores of 1 and constant scores are frequent."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, classes = draw(st.integers(1, 25)), draw(st.integers(1, 5))
    truth = random.random((rows, classes)) < draw(st.sampled_from([0.05, 0.3, 0.8]))
    levels = draw(st.sampled_from([[0.5], [0.0, 1.0], [0.2, 0.6, 1.0], list(random.random(50))]))
    return truth, random.choice(levels, size=(rows, classes))


def f1_by_hand(truth, decisions, counted=None):
    """Set by set, a row without labels being of the one label nocall."""
    counted = np.ones(truth.shape, bool) if counted is None else counted
    values = []
    for there, decided, cells in zip(truth, decisions, counted, strict=True):
        if cells.any():
            wanted, given_ = ({*np.flatnonzero(row & cells)} or {"nocall"} for row in (there, decided))
            values.append(2 * len(wanted & given_) / (len(wanted) + len(given_)))
    return np.mean(values) if values else None


def accuracy_by_hand(truth, decisions, counted=None):
    counted = np.ones(truth.shape, bool) if counted is None else counted
    values = []
    for c in range(truth.shape[1]):
        rows = counted[:, c]
        kinds = [np.mean(decisions[rows & (truth[:, c] == kind), c] == kind)
                 for kind in (False, True) if (rows & (truth[:, c] == kind)).any()]  # fmt: skip
        values += [np.mean(kinds)] if kinds else []
    return np.mean(values) if values else None


BY_HAND = {ROWWISE_F1: f1_by_hand, WEIGHTED_ACCURACY: accuracy_by_hand}


@given(tables())
@settings(deadline=None)
def test_rowwise_f1_is_scikit_learns_over_samples_with_a_column_for_nocall(table):
    truth, scores = table
    both = [np.column_stack([labels, ~labels.any(axis=1)]) for labels in (truth, scores >= 0.5)]
    expected = sklearn_metrics.f1_score(*both, average="samples")
    assert ROWWISE_F1.of_decisions(truth, scores >= 0.5) == pytest.approx(expected, abs=1e-12)


@given(tables())
@settings(deadline=None)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
def test_weighted_accuracy_is_the_mean_of_scikit_learns_balanced_accuracies(table):
    truth, scores = table
    expected = np.mean(
        [sklearn_metrics.balanced_accuracy_score(truth[:, c], scores[:, c] >= 0.5) for c in range(truth.shape[1])]
    )
    assert WEIGHTED_ACCURACY.of_decisions(truth, scores >= 0.5) == pytest.approx(expected, abs=1e-12)


@given(tables(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_cells_that_do_not_count_are_left_out_of_both(table, seed: int):
    truth, scores = table
    counted = np.random.default_rng(seed).random(truth.shape) < 0.7
    for metric, by_hand in BY_HAND.items():
        expected = by_hand(truth, scores >= 0.5, counted)
        found = metric.of_decisions(truth, scores >= 0.5, counted)
        assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))


@given(tables())
@settings(deadline=None)
def test_probabilities_are_judged_at_the_best_threshold_that_there_is(table):
    truth, scores = table
    for metric in BOTH:
        tried = [metric.of_decisions(truth, scores >= level) for level in [*np.unique(scores), 2.0]]
        assert metric(truth, scores) == pytest.approx(max(tried), abs=1e-12)


def test_a_worked_case():
    truth = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]])
    decisions = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]])
    # {a, b} against {a, c}; nocall against nocall; nocall against b; {a} against nocall
    assert ROWWISE_F1.of_decisions(truth, decisions) == pytest.approx((1 / 2 + 1 + 0 + 0) / 4)
    # a: half of its rows and all others; b: none, and 2 of 3; c: no row, 3 of 4 others
    assert WEIGHTED_ACCURACY.of_decisions(truth, decisions) == pytest.approx((3 / 4 + 1 / 3 + 3 / 4) / 3)


def test_nothing_to_judge_is_undefined():
    nothing = np.zeros((0, 3))
    silent = np.zeros((2, 3))
    for metric in METRICS:
        assert metric(nothing, nothing) is None
        assert metric(silent, silent, np.zeros((2, 3), bool)) is None


def test_a_cut_lies_midway_or_beyond_all_scores():
    scores = np.array([0.9, 0.5, 0.1])
    assert best_cut(scores, np.array([1.0, -1.0, 0.0])) == pytest.approx(0.7)
    assert best_cut(scores, np.array([-1.0, 0.0, 0.0])) > 0.9
    assert 0 < best_cut(scores, np.ones(3)) <= 0.1
    close = np.array([np.nextafter(0.5, 1), 0.5])
    assert (close >= best_cut(close, np.array([1.0, -1.0]))).tolist() == [True, False]


def test_each_year_has_its_metric_and_another_name_is_refused():
    metrics = {entry.slug.removeprefix("birdclef-"): metric_of(entry.metric).key for entry in EDITIONS}
    assert metrics == {"2021": "rowwise_f1", "2022": "weighted_accuracy", "2023": "padded_cmap"} | dict.fromkeys(
        ("2024", "2025", "2026", "demo"), "macro_roc_auc"
    )
    assert [metric.key for metric in watched(ROWWISE_F1)] == ["rowwise_f1", "padded_cmap", "macro_roc_auc"]
    with pytest.raises(BirdlibError, match="metric 'accuracy' is not known; expected one of row-wise micro F1, "):
        metric_of("accuracy")
