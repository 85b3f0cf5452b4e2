"""Blend and post-processing in a submission."""

import numpy as np
import pandas as pd

from birdlib.blends.geometric import Geometric
from birdlib.postprocessing.smoothing import Smoothing
from birdlib.scores.pipeline import Scoring

from .conftest import CLASSES, small_model, write_weights
from .test_scoring import expected_scores, submit


def test_blend_and_steps_of_the_recipe_make_the_table(run, competition, tmp_path):
    models = {"strong": (small_model(2), 0.9), "weak": (small_model(1), 0.1)}
    weights = write_weights(tmp_path / "weights", models)
    scoring = Scoring(Geometric(), {"weak": 0.5}, (Smoothing([1, 2, 1]),))
    task, _ = submit(run, competition, weights, tmp_path, scoring=scoring)
    strong, weak = (expected_scores(task, [model]) for model, _ in models.values())
    blended = np.exp((2 * np.log(strong) + np.log(weak)) / 3)
    expected = blended.copy()
    for soundscape in task.soundscapes:
        own = blended[soundscape.rows]
        padded = np.pad(own, ((1, 1), (0, 0)))
        weight = np.convolve(np.ones(len(own)), [1, 2, 1], "same")[:, None]
        expected[soundscape.rows] = (padded[:-2] + 2 * own + padded[2:]) / weight
    np.testing.assert_allclose(pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)], expected, atol=1e-4)
