"""The clock: what becomes of models that the time has no room for."""

import numpy as np
import pandas as pd
import pytest

from birdlib.blends.mean import Mean
from birdlib.ensemble.members import CompiledMember
from birdlib.scores.pipeline import Scoring

from .conftest import CLASSES, small_model, write_weights
from .test_scoring import broken_model, change_manifest, expected_scores, submit

# 18 windows of three recordings, in batches of 4.


def slow_down(monkeypatch, run, seconds):
    """Let each batch of the named models take so many seconds, whatever their manifest says."""
    predict = CompiledMember.predict

    def slow(compiled, blocks, logits):
        for count in predict(compiled, blocks, logits):
            run.now += seconds.get(compiled.member.name, 0.0)
            yield count

    monkeypatch.setattr(CompiledMember, "predict", slow)


def claim(weights, **seconds_per_window):
    """Let the manifest say what a window takes, 0.01 s where nothing is said, each model a kind of its own."""

    def edit(entry):
        entry["architecture"] = entry["name"]
        entry["seconds_per_window"] = seconds_per_window.get(entry["name"], 0.01)

    change_manifest(weights, edit)


def three_models(folder):
    models = {"first": (small_model(1), 0.9), "second": (small_model(2), 0.8), "third": (small_model(3), 0.7)}
    return write_weights(folder / "weights", models), {name: model for name, (model, _) in models.items()}


def outcomes(table):
    return [(report.name, report.outcome) for report in table.reports]


def written(tmp_path):
    return pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)].to_numpy()


def count_compiled(monkeypatch):
    """The names of the models that are compiled from now on."""
    names = []
    make = CompiledMember.__init__

    def noted(self, member, **options):
        names.append(member.name)
        make(self, member, **options)

    monkeypatch.setattr(CompiledMember, "__init__", noted)
    return names


def test_a_model_that_the_manifest_knows_to_be_too_slow_is_not_even_compiled(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, second=5.0)
    slow_down(monkeypatch, run, {"first": 0.036, "third": 0.036})  # as the manifest says
    compiled = count_compiled(monkeypatch)
    run.set_limit(1.0, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert compiled == ["first", "third"]
    assert outcomes(table) == [("first", "scored"), ("third", "scored"), ("second", "needs 99 s, 60 s are left")]
    np.testing.assert_allclose(written(tmp_path), expected_scores(task, [models["first"], models["third"]]), atol=1e-4)


def test_a_model_that_turns_out_too_slow_is_dropped_for_the_next_one(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, second=0.4, third=0.01)
    slow_down(monkeypatch, run, {"first": 0.1, "second": 10.0, "third": 0.1})
    run.set_limit(40 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table) == [("first", "scored"), ("second", "dropped: too slow"), ("third", "scored")]
    assert run.now < 25  # known after the first windows, not at the deadline
    assert not (tmp_path / "scores" / "second.npz").exists()
    np.testing.assert_allclose(written(tmp_path), expected_scores(task, [models["first"], models["third"]]), atol=1e-4)


def test_a_late_model_goes_on_to_the_deadline_where_no_other_fits(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, third=50.0)
    slow_down(monkeypatch, run, {"first": 0.1, "second": 4.0})
    run.set_limit(15 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[:2] == [("first", "scored"), ("second", "dropped: too slow")]
    assert run.now == pytest.approx(16.5)  # it might have become faster
    np.testing.assert_allclose(written(tmp_path), expected_scores(task, [models["first"]]), atol=1e-4)


def test_a_model_that_becomes_faster_ends_in_time(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, second=100.0, third=100.0)
    predict = CompiledMember.predict

    def slow_at_first(compiled, blocks, logits):
        for number, count in enumerate(predict(compiled, blocks, logits)):
            run.now += 9.0 if number < 2 else 1.0
            yield count

    monkeypatch.setattr(CompiledMember, "predict", slow_at_first)
    run.set_limit(25 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[0] == ("first", "scored")
    np.testing.assert_allclose(written(tmp_path), expected_scores(task, [models["first"]]), atol=1e-4)


@pytest.mark.parametrize(("limit", "whole"), [(29, 1), (44, 2), (59, 2)])
def test_where_no_model_fits_the_recordings_that_were_scored_whole_count(
    run, competition, tmp_path, monkeypatch, capsys, limit, whole
):
    """A row that there was no time for gets the mean of its class: it is likelier than a row without the class."""
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    claim(weights, only=100.0)
    slow_down(monkeypatch, run, {"only": 15.0})
    run.set_limit(limit / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path, missing_score=0.25)
    assert outcomes(table) == [("only", f"scored {whole} of 3 recordings until the time was up")]
    assert "the fastest is begun all the same" in capsys.readouterr().out
    scored = np.concatenate([soundscape.rows for soundscape in task.soundscapes[:whole]])
    expected = expected_scores(task, [small_model(1)])
    scores = written(tmp_path)
    np.testing.assert_allclose(scores[scored], expected[scored], atol=1e-4)
    others = np.setdiff1d(np.arange(18), scored)
    np.testing.assert_allclose(scores[others], np.tile(scores[scored].mean(axis=0), (len(others), 1)), atol=1e-6)
    assert (table.scored_rows == np.isin(np.arange(18), scored)).all()


def test_steps_take_no_part_of_a_recording_for_the_whole(run, competition, tmp_path, monkeypatch):
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    claim(weights, only=100.0)
    slow_down(monkeypatch, run, {"only": 15.0})
    run.set_limit(29 / 60, 0.0)

    def file_maximum(probabilities, layout, taxa):
        highest = np.empty_like(probabilities)
        for rows in layout.files:
            highest[rows] = np.fmax.reduce(probabilities[rows])
        return highest

    scoring = Scoring(Mean(), {}, (file_maximum,))
    task, table = submit(run, competition, weights, tmp_path, scoring=scoring)
    rows = task.soundscapes[0].rows
    highest = expected_scores(task, [small_model(1)])[rows].max(axis=0)
    np.testing.assert_allclose(written(tmp_path), np.tile(highest, (18, 1)), atol=1e-4)


def test_where_there_was_no_time_for_one_recording_it_is_said(run, competition, tmp_path, monkeypatch):
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    claim(weights, only=100.0)
    slow_down(monkeypatch, run, {"only": 40.0})
    run.set_limit(39 / 60, 0.0)
    run.rerun = True
    _, table = submit(run, competition, weights, tmp_path, missing_score=0.25)
    assert outcomes(table) == [("only", "scored 0 of 3 recordings until the time was up")]
    assert (written(tmp_path) == 0.25).all() and not table.scored_rows.any()
    assert "no model scored any window" in run.faults[-1]


def test_where_no_model_fits_the_fastest_gets_the_time(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, first=100.0, second=50.0, third=100.0)
    slow_down(monkeypatch, run, {"first": 40.0, "second": 15.0, "third": 40.0})
    run.set_limit(44 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[0] == ("second", "scored 2 of 3 recordings until the time was up")
    assert len(table.tables) == 1


def test_a_strong_model_gives_way_to_a_faster_one_where_it_would_not_end(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, first=0.04, third=0.04)
    slow_down(monkeypatch, run, {"first": 15.0, "second": 5.0, "third": 15.0})
    run.set_limit(1.0, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[:2] == [("first", "dropped: too slow"), ("second", "scored")]
    np.testing.assert_allclose(written(tmp_path), expected_scores(task, [models["second"]]), atol=1e-4)


def test_a_model_that_is_nearly_done_does_not_give_way_to_one_that_would_score_less(
    run, competition, tmp_path, monkeypatch
):
    weights, models = three_models(tmp_path)
    claim(weights, first=0.04)
    predict = CompiledMember.predict

    def slow_at_last(compiled, blocks, logits):
        for number, count in enumerate(predict(compiled, blocks, logits)):
            run.now += 5.0 if number < 3 else 20.0
            yield count

    monkeypatch.setattr(CompiledMember, "predict", slow_at_last)
    run.set_limit(38 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[0] == ("first", "scored")  # though a faster one was there when it seemed to be late


def test_where_all_faster_models_fail_the_dropped_one_is_begun_once_more(run, competition, tmp_path, monkeypatch):
    models = {"strong": (small_model(1), 0.9), "broken": (broken_model(), 0.8)}
    weights = write_weights(tmp_path / "weights", models)
    claim(weights, strong=0.04)
    slow_down(monkeypatch, run, {"strong": 15.0, "broken": 1.0})
    run.set_limit(66 / 60, 0.0)
    run.rerun = True
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table) == [
        ("strong", "dropped: too slow"),
        ("broken", "failed"),
        ("strong", "scored 2 of 3 recordings until the time was up"),
    ]
    rows = task.soundscapes[0].rows
    np.testing.assert_allclose(written(tmp_path)[rows], expected_scores(task, [small_model(1)])[rows], atol=1e-4)


def test_on_a_machine_that_is_faster_than_the_manifest_says_all_models_are_scored(
    run, competition, tmp_path, monkeypatch
):
    weights, models = three_models(tmp_path)
    claim(weights, first=100.0, second=100.0, third=100.0)
    slow_down(monkeypatch, run, dict.fromkeys(models, 1.0))
    run.set_limit(2.0, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table) == [(name, "scored") for name in models]
    np.testing.assert_allclose(table.scores(), expected_scores(task, list(models.values())), atol=1e-4)


def test_on_a_machine_that_is_slower_than_the_manifest_says_fewer_models_are_begun(
    run, competition, tmp_path, monkeypatch
):
    weights, models = three_models(tmp_path)
    slow_down(monkeypatch, run, dict.fromkeys(models, 5.0))
    compiled = count_compiled(monkeypatch)
    run.set_limit(58 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table) == [("first", "scored"), ("second", "scored"), ("third", "needs 28 s, 8 s are left")]
    assert compiled == ["first", "second"]


def test_when_the_time_is_used_up_no_further_model_is_begun(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    slow_down(monkeypatch, run, {"first": 12.0})
    compiled = count_compiled(monkeypatch)
    run.set_limit(1.0, 0.0)
    _, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[0] == ("first", "scored") and len(table.reports) == 3
    assert all(outcome.endswith(" 0 s are left") for _, outcome in outcomes(table)[1:])
    assert compiled == ["first"]


def test_a_first_recording_that_comes_late_does_not_count_against_the_model(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    predict = CompiledMember.predict

    def waiting(compiled, blocks, logits):
        for number, count in enumerate(predict(compiled, blocks, logits)):
            run.now += 5.0 if number == 0 and compiled.member.name == "first" else 0.9
            yield count

    monkeypatch.setattr(CompiledMember, "predict", waiting)
    run.set_limit(9 / 60, 0.0)
    _, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[0] == ("first", "scored")
