"""The picture of a score, class by class."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from birdlib.plots.scores import plot_classes


@pytest.fixture(autouse=True)
def _no_figure_stays():
    yield
    plt.close("all")


def table(count: int) -> pd.DataFrame:
    areas = np.random.default_rng(0).permutation(np.linspace(0.2, 1, count))
    return pd.DataFrame({"class": [f"bird{i}" for i in range(count)], "positives": 3, "roc_auc": areas})


def shown(figure) -> list[list[str]]:
    """The classes of each column, from the top."""
    return [[label.get_text().split(" ")[0] for label in axis.get_yticklabels()] for axis in figure.axes]


def test_of_many_classes_the_20_best_and_the_20_worst_stand_side_by_side():
    classes = table(264)
    ranked = classes.sort_values("roc_auc", ascending=False)["class"].tolist()
    assert shown(plot_classes(classes)) == [ranked[:20], ranked[-20:]]


@pytest.mark.parametrize("count", [1, 2, 20, 21, 39, 40])
def test_of_few_classes_all_are_shown_once_from_the_best_to_the_worst(count: int):
    classes = table(count)
    columns = shown(plot_classes(classes))
    assert sum(columns, []) == classes.sort_values("roc_auc", ascending=False)["class"].tolist()
    assert max(map(len, columns)) <= 20


def test_classes_without_an_area_are_left_out_and_none_at_all_is_no_fault():
    classes = table(4)
    classes.loc[1, "roc_auc"] = np.nan
    assert "bird1" not in sum(shown(plot_classes(classes)), [])
    plot_classes(classes.assign(roc_auc=np.nan)).canvas.draw()
