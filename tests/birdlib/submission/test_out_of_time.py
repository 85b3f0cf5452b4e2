"""The clock: what becomes of models that the time has no room for."""

import numpy as np
import pandas as pd
import pytest

from birdlib.ensemble.members import CompiledMember

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


def filled(expected, task, scored):
    """Every row's scores, or those of the nearest scored window of its recording, the earlier of two."""
    result = expected.copy()
    for soundscape in task.soundscapes:
        own = [place for place, row in enumerate(soundscape.rows) if row in scored]
        for place, row in enumerate(soundscape.rows):
            if own:
                result[row] = expected[soundscape.rows[min(own, key=lambda other: (abs(other - place), other))]]
    return result


# The windows of a recording of six, in the order in which they are scored where not all can be.
SPREAD = [0, 4, 2, 1, 5, 3]


@pytest.mark.parametrize("windows", [3, 4, 7, 12, 17])
def test_where_no_model_fits_its_windows_are_spread_evenly_and_the_others_are_as_their_neighbours(
    run, competition, tmp_path, monkeypatch, capsys, windows
):
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    claim(weights, only=100.0)
    slow_down(monkeypatch, run, {"only": 10.0})
    run.set_limit((10 * windows - 1) / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path, missing_score=0.25, batch_size=1)
    assert outcomes(table) == [("only", f"scored {windows} of 18 windows until the time was up")]
    assert "No model fits the time; the fastest is begun all the same" in capsys.readouterr().out
    turns = [soundscape.rows[place] for place in SPREAD for soundscape in task.soundscapes]
    expected = filled(expected_scores(task, [small_model(1)]), task, turns[:windows])
    np.testing.assert_allclose(written(tmp_path), expected, atol=1e-4)
    assert table.scored_rows.all()


def test_recordings_that_no_window_was_scored_of_get_the_mean_of_each_class(run, competition, tmp_path, monkeypatch):
    """They are likelier than a row without the class: the missing_score would rank them below all others."""
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    claim(weights, only=100.0)
    slow_down(monkeypatch, run, {"only": 10.0})
    run.set_limit(19 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path, missing_score=0.25, batch_size=1)
    scores, expected = written(tmp_path), expected_scores(task, [small_model(1)])
    first, second, third = (soundscape.rows for soundscape in task.soundscapes)
    np.testing.assert_allclose(scores[first], np.tile(expected[first[0]], (6, 1)), atol=1e-4)
    np.testing.assert_allclose(scores[second], np.tile(expected[second[0]], (6, 1)), atol=1e-4)
    np.testing.assert_allclose(scores[third], np.tile((scores[first[0]] + scores[second[0]]) / 2, (6, 1)), atol=1e-6)


@pytest.mark.parametrize("scratch", ["full", "slow"])
def test_where_the_windows_cannot_be_stored_in_time_recordings_follow_one_another(
    run, competition, tmp_path, monkeypatch, scratch
):
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    claim(weights, only=100.0)
    slow_down(monkeypatch, run, {"only": 10.0})
    if scratch == "full":
        (tmp_path / "mels-0.f32").symlink_to("/dev/full")
    else:
        monkeypatch.setattr("birdlib.submission.scoring.DECODING", 0.0)
    run.set_limit(79 / 60, 0.0)
    run.rerun = True
    task, table = submit(run, competition, weights, tmp_path, on_fault=run.fault, batch_size=1)
    assert outcomes(table) == [("only", "scored 8 of 18 windows until the time was up")]
    scored = [*task.soundscapes[0].rows, *task.soundscapes[1].rows[:2]]
    reached = np.concatenate([soundscape.rows for soundscape in task.soundscapes[:2]])
    expected = filled(expected_scores(task, [small_model(1)]), task, scored)
    np.testing.assert_allclose(written(tmp_path)[reached], expected[reached], atol=1e-4)


def test_where_there_was_no_time_for_one_window_it_is_said(run, competition, tmp_path, monkeypatch):
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    run.set_limit(1 / 60, 0.0)
    run.now, run.rerun = 2.0, True
    _, table = submit(run, competition, weights, tmp_path, missing_score=0.25)
    assert outcomes(table) == [("only", "needs 0 s, 0 s are left")]
    assert not table.scored_rows.any() and "no model scored any window" in run.faults[-1]


def test_a_model_that_will_be_late_begins_anew_on_windows_that_are_spread(run, competition, tmp_path, monkeypatch):
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    slow_down(monkeypatch, run, {"only": 10.0})
    monkeypatch.setattr("birdlib.submission.scoring.EARLY", 0.2)
    run.set_limit(89 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path, batch_size=1)
    assert outcomes(table) == [
        ("only", "dropped: too slow"),  # after two windows
        ("only", "scored 7 of 18 windows until the time was up"),
    ]
    turns = [soundscape.rows[place] for place in SPREAD for soundscape in task.soundscapes]
    expected = filled(expected_scores(task, [small_model(1)]), task, turns[:7])
    np.testing.assert_allclose(written(tmp_path), expected, atol=1e-4)


def test_where_no_model_fits_the_fastest_gets_the_time(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, first=100.0, second=50.0, third=100.0)
    slow_down(monkeypatch, run, {"first": 40.0, "second": 15.0, "third": 40.0})
    run.set_limit(44 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[0] == ("second", "scored 12 of 18 windows until the time was up")
    assert len(table.tables) == 1


def test_a_strong_model_gives_way_to_one_that_fits(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, first=0.08, second=0.01, third=0.08)
    slow_down(monkeypatch, run, {"first": 15.0, "second": 2.0, "third": 15.0})
    run.set_limit(1.0, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[:2] == [("first", "dropped: too slow"), ("second", "scored")]
    np.testing.assert_allclose(written(tmp_path), expected_scores(task, [models["second"]]), atol=1e-4)


def test_a_model_that_seems_late_near_its_end_goes_on_where_no_other_fits(run, competition, tmp_path, monkeypatch):
    weights, models = three_models(tmp_path)
    claim(weights, first=0.01, second=0.08, third=0.08)
    predict = CompiledMember.predict

    def slow_at_last(compiled, blocks, logits):
        for number, count in enumerate(predict(compiled, blocks, logits)):
            run.now += 5.0 if number < 3 else 20.0
            yield count

    monkeypatch.setattr(CompiledMember, "predict", slow_at_last)
    run.set_limit(38 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table)[0] == ("first", "scored")  # it seemed to be late near its end


def test_where_all_other_models_fail_the_dropped_one_is_begun_once_more(run, competition, tmp_path, monkeypatch):
    models = {"strong": (small_model(1), 0.9), "broken": (broken_model(), 0.8)}
    weights = write_weights(tmp_path / "weights", models)
    claim(weights, strong=0.08)
    slow_down(monkeypatch, run, {"strong": 15.0, "broken": 1.0})
    run.set_limit(66 / 60, 0.0)
    run.rerun = True
    task, table = submit(run, competition, weights, tmp_path)
    assert outcomes(table) == [
        ("strong", "dropped: too slow"),
        ("broken", "failed"),
        ("strong", "scored 12 of 18 windows until the time was up"),
    ]
    turns = [soundscape.rows[place] for place in SPREAD for soundscape in task.soundscapes]
    expected = filled(expected_scores(task, [small_model(1)]), task, turns[:12])
    np.testing.assert_allclose(written(tmp_path), expected, atol=1e-4)


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
