"""The quick intervals are those of the plain bootstrap."""

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.metrics.ranking import bootstrap, macro_roc_auc, padded_cmap
from birdlib.metrics.resampling import ranking_intervals
from birdlib.metrics.validation import validation_metrics


def table(rows: int = 90, classes: int = 6, decimals: int = 2):
    random = np.random.default_rng(1)
    truth = (random.random((rows, classes)) < 0.3).astype(np.float32)
    truth[:, 0] = 0  # never heard
    scores = np.clip(0.4 * truth + random.random((rows, classes)), 0, 1).round(decimals)  # with ties, and ones
    return truth, scores, [f"author{number}" for number in random.integers(12, size=rows)]


@pytest.mark.parametrize("decimals", [1, 2, 9])
def test_the_ends_are_those_of_the_plain_bootstrap(decimals: int):
    truth, scores, authors = table(decimals=decimals)
    found = ranking_intervals(truth, scores, authors, repeats=60, seed=3)
    for name, metric in (("padded_cmap", padded_cmap), ("macro_roc_auc", macro_roc_auc)):
        interval = bootstrap(metric, truth, scores, authors, repeats=60, seed=3)
        np.testing.assert_allclose(getattr(found, name), (interval.low, interval.high), atol=1e-12)


def test_cells_of_weight_0_are_not_there():
    truth, scores, authors = table()
    weights = (np.random.default_rng(2).random(truth.shape) < 0.8).astype(np.float32)
    weights[:, 1] = 0
    found = ranking_intervals(truth, scores, authors, weights=weights, repeats=25)
    random, names = np.random.default_rng(0), np.unique(authors)
    values = []
    for _ in range(25):
        drawn = names[random.integers(len(names), size=len(names))]
        rows = np.concatenate([np.flatnonzero(np.array(authors) == one) for one in drawn])
        values.append(validation_metrics(truth[rows], scores[rows], weights[rows]))
    for name, ends in found._asdict().items():
        np.testing.assert_allclose(ends, np.quantile([one[name] for one in values], [0.025, 0.975]), atol=1e-12)


def test_where_nothing_can_be_said_nothing_is():
    truth, scores, authors = table()
    one_author = ranking_intervals(truth, scores, ["ann"] * len(truth))
    assert one_author == ((None, None), (None, None))
    silent = ranking_intervals(np.zeros_like(truth), scores, authors)
    assert silent.macro_roc_auc == (None, None) and silent.padded_cmap[0] is not None
    with pytest.raises(BirdlibError, match="do not fit together"):
        ranking_intervals(truth, scores, authors[:-1])
