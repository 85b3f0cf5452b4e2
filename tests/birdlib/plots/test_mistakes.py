"""The gallery of mistakes: which are shown, and that what is shown is what was heard."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from birdlib.plots.mistakes import plot_mistakes
from birdlib.scores.predictions import Predictions


@pytest.fixture(autouse=True)
def _no_figure_stays():
    yield
    plt.close("all")


def gallery(truth, scores, weights=None, count: int = 2) -> tuple[list[int], str]:
    """The rows whose spectrograms were asked for, in order, and all that is written."""
    rows: list[int] = []

    def mels_of(wanted) -> list[np.ndarray]:
        rows.extend(wanted)
        return [np.random.default_rng(row).normal(size=(8, 20)) for row in wanted]

    truth, scores = np.array(truth, np.float32), np.array(scores, np.float32)
    names = tuple(f"$/r{row}_5" for row in range(len(truth)))
    weights = np.ones_like(truth) if weights is None else weights
    figure = plot_mistakes(Predictions(names, names, tuple("abc"), scores, truth, weights, names), mels_of, count=count)
    figure.canvas.draw()
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    texts += [text for axis in figure.axes for text in (axis.get_title(loc="left"), axis.get_xlabel())]
    texts += [text.get_text() for text in figure.texts]
    return rows, "\n".join(texts)


TRUTH = [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 1, 0]]
SCORES = [[0.9, 0.1, 0.0], [0.2, 0.1, 0.95], [0.0, 0.75, 0.1], [0.5, 0.4, 0.02], [0.8, 0.7, 0.1]]


def test_the_worst_false_alarms_and_misses_are_shown_each_row_once():
    rows, text = gallery(TRUTH, SCORES)
    assert rows == [1, 2, 3]
    assert "c 0.95" in text and "there: b 0.10" in text and "$/r1_5" in text
    assert "b 0.75" in text and "no labelled bird there" in text
    assert "c 0.02" in text and "heard a 0.50" in text and "$/r3_5" in text


def test_masked_cells_are_no_mistakes():
    weights = np.ones((5, 3))
    weights[1, 2] = weights[2, 1] = weights[3, 2] = 0
    rows, text = gallery(TRUTH, SCORES, weights)
    assert "0.95" not in text and "b 0.75" not in text and "c 0.02" not in text


def test_a_class_that_is_often_wrong_does_not_fill_the_gallery():
    truth = np.zeros((6, 3))
    scores = np.array([[0.9, 0, 0], [0.8, 0, 0], [0.7, 0, 0], [0, 0.3, 0], [0, 0.2, 0], [0.1, 0, 0.15]])
    rows, _ = gallery(truth, scores, count=3)
    assert rows == [0, 3, 5]


def test_without_a_mistake_the_gallery_says_so():
    assert gallery(TRUTH, TRUTH) == ([], "No mistakes: what is there ranks above all that is not.")
