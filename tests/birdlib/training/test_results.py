"""What a training kernel says at its end, also of models that are not finished."""

from pathlib import Path

from birdlib.training.results import outcome, score_text, trained_models

from ..trained_models import leave_model

SEEDS, FOLDS = [1, 2], [0, 1]


def test_where_nothing_was_saved_all_models_are_left(tmp_path: Path):
    models = trained_models(tmp_path, SEEDS, FOLDS)
    assert models == () and "4 models not begun" in outcome(models, 4, "train", tmp_path / "unfinished.txt")


def test_what_an_earlier_session_for_other_seeds_or_folds_left_is_passed_over(tmp_path: Path):
    leave_model(tmp_path, 3, 0)
    leave_model(tmp_path, 1, "full")
    assert trained_models(tmp_path, SEEDS, FOLDS) == ()


def test_the_last_line_says_whether_to_go_on_and_how(tmp_path: Path):
    leave_model(tmp_path, 1, 0)
    leave_model(tmp_path, 2, 0, epoch=1)
    note = tmp_path / "unfinished.txt"
    text = outcome(trained_models(tmp_path, SEEDS, FOLDS), 4, "train-rx", note)
    assert text.startswith(
        "NOT FINISHED: 1 of 4 models done, rx-wdfbn-ema-4-fold0-seed2 is at epoch 1 of 4, 2 models not"
    )
    assert "--target train-rx --push --resume" in text and "EARLIER" in text
    assert note.read_text() == text.splitlines()[0] + "\n"
    for seed, fold in ((2, 0), (1, 1), (2, 1)):
        leave_model(tmp_path, seed, fold)
    assert outcome(trained_models(tmp_path, SEEDS, FOLDS), 4, "train-rx", note).startswith("FINISHED: 4 models.")
    assert not note.exists()


def test_a_score_is_written_with_its_interval_where_it_has_one():
    assert score_text(0.92449, 0.8912, 0.9511) == "0.924 (0.891–\u20600.951)"
    assert score_text(0.5) == "0.500" and score_text(None, 0.1, 0.2) == ""
