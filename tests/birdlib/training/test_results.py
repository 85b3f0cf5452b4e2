"""What a training kernel says at its end, also of models that are not finished or had nothing to hear."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from birdlib.frontend.mel import FrontEnd
from birdlib.metrics.ranking import average_precision, roc_auc
from birdlib.metrics.validation import validation_metrics
from birdlib.scores.prediction_tables import write_predictions
from birdlib.training.launch import Members
from birdlib.training.results import (
    classes_of,
    models_table,
    on_soundscapes,
    out_of_fold,
    outcome,
    score_text,
    together_table,
    trained_models,
)
from birdlib.weights.checkpoint import Checkpoint, save_checkpoint

CLASSES = ("abethr1", "cedchi1", "1139490")
AUTHORS = ["ann", "ann", "bob", "cy", "", "dan"]
FILENAMES = [f"abethr1/XC{number}.ogg" for number in range(12)]
RANDOM = np.random.default_rng(0)
TRUTH = (RANDOM.random((12, 3)) < 0.5).astype(np.float32)


@pytest.fixture
def members(settings):
    return Members(settings(epochs=4), seeds=[1, 2], folds=[0, 1])


def heard(seed: int, fold: int) -> tuple[slice, np.ndarray]:
    """A fold's rows and what a model of it says of them."""
    rows = slice(6 * fold, 6 * fold + 6)
    return rows, np.random.default_rng([seed, fold]).random((6, 3)).round(4).astype(np.float32)


def train(
    folder: Path,
    members: Members,
    seed: int,
    fold,
    epoch: int = 4,
    soundscapes: bool = False,
    authors=AUTHORS,
    **changes,
) -> None:
    """A model as a training leaves it."""
    name = f"rx-wdfbn-ema-4-{fold if fold == 'full' else f'fold{fold}'}-seed{seed}"
    finished = epoch == 4
    scores = {"clips": None, "soundscapes": None}
    if fold != "full" and epoch:
        rows, found = heard(seed, fold)
        scores["clips"] = validation_metrics(TRUTH[rows], found)
        if finished:
            ids = [f"{Path(one).with_suffix('')}_5" for one in FILENAMES[rows]]
            truth = TRUTH[rows]
            write_predictions(
                folder / f"{name}.oof.csv", ids, CLASSES, found, truth, filenames=FILENAMES[rows], groups=authors
            )
    if soundscapes:
        ids = [f"s{number // 3}_{5 * (number % 3 + 1)}" for number in range(12)]
        found = np.random.default_rng(seed).random((12, 3)).round(4)
        write_predictions(folder / f"{name}.soundscapes.csv", ids, CLASSES, found, TRUTH)
        scores["soundscapes"] = validation_metrics(TRUTH, found) | {"padded_cmap_low": 0.1, "padded_cmap_high": 0.9}
    values = {
        "name": name,
        "architecture": "rexnet150",
        "head": {"name": "pooled"},
        "channels": 1,
        "classes": CLASSES,
        "front_end": FrontEnd(32000, 5, 1024, 1024, 64, 20, 16000),
        "seed": seed,
        "fold": fold,
        "epoch": epoch,
        "step": 10 * epoch,
        "finished": finished,
        "data_version": "1",
        "settings": members.settings.recipe(),
        "scores": scores,
        "best_score": None,
        "best_epoch": 3 if epoch >= 3 else None,
        "commit": "c0ffee",
        "seconds": 5400.0,
        "model": {"weight": torch.zeros(1)},
    }
    save_checkpoint(Checkpoint(**values | changes), folder / f"{name}.last.pt")


def test_the_table_says_how_far_each_model_is_and_how_well_it_scores(tmp_path: Path, members):
    train(tmp_path, members, 1, 0)
    train(tmp_path, members, 2, 1, epoch=1)
    models = trained_models(tmp_path, members)
    table = models_table(models)
    assert list(table.index) == ["rx-wdfbn-ema-4-fold0-seed1", "rx-wdfbn-ema-4-fold1-seed2"]
    assert table["training", "epoch"].tolist() == ["4/4", "1/4"]
    assert table["training", "finished"].tolist() == ["yes", "no"]
    assert table["training", "best epoch"].tolist() == ["3", ""]
    assert "soundscapes" not in table.columns.get_level_values(0)
    scores = models[0].saved.scores["clips"]
    for title, name in (("padded cmAP", "padded_cmap"), ("macro ROC-AUC", "macro_roc_auc")):
        finished, begun = table["clips", title]
        assert finished.startswith(f"{scores[name]:.3f}") and finished.endswith(")")
        assert begun == f"{models[1].saved.scores['clips'][name]:.3f}"


def test_intervals_are_over_the_people_who_recorded_the_clips(tmp_path: Path, members):
    tables = []
    for authors in (["ann"] * 6, ["ann", "bob"] * 3):
        for fold in (0, 1):
            train(tmp_path, members, 1, fold, authors=authors)
        tables.append(together_table(trained_models(tmp_path, members))["padded cmAP"].iloc[0])
    assert "(" not in tables[0] and tables[1].startswith(f"{tables[0]} (")


def test_folds_of_one_seed_score_together_and_seeds_by_their_mean(tmp_path: Path, members):
    for seed in (1, 2):
        for fold in (0, 1):
            train(tmp_path, members, seed, fold)
    models = trained_models(tmp_path, members)
    of_seed = {seed: np.concatenate([heard(seed, fold)[1] for fold in (0, 1)]) for seed in (1, 2)}
    mean = (of_seed[1] + of_seed[2]) / 2
    together = out_of_fold(models)
    assert together.filenames == tuple(FILENAMES)
    np.testing.assert_allclose(together.scores, mean, rtol=1e-5)
    table = together_table(models)
    expected = {
        "clips, seed 1, folds 0, 1": of_seed[1],
        "clips, seed 2, folds 0, 1": of_seed[2],
        "clips, mean of seeds 1, 2": mean,
    }
    assert list(table.index) == list(expected) and table["windows"].tolist() == [12, 12, 12]
    for row, scores in expected.items():
        assert table.loc[row, "padded cmAP"].startswith(f"{validation_metrics(TRUTH, scores)['padded_cmap']:.3f}")


def test_soundscapes_are_scored_by_the_mean_of_all_models(tmp_path: Path, members):
    members = Members(members.settings, seeds=[1, 2], folds=["full"])
    for seed in (1, 2):
        train(tmp_path, members, seed, "full", soundscapes=True)
    models = trained_models(tmp_path, members)
    assert out_of_fold(models) is None
    mean = sum(np.random.default_rng(seed).random((12, 3)).round(4) for seed in (1, 2)) / 2
    np.testing.assert_allclose(on_soundscapes(models).scores, mean, rtol=1e-5)
    assert list(together_table(models).index) == ["soundscapes, mean of 2 models"]
    assert models_table(models)["soundscapes", "padded cmAP"].str.contains("(0.100–\u20600.900)", regex=False).all()


def test_models_of_all_data_without_soundscapes_have_heard_nothing_and_that_is_no_fault(tmp_path: Path, members):
    members = Members(members.settings, seeds=[1], folds=["full"])
    train(tmp_path, members, 1, "full")
    models = trained_models(tmp_path, members)
    assert out_of_fold(models) is None and on_soundscapes(models) is None
    assert set(models_table(models).columns.get_level_values(0)) == {"training"}
    assert len(together_table(models)) == 0


def test_a_session_that_closed_before_anything_was_saved_has_an_empty_table(tmp_path: Path, members):
    models = trained_models(tmp_path, members)
    assert models == () and out_of_fold(models) is None
    assert len(models_table(models)) == len(together_table(models)) == 0
    assert "4 models not begun" in outcome(models, members, "train", tmp_path / "unfinished.txt")


def test_what_an_earlier_session_for_other_seeds_or_folds_left_is_passed_over(tmp_path: Path, members):
    train(tmp_path, members, 3, 0)
    train(tmp_path, members, 1, "full")
    assert trained_models(tmp_path, members) == ()


def test_the_last_line_says_whether_to_go_on_and_how(tmp_path: Path, members):
    train(tmp_path, members, 1, 0)
    train(tmp_path, members, 2, 0, epoch=1)
    note = tmp_path / "unfinished.txt"
    text = outcome(trained_models(tmp_path, members), members, "train-rx", note)
    assert text.startswith(
        "NOT FINISHED: 1 of 4 models done, rx-wdfbn-ema-4-fold0-seed2 is at epoch 1 of 4, 2 models not"
    )
    assert "--target train-rx --push --resume" in text and "EARLIER" in text
    assert note.read_text() == text.splitlines()[0] + "\n"
    for seed, fold in ((2, 0), (1, 1), (2, 1)):
        train(tmp_path, members, seed, fold)
    assert outcome(trained_models(tmp_path, members), members, "train-rx", note).startswith("FINISHED: 4 models.")
    assert not note.exists()


def test_masked_cells_count_for_no_class(tmp_path: Path):
    weights = np.ones_like(TRUTH)
    weights[::3, 1] = 0
    weights[:, 2] = 0
    scores = np.random.default_rng(5).random(TRUTH.shape)
    table = classes_of(SimpleNamespace(truth=TRUTH, scores=scores, weights=weights, classes=CLASSES))
    counted = weights[:, 1] > 0
    assert table["class"].tolist() == list(CLASSES)
    assert table["positives"].tolist() == [TRUTH[:, 0].sum(), TRUTH[counted, 1].sum(), 0]
    np.testing.assert_allclose(table["roc_auc"][0], roc_auc(TRUTH, scores)[0])
    np.testing.assert_allclose(table["roc_auc"][1], roc_auc(TRUTH[counted], scores[counted])[1])
    np.testing.assert_allclose(table["average_precision"][1], average_precision(TRUTH[counted], scores[counted])[1])
    assert np.isnan(table["roc_auc"][2])


def test_a_score_is_written_with_its_interval_where_it_has_one():
    assert score_text(0.92449, 0.8912, 0.9511) == "0.924 (0.891–\u20600.951)"
    assert score_text(0.5) == "0.500" and score_text(None, 0.1, 0.2) == ""
