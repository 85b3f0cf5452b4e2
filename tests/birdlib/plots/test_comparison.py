"""The picture of several submissions: a dot for each score, where it belongs."""

import matplotlib

matplotlib.use("Agg")

import pandas as pd
import pytest

from birdlib.plots.comparison import plot_comparison


@pytest.mark.parametrize("low", [0.4, float("nan")])
def test_each_submission_has_its_dot_in_each_panel(low):
    rows = [
        ("b", "padded cmAP", 0.8),
        ("b", "macro ROC-AUC", 0.9),
        ("a", "padded cmAP", 0.5),
        ("a", "macro ROC-AUC", 0.6),
    ]
    scores = pd.DataFrame(rows, columns=["submission", "metric", "value"]).assign(low=low, high=low)
    figure = plot_comparison(scores)
    panels = {axis.get_title(): axis for axis in figure.axes}
    assert list(panels) == ["padded cmAP", "macro ROC-AUC"]
    assert panels["padded cmAP"].lines[0].get_xdata().tolist() == [0.8, 0.5]
    assert panels["macro ROC-AUC"].lines[0].get_xdata().tolist() == [0.9, 0.6]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["b", "a"]
    figure.canvas.draw()
