"""The ranking metrics, held against scikit-learn and against cases worked out by hand."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdlib.errors import BirdlibError
from birdlib.metrics.ranking import MACRO_ROC_AUC, PADDED_CMAP, average_precision, class_table, roc_auc

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")


@st.composite
def tables(draw) -> tuple[np.ndarray, np.ndarray]:
    """A truth and scores in which ties are frequent: of few levels, or of rounded or extreme values."""
    rows, classes = draw(st.integers(2, 25)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = (random.random((rows, classes)) < draw(st.sampled_from([0.1, 0.5, 0.9]))).astype(float)
    levels = draw(
        st.lists(st.floats(0, 1, width=draw(st.sampled_from([16, 32, 64]))), min_size=1, max_size=8, unique=True)
    )
    return truth, random.choice(levels, size=(rows, classes))


@given(tables())
def test_roc_auc_is_scikit_learns(table):
    truth, scores = table
    for c, area in enumerate(roc_auc(truth, scores)):
        if truth[:, c].min() == truth[:, c].max():
            assert np.isnan(area)
        else:
            assert area == pytest.approx(sklearn_metrics.roc_auc_score(truth[:, c], scores[:, c]), abs=1e-12)


@given(tables())
def test_average_precision_is_scikit_learns(table):
    truth, scores = table
    for c, value in enumerate(average_precision(truth, scores)):
        if truth[:, c].any():
            expected = sklearn_metrics.average_precision_score(truth[:, c], scores[:, c])
            assert value == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(value)


@given(tables(), st.integers(1, 6))
def test_padded_cmap_is_scikit_learns_on_padded_tables(table, padding: int):
    truth, scores = table
    ones = np.ones((padding, truth.shape[1]))
    expected = sklearn_metrics.average_precision_score(
        np.vstack([truth, ones]), np.vstack([scores, ones]), average="macro"
    )
    assert average_precision(truth, scores, padding).mean() == pytest.approx(expected, abs=1e-12)
    if padding == 5:
        assert PADDED_CMAP(truth, scores) == pytest.approx(expected, abs=1e-12)


@given(tables())
def test_macro_roc_auc_is_the_mean_over_classes_with_both_kinds_of_rows(table):
    truth, scores = table
    both = [c for c in range(truth.shape[1]) if 0 < truth[:, c].sum() < len(truth)]
    if both:
        expected = sklearn_metrics.roc_auc_score(truth[:, both], scores[:, both], average="macro")
        assert MACRO_ROC_AUC(truth, scores) == pytest.approx(expected, abs=1e-12)
    else:
        assert MACRO_ROC_AUC(truth, scores) is None


def test_perfect_reversed_and_constant_scores():
    truth = np.array([[1, 0], [0, 1], [0, 0], [1, 0]])
    assert MACRO_ROC_AUC(truth, truth * 0.5) == 1
    assert MACRO_ROC_AUC(truth, 1 - truth) == 0
    assert MACRO_ROC_AUC(truth, np.full((4, 2), 0.3)) == 0.5
    assert PADDED_CMAP(truth, truth * 0.5) == 1


def test_a_score_of_one_ties_with_the_padding():
    truth = np.array([[0], [1]])
    below, tied = np.array([[0.9], [0.8]]), np.array([[1.0], [0.8]])
    assert PADDED_CMAP(truth, below) == pytest.approx((5 + 6 / 7) / 6)
    assert PADDED_CMAP(truth, tied) == pytest.approx((5 * 5 / 6 + 6 / 7) / 6)


def test_a_class_without_a_positive_counts_as_the_padding_alone_in_PADDED_CMAP():
    assert PADDED_CMAP(np.zeros((3, 1)), np.full((3, 1), 0.4)) == 1


def test_a_competition_sized_table_takes_seconds():
    random = np.random.default_rng(0)
    truth = random.random((24_000, 264)) < 0.01
    scores = random.random((24_000, 264), dtype=np.float32)
    began = time.process_time()
    assert MACRO_ROC_AUC(truth, scores) == pytest.approx(0.5, abs=0.01)
    assert PADDED_CMAP(truth, scores) < 0.1
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), r"\(2, 2\).*\(2, 3\)"),
        (np.zeros(3), np.zeros(3), r"\(3,\)"),
        (np.zeros((2, 0)), np.zeros((2, 0)), r"\(2, 0\)"),
        (np.full((2, 1), 0.5), np.zeros((2, 1)), "other than 0 and 1"),
        (np.full((2, 1), np.nan), np.zeros((2, 1)), "other than 0 and 1"),
        (np.zeros((2, 1)), np.array([[np.nan], [np.inf]]), "2 scores are NaN or not between 0 and 1"),
    ],
)
def test_tables_that_cannot_be_scored_are_refused(truth, scores, message: str):
    for metric in (PADDED_CMAP, MACRO_ROC_AUC):
        with pytest.raises(BirdlibError, match=message):
            metric(truth, scores)


def test_the_class_table_names_each_class_with_its_figures():
    truth, scores = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.2, 0.1]])
    table = class_table(truth, scores, ["crow", "owl"]).set_index("class")
    assert table.loc["crow", ["positives", "roc_auc", "average_precision"]].tolist() == [1, 1, 1]
    assert table.loc["owl", ["roc_auc", "average_precision"]].isna().all()
    assert table.loc["owl", "padded_ap"] == 1
    masked = class_table(truth, scores, ["crow", "owl"], np.array([[False, True], [True, True]])).set_index("class")
    assert masked["positives"].tolist() == [0, 0] and masked["roc_auc"].isna().all()
    with pytest.raises(BirdlibError, match="1 class names for 2 columns"):
        class_table(truth, scores, ["crow"])
