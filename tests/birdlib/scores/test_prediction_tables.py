"""Out-of-fold predictions: kept row by row, and put together over folds."""

from pathlib import Path

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.scores.prediction_tables import clip_row_ids, read_predictions, write_predictions

CLASSES = ("1139490", "abethr1", "NA")
FILENAMES = ["abethr1/XC1.ogg", "1139490/XC1.ogg", "NA/a_b.wav", "abethr1/iNat7.ogg"]
TRUTH = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=np.float32)
SCORES = np.array([[0.1, 0.9, 1e-7], [1.0, 0.25, 0.5], [0.0, 0.3, 0.6], [0.2, 0.1, 0.123456]], dtype=np.float32)
WEIGHTS = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 0, 1]], dtype=np.float32)


def write(path: Path, rows: slice = slice(None), **changes) -> None:
    values = {
        "row_ids": clip_row_ids(FILENAMES)[rows],
        "classes": CLASSES,
        "scores": SCORES[rows],
        "truth": TRUTH[rows],
        "filenames": FILENAMES[rows],
        "weights": WEIGHTS[rows],
    }
    write_predictions(path, **(values | changes))


def test_predictions_come_back_as_they_were_also_with_classes_that_look_like_numbers_or_nothing(tmp_path: Path):
    write(tmp_path / "a.oof.csv")
    read = read_predictions(tmp_path / "a.oof.csv")
    assert read.row_ids == ("abethr1/XC1_5", "1139490/XC1_5", "NA/a_b_5", "abethr1/iNat7_5")
    assert (read.filenames, read.classes) == (tuple(FILENAMES), CLASSES)
    np.testing.assert_allclose(read.scores, SCORES, rtol=1e-5)
    np.testing.assert_array_equal(read.truth, TRUTH)
    np.testing.assert_array_equal(read.weights, WEIGHTS)


def test_scores_that_differ_little_rank_as_they_did(tmp_path: Path):
    scores = 1 - 1e-9 * np.arange(1, 13).reshape(4, 3)
    write(tmp_path / "a.oof.csv", scores=scores)
    read = read_predictions(tmp_path / "a.oof.csv")
    np.testing.assert_array_equal(read.scores, scores)


def test_of_soundscapes_the_row_ids_say_the_file(tmp_path: Path):
    write(tmp_path / "a.csv", row_ids=[f"H02_2023_{end}" for end in (5, 10, 15, 20)], filenames=None, weights=None)
    read = read_predictions(tmp_path / "a.csv")
    assert set(read.filenames) == {"H02_2023"}
    assert read.weights.all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"row_ids": ["a_5", "a_5", "b_5", "c_5"]}, r"1 row id \(a_5\) more than once"),
        ({"row_ids": ["a", "b_5", "c_5", "d_5"], "filenames": None}, "row id 'a' does not end"),
        ({"classes": ("truth", "b", "c")}, r"1 class \(truth\)"),
        ({"classes": ("a b", "b", "c")}, r"1 class \(a b\)"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, changes: dict, message: str):
    with pytest.raises(BirdlibError, match=message):
        write(tmp_path / "a.csv", **changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row_id,crow\na_5,0.5\n", "no predictions; expected the columns row_id, filename, group, truth, masked"),
        ("row_id,filename,group,truth,masked,crow\na_5,a,g,owl,,0.5\n", "'owl' in row 1 is none of its classes"),
        ("row_id,filename,group,truth,masked,crow\na_5,a,g,crow,,loud\n", "not readable as predictions"),
        (
            "row_id,filename,group,truth,masked,crow\na_5,a,g,crow,,0.5\na_5,a,g,crow,,0.5\n",
            r"row id \(a_5\) more than once",
        ),
    ],
)
def test_a_file_that_holds_no_predictions_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(BirdlibError, match=message):
        read_predictions(tmp_path / "a.csv")
