"""Predictions as a weight dataset keeps them."""

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.scores.predictions import Predictions, mean_of

RANDOM = np.random.default_rng(0)


def predictions(rows, note="", seed=0) -> Predictions:
    random = np.random.default_rng(seed)
    truth = (np.random.default_rng(9).random((12, 3)) < 0.4).astype(np.float32)[rows]
    names = tuple(f"crow/XC{row}.ogg" for row in rows)
    groups = tuple(str(row // 3) for row in rows)
    row_ids = tuple(f"crow/XC{row}_5" for row in rows)
    weights = (random.random(truth.shape) < 0.8).astype(np.float32)
    return Predictions(
        row_ids, names, ("crow", "NA", "1139490"), random.random(truth.shape), truth, weights, groups, note
    )


def test_what_is_stored_comes_back_with_scores_to_seven_digits(tmp_path):
    before = predictions(range(12), "of 2 fold siblings")
    before.scores[0] = [0, 1, 1 - 1e-12]
    before.save(tmp_path / "a.npz")
    after = Predictions.load(tmp_path / "a.npz")
    for name in ("row_ids", "filenames", "classes", "groups", "note"):
        assert getattr(after, name) == getattr(before, name)
    np.testing.assert_array_equal(after.truth, before.truth)
    np.testing.assert_array_equal(after.weights, before.weights)
    np.testing.assert_allclose(after.scores, before.scores, rtol=1e-6, atol=1e-7)
    assert after.scores[0, 2] < 1  # the surest scores do not tie


def test_the_mean_is_over_those_that_have_a_row():
    one, two = predictions(range(8), seed=1), predictions(range(4, 12), seed=2)
    mean = mean_of([one, two])
    assert mean.row_ids == predictions(range(12)).row_ids and mean.groups == predictions(range(12)).groups
    np.testing.assert_array_equal(mean.scores[:4], one.scores[:4])
    np.testing.assert_allclose(mean.scores[4:8], (one.scores[4:] + two.scores[:4]) / 2)
    np.testing.assert_array_equal(mean.truth, predictions(range(12)).truth)
    assert mean_of([one]) is one


@pytest.mark.parametrize("content", [None, b"", b"row_id,crow\n", b"PK\x03\x04 half a file"])
def test_a_file_that_holds_none_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(BirdlibError, match=r"a\.npz: not readable as predictions .*; export the models anew") as error:
        Predictions.load(tmp_path / "a.npz")
    assert "\n" not in str(error.value)
