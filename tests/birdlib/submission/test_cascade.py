"""The cascade: later models are spared silence, and the ranking does not suffer from it."""

import json

import numpy as np
import pandas as pd
import pytest

from birdlib.competition.layout import CompetitionFiles
from birdlib.ensemble.members import load_members
from birdlib.submission.cascade import ONE_IN, plan_cascade
from birdlib.submission.plan import make_plan
from birdlib.submission.preparation import prepare
from birdlib.submission.scoring import EnsembleTable, score_ensemble
from birdlib.submission.windows import Windows

from .conftest import CLASSES, small_model, write_soundscape, write_weights


def first_scores(rows=400, classes=5, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (rows, classes)).astype(np.float32) ** 4


def test_windows_that_the_first_models_find_quiet_are_spared_but_for_every_eighth():
    scores = first_scores()
    cascade = plan_cascade(scores, np.ones(400, bool), 0.3)
    quiet = scores.max(axis=1) < 0.3
    assert quiet.sum() > 40
    assert set(cascade.spared) | set(cascade.controls) == set(np.flatnonzero(quiet))
    assert len(cascade.controls) == -(-quiet.sum() // ONE_IN)
    assert cascade.heard.sum() == 400 - len(cascade.spared)
    assert cascade.heard[~quiet].all() and cascade.heard[cascade.controls].all()


def test_rows_without_audio_are_neither_spared_nor_heard():
    scored = np.arange(400) >= 200
    cascade = plan_cascade(first_scores(), scored, 0.3)
    assert not cascade.heard[:200].any() and cascade.spared.min() >= 200


def test_where_hardly_any_window_is_quiet_all_of_them_are_heard():
    scores = first_scores() + 0.3
    scores[:10] = 0.0
    cascade = plan_cascade(scores, np.ones(400, bool), 0.3)
    assert cascade.heard.all() and not len(cascade.spared)
    later = first_scores(seed=1)
    cascade.fill(later, np.arange(5))
    np.testing.assert_array_equal(later, first_scores(seed=1))


def test_a_later_model_on_another_scale_is_guessed_right_where_it_goes_along_with_the_first():
    scores = first_scores()
    cascade = plan_cascade(scores, np.ones(400, bool), 0.3)
    truth = 0.4 + 0.5 * scores + np.linspace(0, 0.1, 5, dtype=np.float32)
    later = np.where(cascade.heard[:, None], truth, np.nan).astype(np.float32)
    cascade.fill(later, np.arange(5))
    np.testing.assert_allclose(later, truth, atol=1e-5)


def test_spared_windows_keep_the_first_models_order_and_are_not_shifted_against_the_others():
    scores = first_scores()
    cascade = plan_cascade(scores, np.ones(400, bool), 0.3)
    random = np.random.default_rng(2)
    silence = random.uniform(0.2, 0.3, (400, 5)).astype(np.float32)  # this model's silence has nothing of the first's
    later = np.where(cascade.heard[:, None], silence, np.nan).astype(np.float32)
    cascade.fill(later, np.arange(5))
    ensemble = scores + later
    for column in range(5):
        order = np.argsort(scores[cascade.spared, column])
        assert (np.diff(ensemble[cascade.spared, column][order]) >= -1e-6).all()
    assert later[cascade.spared].mean() == pytest.approx(0.25, abs=0.01)


def test_a_later_model_that_knows_other_classes_is_filled_by_its_own_columns():
    scores = first_scores()
    cascade = plan_cascade(scores, np.ones(400, bool), 0.3)
    columns = np.array([4, 1])
    truth = 0.1 + 0.5 * scores[:, columns]
    later = np.where(cascade.heard[:, None], truth, np.nan).astype(np.float32)
    cascade.fill(later, columns)
    np.testing.assert_allclose(later, truth, atol=1e-5)


@pytest.fixture
def long_competition(tmp_path):
    """One soundscape of 400 s, whose windows the models find more or less quiet."""
    folder = tmp_path / "long"
    (folder / "test_soundscapes").mkdir(parents=True)
    write_soundscape(folder / "test_soundscapes" / "soundscape_1.ogg", 400, 1)
    rows = [f"soundscape_1_{end}" for end in range(5, 401, 5)]
    lines = ["row_id," + ",".join(CLASSES)] + [row + ",0.5" * len(CLASSES) for row in rows]
    (folder / "sample_submission.csv").write_text("\n".join(lines) + "\n")
    return folder


def submitted(run, competition, weights, tmp_path, missing_score=0.0, **options):
    task = prepare(CompetitionFiles(competition), tmp_path / "submission.csv", 5)

    def stop(error):
        raise error

    members = load_members(weights, task.plan.classes, stop)
    windows = Windows(task.soundscapes, [member.entry.front_end for member in members], tmp_path, stop)
    table = EnsembleTable(len(task.plan.row_ids), len(task.plan.classes), missing_score)
    score_ensemble(make_plan(run, members, windows, precision="f32"), windows, table, task.save, **options)
    windows.close()
    return pd.read_csv(tmp_path / "submission.csv").set_index("row_id"), table


def test_a_submission_with_a_cascade_scores_less_and_says_nearly_the_same(run, long_competition, tmp_path, capsys):
    models = {f"m{seed}": (small_model(seed), 1 - seed / 10) for seed in (1, 2, 3)}
    weights = write_weights(tmp_path / "weights", models)
    whole, _ = submitted(run, long_competition, weights, tmp_path)
    alone, _ = submitted(run, long_competition, write_weights(tmp_path / "first", {"m1": models["m1"]}), tmp_path)
    threshold = float(alone.max(axis=1).quantile(0.6))
    spared, table = submitted(run, long_competition, weights, tmp_path, cascade=threshold)
    counts = [report.windows for report in table.reports]
    assert counts[0] == 80 and 30 < counts[1] == counts[2] < 45
    assert "The cascade spares the other models" in capsys.readouterr().out
    heard = alone.max(axis=1) >= threshold
    np.testing.assert_allclose(spared[heard], whole[heard], atol=1e-5)
    assert 0 < np.abs(spared - whole).to_numpy().max() < 0.1
    assert spared.notna().all().all()


def test_models_are_heard_by_turns_and_a_cascade_after_two_waits_for_both(run, long_competition, tmp_path):
    models = {f"m{seed}": (small_model(seed), 1 - seed / 10) for seed in (1, 2, 3)}
    weights = write_weights(tmp_path / "weights", models)
    _, table = submitted(run, long_competition, weights, tmp_path, cascade=0.999, cascade_models=2)
    assert [report.windows for report in table.reports] == [80, 80, 10]


def test_the_cascade_works_without_a_scratch_disk_too(run, long_competition, tmp_path):
    models = {f"m{seed}": (small_model(seed), 1 - seed / 10) for seed in (1, 2)}
    weights = write_weights(tmp_path / "weights", models)
    stored, _ = submitted(run, long_competition, weights, tmp_path, cascade=0.999)
    (tmp_path / "mels-0.f32").symlink_to("/dev/full")
    task = prepare(CompetitionFiles(long_competition), tmp_path / "submission.csv", 5)
    faults = []
    members = load_members(weights, task.plan.classes, faults.append)
    windows = Windows(task.soundscapes, [member.entry.front_end for member in members], tmp_path, faults.append)
    table = EnsembleTable(len(task.plan.row_ids), len(task.plan.classes), 0.0)
    score_ensemble(make_plan(run, members, windows, precision="f32"), windows, table, task.save, cascade=0.999)
    assert "cannot keep the mels" in str(faults[0])
    again = pd.read_csv(tmp_path / "submission.csv").set_index("row_id")
    np.testing.assert_allclose(again, stored, atol=1e-5)


def known_to_the_first(run, long_competition, tmp_path, **options):
    """A cascade whose first model knows three classes of six, and whose second knows them all."""
    weights = write_weights(tmp_path / "weights", {"first": (small_model(1, n_classes=3), 0.9)}, classes=CLASSES[:3])
    models = json.loads((weights / "manifest.json").read_text())["models"]
    manifest = write_weights(weights, {"second": (small_model(2), 0.5)}) / "manifest.json"
    both = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(both | {"models": models + both["models"]}))
    return submitted(run, long_competition, weights, tmp_path, **options)


def test_a_model_that_knows_classes_unknown_to_the_first_hears_all_windows(run, long_competition, tmp_path, capsys):
    whole, _ = known_to_the_first(run, long_competition, tmp_path)
    cascaded, table = known_to_the_first(run, long_competition, tmp_path, cascade=0.999)
    assert ", but for second: they know classes that the first ones do not." in capsys.readouterr().out
    assert [report.windows for report in table.reports] == [80, 80]
    np.testing.assert_allclose(cascaded, whole, atol=1e-6)


def test_classes_that_the_first_models_do_not_know_are_no_sound(run, long_competition, tmp_path, capsys):
    """They have the missing_score, which may be above the threshold."""
    known_to_the_first(run, long_competition, tmp_path, cascade=0.999, missing_score=1.0)
    assert "spares the other models 70 of 80 windows" in capsys.readouterr().out


def test_a_cascade_of_more_first_models_than_were_scored_says_that_it_spared_nothing(
    run, long_competition, tmp_path, capsys
):
    weights = write_weights(tmp_path / "weights", {f"m{seed}": (small_model(seed), 0.5) for seed in (1, 2)})
    submitted(run, long_competition, weights, tmp_path, cascade=0.5, cascade_models=5)
    assert "The cascade spared nothing: its first 5 models were not all scored." in capsys.readouterr().out
