"""The picture of calibration: what it draws is what the predictions hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.plots.reliability import plot_reliability


@pytest.fixture(autouse=True)
def _no_figure_stays():
    yield
    plt.close("all")


def test_calibrated_scores_lie_on_the_diagonal_and_masked_cells_do_not_count():
    random = np.random.default_rng(0)
    scores = random.random((4000, 20))
    truth = (random.random(scores.shape) < scores).astype(float)
    weights = np.ones_like(truth)
    truth[:100], weights[:100] = 1 - (scores[:100] > 0.5), 0
    figure = plot_reliability(truth, scores, weights)
    left, right = figure.axes
    line = next(line for line in left.lines if len(line.get_xdata()) == 10)
    np.testing.assert_allclose(line.get_xdata(), line.get_ydata(), atol=0.02)
    assert "calibration error 0.00" in left.get_title(loc="left")
    assert "78,000 probabilities" in right.get_title(loc="left")


def test_the_calibration_error_is_the_mean_distance_from_the_diagonal():
    truth = np.array([[1], [0], [0], [0], [1], [1]])
    scores = np.array([[0.05], [0.05], [0.05], [0.05], [0.75], [0.75]])
    left = plot_reliability(truth, scores).axes[0]
    assert f"calibration error {(4 * 0.2 + 2 * 0.25) / 6:.3f}" in left.get_title(loc="left")
    with pytest.raises(BirdlibError, match="no cell"):
        plot_reliability(truth, scores, np.zeros(truth.shape))
