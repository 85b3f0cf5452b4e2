"""What a validation says, held against scikit-learn, torch, and the ranking metrics' own bootstrap."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import ROWWISE_F1
from birdlib.metrics.of_years import watched
from birdlib.metrics.ranking import MACRO_ROC_AUC, PADDED_CMAP
from birdlib.metrics.validation import soundscape_metrics, validation_metrics

from . import references

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")
torch = pytest.importorskip("torch", reason="torch is the reference here")


@st.composite
def validations(draw) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, classes = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    truth = (random.random((rows, classes)) < draw(st.sampled_from([0.05, 0.4]))).astype(np.float32)
    levels = draw(st.sampled_from([np.linspace(0, 1, 5), random.random(200), np.array([1e-9, 0.5, 1 - 1e-9])]))
    return truth, random.choice(levels, size=(rows, classes))


def by_scikit_learn(truth: np.ndarray, scores: np.ndarray) -> dict[str, float | None]:
    padding = np.ones((5, truth.shape[1]))
    both = [c for c in range(truth.shape[1]) if 0 < truth[:, c].sum() < len(truth)]
    area = sklearn_metrics.roc_auc_score(truth[:, both], scores[:, both], average="macro") if both else None
    precision = sklearn_metrics.average_precision_score(
        np.vstack([truth, padding]), np.vstack([scores, padding]), average="macro"
    )
    return {"padded_cmap": precision, "macro_roc_auc": area}


@given(validations())
@settings(max_examples=60, deadline=None)
def test_the_figures_are_scikit_learns_and_the_loss_is_torchs(validation):
    truth, scores = validation
    metrics = validation_metrics(truth, scores)
    for name, expected in by_scikit_learn(truth, scores).items():
        assert metrics[name] == (None if expected is None else pytest.approx(expected, abs=1e-12))
    loss = torch.nn.functional.binary_cross_entropy(torch.from_numpy(scores), torch.from_numpy(truth).double())
    assert metrics["loss"] == pytest.approx(loss.item(), rel=1e-9)


def test_a_wholly_wrong_cell_costs_100_as_in_torch():
    assert validation_metrics(np.array([[1.0]]), np.array([[0.0]]))["loss"] == 100
    assert validation_metrics(np.array([[0.0]]), np.array([[1.0]]))["loss"] == 100


@given(validations(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_masked_cell_counts_in_nothing(validation, seed: int):
    truth, scores = validation
    random = np.random.default_rng(seed)
    weights = (random.random(truth.shape) < 0.7).astype(np.float32)
    masked = weights == 0
    other_truth, other_scores = truth.copy(), scores.copy()
    other_truth[masked] = 1 - truth[masked]
    other_scores[masked] = random.random(masked.sum())
    assert validation_metrics(truth, scores, weights) == validation_metrics(other_truth, other_scores, weights)


def test_a_class_is_ranked_among_the_rows_that_count_for_it():
    truth = np.array([[1, 0], [0, 1], [0, 0], [1, 1]])
    scores = np.array([[0.9, 0.2], [0.8, 0.7], [0.95, 0.1], [0.3, 0.6]])
    weights = np.array([[1, 1], [1, 1], [0, 1], [1, 1]])
    metrics = validation_metrics(truth, scores, weights)
    rows = [0, 1, 3]
    first = by_scikit_learn(truth[rows][:, :1], scores[rows][:, :1])
    second = by_scikit_learn(truth[:, 1:], scores[:, 1:])
    for name in ("padded_cmap", "macro_roc_auc"):
        assert metrics[name] == pytest.approx((first[name] + second[name]) / 2)
    cells = weights == 1
    assert metrics["loss"] == pytest.approx(sklearn_metrics.log_loss(truth[cells], scores[cells]))


def test_a_metric_of_labels_stands_beside_those_of_probabilities():
    truth, scores, row_ids = soundscapes(4)
    metrics = soundscape_metrics(truth, scores, row_ids, metrics=watched(ROWWISE_F1), repeats=20)
    assert list(metrics)[:4] == ["loss", "rowwise_f1", "padded_cmap", "macro_roc_auc"]
    assert metrics["rowwise_f1"] == ROWWISE_F1(truth, scores)
    assert metrics["rowwise_f1_low"] < metrics["rowwise_f1"] < metrics["rowwise_f1_high"]


def test_what_cannot_be_told_is_none_and_never_nan():
    nothing = np.zeros((0, 3))
    assert validation_metrics(nothing, nothing) == {"loss": None, "padded_cmap": None, "macro_roc_auc": None}
    without_birds = validation_metrics(np.zeros((4, 2)), np.full((4, 2), 0.25))
    assert without_birds["macro_roc_auc"] is None
    assert without_birds["padded_cmap"] == 1
    assert without_birds["loss"] == pytest.approx(-math.log(0.75))
    all_masked = validation_metrics(np.ones((4, 2)), np.full((4, 2), 0.25), np.zeros((4, 2)))
    assert all_masked == {"loss": None, "padded_cmap": None, "macro_roc_auc": None}


@pytest.mark.parametrize(
    ("truth", "scores", "weights", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), None, r"\(2, 2\).*\(2, 3\)"),
        (np.full((2, 1), 0.6), np.zeros((2, 1)), None, "truth holds values other than 0 and 1"),
        (np.zeros((2, 1)), np.array([[np.nan], [0.3]]), None, "1 scores .* NaN or not between 0 and 1"),
        (np.zeros((2, 1)), np.array([[-3.0], [4.0]]), None, "2 scores .* give probabilities"),
        (np.zeros((2, 1)), np.zeros((2, 1)), np.ones((2, 2)), r"weights \(2, 2\)"),
        (np.zeros((2, 1)), np.zeros((2, 1)), np.full((2, 1), -1.0), "0 or more"),
    ],
)
def test_what_is_no_validation_is_refused(truth, scores, weights, message: str):
    with pytest.raises(BirdlibError, match=message):
        validation_metrics(truth, scores, weights)


def soundscapes(count: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(5)
    truth = (random.random((count * 12, classes)) < 0.3).astype(np.float32)
    scores = np.clip(0.3 * truth + 0.7 * random.random(truth.shape), 0, 1)
    return truth, scores, [f"2021_soundscape_{row // 12}_{row % 12 * 5 + 5}" for row in range(len(truth))]


def test_soundscapes_have_the_same_figures_and_the_intervals_of_whole_soundscapes():
    truth, scores, row_ids = soundscapes(6)
    metrics = soundscape_metrics(truth, scores, row_ids, repeats=40)
    assert validation_metrics(truth, scores).items() <= metrics.items()
    groups = [row_id.rsplit("_", 1)[0] for row_id in row_ids]
    for name, metric in (("padded_cmap", PADDED_CMAP), ("macro_roc_auc", MACRO_ROC_AUC)):
        ends = references.ends(references.draws(metric, truth, scores, groups, repeats=40))
        assert (metrics[f"{name}_low"], metrics[f"{name}_high"]) == pytest.approx(ends)
        assert metrics[f"{name}_low"] < metrics[name] < metrics[f"{name}_high"]


@pytest.mark.parametrize("highest", [0.2, 1.0])
def test_intervals_are_those_of_all_classes_also_where_most_are_never_heard(highest: float):
    truth, scores, row_ids = soundscapes(6)
    silent = np.random.default_rng(1).choice([0.1, highest], size=(len(scores), 3))
    truth, scores = np.hstack([truth, np.zeros_like(silent)]), np.hstack([scores, silent])
    metrics = soundscape_metrics(truth, scores, row_ids, repeats=30)
    groups = [row_id.rsplit("_", 1)[0] for row_id in row_ids]
    for name, metric in (("padded_cmap", PADDED_CMAP), ("macro_roc_auc", MACRO_ROC_AUC)):
        ends = references.ends(references.draws(metric, truth, scores, groups, repeats=30))
        assert (metrics[f"{name}_low"], metrics[f"{name}_high"]) == pytest.approx(ends)


@pytest.mark.parametrize("case", ["one soundscape", "no bird", "no draws asked for"])
def test_without_an_interval_low_and_high_are_none(case: str):
    truth, scores, row_ids = soundscapes(1 if case == "one soundscape" else 3)
    if case == "no bird":
        truth = truth * 0
    metrics = soundscape_metrics(truth, scores, row_ids, repeats=0 if case == "no draws asked for" else 20)
    assert metrics["macro_roc_auc_low"] is None and metrics["macro_roc_auc_high"] is None
    assert metrics["padded_cmap"] is not None


def test_row_ids_must_fit_the_rows():
    truth, scores, row_ids = soundscapes(2)
    with pytest.raises(BirdlibError, match="5 group names for 24 rows"):
        soundscape_metrics(truth, scores, row_ids[:5])
    with pytest.raises(BirdlibError, match="'soundscape' does not end in"):
        soundscape_metrics(truth, scores, ["soundscape"] * 24)
