"""The pictures of a preparation show the numbers of its table."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from birdlib.plots.preparation import plot_class_counts, plot_durations, plot_folds


@pytest.fixture(autouse=True)
def no_window():
    matplotlib.use("agg")
    yield
    plt.close("all")


@pytest.fixture
def recordings():
    return pd.DataFrame(
        {
            "primary_label": ["a"] * 6 + ["b"] * 3 + ["c"],
            "secondary_labels": ["b", "b c", *[""] * 8],
            "seconds": [2.0, 4.9, 5.0, 7, 8, 9, 10, 60, 600, 1800],
            "fold": [0, 0, 0, 1, 1, 1, 0, 1, 1, -1],
        }
    )


def test_every_recording_is_in_the_histogram(recordings):
    axis = plot_durations(recordings, 5.0).axes[0]
    assert sum(bar.get_height() for bar in axis.patches) == len(recordings)
    assert sum(bar.get_height() for bar in axis.patches if bar.get_x() < 5) == 2  # left of the dashed line
    assert "2 recordings are shorter" in axis.get_xlabel() and "10 recordings" in axis.get_title(loc="left")


def test_recordings_that_are_all_as_long_can_be_drawn(recordings):
    axis = plot_durations(recordings.assign(seconds=5.0), 5.0).axes[0]
    assert sum(bar.get_height() for bar in axis.patches) == len(recordings)


def test_classes_are_counted_the_commonest_first(recordings):
    axis = plot_class_counts(recordings, ("d", "c", "b", "a")).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", "c", "d"]
    assert [bar.get_height() for bar in axis.patches] == [6, 3, 1, 0, 0, 2, 1, 0]


def test_hundreds_of_classes_are_drawn_without_their_names(recordings):
    axis = plot_class_counts(recordings, ("a", "b", "c", *map(str, range(261)))).axes[0]
    assert len(axis.patches) == 2 * 264 and "264 classes" in axis.get_xlabel()


def test_folds_show_how_each_label_is_spread(recordings):
    left, right, _ = plot_folds(recordings, 2).axes
    assert [bar.get_width() for bar in left.patches] == [4, 5, 1]
    assert [label.get_text() for label in left.get_yticklabels()] == ["fold 0", "fold 1", "always in training"]
    np.testing.assert_allclose(right.images[0].get_array(), [[1 / 2, 1 / 3, 0], [1 / 2, 2 / 3, 0], [0, 0, 1]])
