"""Trained models judged alone and as one, also where they are not finished or had nothing to predict."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.evaluation.together import (
    classes_of,
    combine_out_of_fold,
    find_results,
    out_of_fold,
    together_table,
)
from birdlib.metrics.ranking import average_precision, roc_auc
from birdlib.metrics.validation import validation_metrics
from birdlib.training.results import models_table, on_soundscapes, read_results
from birdlib.weights.checkpoint import checkpoints_in

from ..trained_models import CLASSES, FILENAMES, TRUTH, leave_model, predicted


def preparation(version="1"):
    return SimpleNamespace(data_version=version, classes=CLASSES)


def results(folder):
    return read_results(checkpoints_in(folder))


def test_the_table_shows_how_far_each_model_is_and_how_well_it_scores(tmp_path: Path):
    leave_model(tmp_path, 1, 0)
    leave_model(tmp_path, 2, 1, epoch=1)
    models = results(tmp_path)
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


def test_intervals_are_over_the_people_who_recorded_the_clips(tmp_path: Path):
    tables = []
    for authors in (["ann"] * 6, ["ann", "bob"] * 3):
        for fold in (0, 1):
            leave_model(tmp_path, 1, fold, authors=authors)
        tables.append(together_table(results(tmp_path))["padded cmAP"].iloc[0])
    assert "(" not in tables[0] and tables[1].startswith(f"{tables[0]} (")


def test_folds_of_one_training_score_together_and_trainings_by_their_mean(tmp_path: Path):
    trainings = [("rx", 1), ("rx", 2), ("b2", 3)]
    for recipe, seed in trainings:
        for fold in (0, 1):
            leave_model(tmp_path, seed, fold, recipe=recipe)
    models = find_results([tmp_path], preparation())
    scores = [np.concatenate([predicted(seed, fold)[1] for fold in (0, 1)]) for _, seed in trainings]
    mean = sum(scores) / 3
    together = out_of_fold(models)
    assert together.filenames == tuple(FILENAMES)
    np.testing.assert_allclose(together.scores, mean, rtol=1e-5)
    table = together_table(models)
    expected = {
        "clips, b2-wdfbn-ema-4-seed3, folds 0, 1": scores[2],
        "clips, rx-wdfbn-ema-4-seed1, folds 0, 1": scores[0],
        "clips, rx-wdfbn-ema-4-seed2, folds 0, 1": scores[1],
        "clips, mean of 3 trainings": mean,
    }
    assert sorted(table.index[:-1]) == sorted(list(expected)[:-1]) and table.index[-1] == list(expected)[-1]
    assert table["windows"].tolist() == [12, 12, 12, 12]
    for row, values in expected.items():
        assert table.loc[row, "padded cmAP"].startswith(f"{validation_metrics(TRUTH, values)['padded_cmap']:.3f}")


def test_folds_that_do_not_belong_together_are_never_scored_as_one(tmp_path: Path):
    leave_model(tmp_path, 1, 0)
    path = tmp_path / "rx-wdfbn-ema-4-fold0-seed1.oof.csv"
    text = path.read_text()
    (tmp_path / "other.oof.csv").write_text(text.replace("cedchi1", "crow", 1).replace("cedchi1", "crow"))
    with pytest.raises(BirdlibError, match=r"fold0-seed1\.oof\.csv: 6 rows \(abethr1/XC0_5, .*\) in .* too"):
        combine_out_of_fold([path, path])
    with pytest.raises(BirdlibError, match=r"other\.oof\.csv: other classes than"):
        combine_out_of_fold([path, tmp_path / "other.oof.csv"])
    with pytest.raises(BirdlibError, match="no out-of-fold predictions"):
        combine_out_of_fold([])


def test_soundscapes_are_scored_by_the_mean_of_all_models(tmp_path: Path):
    for seed in (1, 2):
        leave_model(tmp_path, seed, "full", soundscapes=True)
    models = results(tmp_path)
    assert out_of_fold(models) is None
    mean = sum(np.random.default_rng(seed).random((12, 3)).round(4) for seed in (1, 2)) / 2
    np.testing.assert_allclose(on_soundscapes(models).scores, mean, rtol=1e-5)
    assert list(together_table(models).index) == ["soundscapes, mean of 2 models"]
    of_soundscapes = models_table(models)["soundscapes", "padded cmAP"]
    assert of_soundscapes.str.contains("(0.100–\u20600.900)", regex=False).all()


def test_models_of_all_data_without_soundscapes_predicted_nothing_and_that_is_no_fault(tmp_path: Path):
    leave_model(tmp_path, 1, "full")
    models = results(tmp_path)
    assert out_of_fold(models) is None and on_soundscapes(models) is None
    assert set(models_table(models).columns.get_level_values(0)) == {"training"}
    assert len(together_table(models)) == 0


def test_a_folder_in_which_nothing_was_saved_has_an_empty_table(tmp_path: Path):
    models = results(tmp_path)
    assert models == () and out_of_fold(models) is None
    assert len(models_table(models)) == len(together_table(models)) == 0


def test_models_of_another_preparation_are_refused(tmp_path: Path):
    leave_model(tmp_path, 1, 0)
    with pytest.raises(BirdlibError, match="rx-wdfbn-ema-4-fold0-seed1: trained on data version 1, and PREPARED is 2"):
        find_results([tmp_path], preparation(version="2"))


def test_masked_cells_count_for_no_class():
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
