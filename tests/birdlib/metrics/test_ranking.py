"""The ranking metrics, held against scikit-learn and against cases worked out by hand."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdlib.errors import BirdlibError
from birdlib.metrics.ranking import (
    average_precision,
    bootstrap,
    class_table,
    macro_roc_auc,
    padded_cmap,
    roc_auc,
)

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
    assert padded_cmap(truth, scores, padding) == pytest.approx(expected, abs=1e-12)


@given(tables())
def test_macro_roc_auc_is_the_mean_over_classes_with_both_kinds_of_rows(table):
    truth, scores = table
    both = [c for c in range(truth.shape[1]) if 0 < truth[:, c].sum() < len(truth)]
    if both:
        expected = sklearn_metrics.roc_auc_score(truth[:, both], scores[:, both], average="macro")
        assert macro_roc_auc(truth, scores) == pytest.approx(expected, abs=1e-12)
    else:
        with pytest.raises(BirdlibError, match="no class has both"):
            macro_roc_auc(truth, scores)


def test_perfect_reversed_and_constant_scores():
    truth = np.array([[1, 0], [0, 1], [0, 0], [1, 0]])
    assert macro_roc_auc(truth, truth * 0.5) == 1
    assert macro_roc_auc(truth, 1 - truth) == 0
    assert macro_roc_auc(truth, np.full((4, 2), 0.3)) == 0.5
    assert padded_cmap(truth, truth * 0.5) == 1


def test_a_score_of_one_ties_with_the_padding():
    truth = np.array([[0], [1]])
    below, tied = np.array([[0.9], [0.8]]), np.array([[1.0], [0.8]])
    assert padded_cmap(truth, below) == pytest.approx((5 + 6 / 7) / 6)
    assert padded_cmap(truth, tied) == pytest.approx((5 * 5 / 6 + 6 / 7) / 6)


def test_a_class_without_a_positive_counts_as_the_padding_alone_in_padded_cmap():
    assert padded_cmap(np.zeros((3, 1)), np.full((3, 1), 0.4)) == 1


def test_a_competition_sized_table_takes_seconds():
    random = np.random.default_rng(0)
    truth = random.random((24_000, 264)) < 0.01
    scores = random.random((24_000, 264), dtype=np.float32)
    began = time.process_time()
    assert macro_roc_auc(truth, scores) == pytest.approx(0.5, abs=0.01)
    assert padded_cmap(truth, scores) < 0.1
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), r"\(2, 2\).*\(2, 3\)"),
        (np.zeros(3), np.zeros(3), r"\(3,\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), r"\(0, 2\)"),
        (np.full((2, 1), 0.5), np.zeros((2, 1)), "other than 0 and 1"),
        (np.full((2, 1), np.nan), np.zeros((2, 1)), "other than 0 and 1"),
        (np.zeros((2, 1)), np.array([[np.nan], [np.inf]]), "2 scores are NaN or infinite"),
    ],
)
def test_tables_that_cannot_be_scored_are_refused(truth, scores, message: str):
    for metric in (padded_cmap, macro_roc_auc):
        with pytest.raises(BirdlibError, match=message):
            metric(truth, scores)


def test_the_class_table_names_each_class_with_its_figures():
    truth, scores = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.2, 0.1]])
    table = class_table(truth, scores, ["crow", "owl"]).set_index("class")
    assert table.loc["crow", ["positives", "roc_auc", "average_precision"]].tolist() == [1, 1, 1]
    assert table.loc["owl", ["roc_auc", "average_precision"]].isna().all()
    assert table.loc["owl", "padded_ap"] == 1
    with pytest.raises(BirdlibError, match="1 class names for 2 columns"):
        class_table(truth, scores, ["crow"])


def scored_soundscapes(count: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(3)
    truth = (random.random((count * 12, 3)) < 0.3).astype(int)
    scores = np.clip(0.3 * truth + 0.7 * random.random(truth.shape), 0, 1)
    return truth, scores, [f"s{n // 12}" for n in range(count * 12)]


def test_the_bootstrap_interval_holds_the_value_and_narrows_with_more_soundscapes():
    few = bootstrap(macro_roc_auc, *scored_soundscapes(5), repeats=100)
    many = bootstrap(macro_roc_auc, *scored_soundscapes(80), repeats=100)
    assert few.low <= few.value <= few.high
    assert many.low < many.value < many.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    truth, scores, groups = scored_soundscapes(8)
    first = bootstrap(padded_cmap, truth, scores, groups, repeats=50, seed=1)
    assert bootstrap(padded_cmap, truth, scores, groups, repeats=50, seed=1) == first
    assert bootstrap(padded_cmap, truth, scores, groups, repeats=50, seed=2) != first


def test_whole_soundscapes_are_drawn():
    seen = set()

    def rows_drawn(truth: np.ndarray, scores: np.ndarray) -> float:
        seen.update(tuple(part) for part in np.split(truth[:, 0], len(truth) // 12))
        return 0.0

    truth = np.repeat(np.arange(5), 12)[:, None]
    bootstrap(rows_drawn, truth, truth, np.repeat(list("abcde"), 12), repeats=20)
    assert seen == {(g,) * 12 for g in range(5)}


def test_an_interval_needs_two_groups_a_group_per_row_and_a_positive_here_and_there():
    truth, scores, groups = scored_soundscapes(2)
    with pytest.raises(BirdlibError, match="at least two groups"):
        bootstrap(macro_roc_auc, truth, scores, ["one"] * len(truth))
    with pytest.raises(BirdlibError, match="3 group names for 24 rows"):
        bootstrap(macro_roc_auc, truth, scores, groups[:3])
    with pytest.raises(BirdlibError, match="no class has both"):
        bootstrap(macro_roc_auc, truth * 0, scores, groups)
