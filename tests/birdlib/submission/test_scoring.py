"""Scoring: the numbers torch gives, the strongest first, and never past the clock."""

import json
from dataclasses import replace

import numpy as np
import openvino as ov
import pandas as pd
import pytest
import soundfile
import torch

from birdlib.audio.recordings import read_windows
from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.table import check_submission, read_table
from birdlib.ensemble.members import CompiledMember, load_members, unknown_classes
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import MelSpectrogram
from birdlib.submission.plan import make_plan
from birdlib.submission.preparation import prepare
from birdlib.submission.scoring import EnsembleTable, score_ensemble
from birdlib.submission.some_windows import copy_neighbours
from birdlib.submission.windows import Soundscape, Windows
from birdlib.weights.manifest import sha256

from .conftest import CLASSES, COARSE, FRONT_END, small_model, write_weights


def stop(error):
    raise error


def submit(run, competition, weights, tmp_path, on_fault=stop, save=None, missing_score=0.0, batch_size=4):
    task = prepare(CompetitionFiles(competition), tmp_path / "submission.csv", 5)
    members = load_members(weights, task.plan.classes, on_fault)
    windows = Windows(task.soundscapes, [member.entry.front_end for member in members], tmp_path, on_fault)
    table = EnsembleTable(len(task.plan.row_ids), len(task.plan.classes), missing_score)
    plan = make_plan(run, members, windows, precision="f32", batch_size=batch_size)
    score_ensemble(plan, windows, table, save or task.save)
    windows.close()
    return task, table


def expected_scores(task, models, front_end=FRONT_END):
    """The mean probability of the models, in plain torch, window by window."""
    scores = np.zeros((len(task.plan.row_ids), len(CLASSES)))
    for soundscape in task.soundscapes:
        waves, _ = read_windows(soundscape.path, soundscape.ends, window_seconds=5, sample_rate=32000)
        for row, wave in zip(soundscape.rows, waves, strict=True):
            mel = MelSpectrogram(front_end)(torch.from_numpy(wave[None]))
            with torch.no_grad():
                scores[row] = np.mean([model(mel).sigmoid()[0].numpy() for model in models], axis=0)
    return scores


def test_the_submission_is_the_mean_of_the_models_probabilities_in_torch(run, competition, tmp_path):
    models = [small_model(seed) for seed in (1, 2, 3)]
    weights = write_weights(tmp_path / "weights", {f"m{i}": (model, i / 10) for i, model in enumerate(models)})
    task, table = submit(run, competition, weights, tmp_path)
    written = pd.read_csv(tmp_path / "submission.csv")
    assert written["row_id"].tolist() == pd.read_csv(competition / "sample_submission.csv")["row_id"].tolist()
    np.testing.assert_allclose(written[list(CLASSES)], expected_scores(task, models), atol=1e-4)
    assert check_submission(tmp_path / "submission.csv", task.plan) == []


def test_models_with_different_front_ends_share_one_decoding(run, competition, tmp_path):
    fine, coarse = small_model(1), small_model(2)
    write_weights(tmp_path / "weights", {"fine": (fine, 0.9)})
    manifest = (tmp_path / "weights" / "manifest.json").read_text()
    write_weights(tmp_path / "weights", {"coarse": (coarse, 0.5)}, front_end=COARSE)
    both = json.loads(manifest)
    both["models"] += json.loads((tmp_path / "weights" / "manifest.json").read_text())["models"]
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps(both))
    task, _ = submit(run, competition, tmp_path / "weights", tmp_path)
    expected = (expected_scores(task, [fine]) + expected_scores(task, [coarse], COARSE)) / 2
    np.testing.assert_allclose(pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)], expected, atol=1e-4)


def test_after_each_model_strongest_first_the_file_is_a_finished_ensemble(run, competition, tmp_path):
    models = {"weak": (small_model(1), 0.1), "strong": (small_model(2), 0.9)}
    weights = write_weights(tmp_path / "weights", models)
    saved = []
    task, _ = submit(run, competition, weights, tmp_path, save=lambda scores: saved.append(scores.copy()))
    np.testing.assert_allclose(saved[0], expected_scores(task, [models["strong"][0]]), atol=1e-4)
    np.testing.assert_allclose(saved[1], expected_scores(task, [m for m, _ in models.values()]), atol=1e-4)


def test_classes_are_mapped_by_name_and_unknown_ones_get_the_stated_default(run, competition, tmp_path):
    known = ("f", "b", "elsewhere", "a")
    model = small_model(1, n_classes=4)
    weights = write_weights(tmp_path / "weights", {"m": (model, 0.5)}, classes=known)
    task, table = submit(run, competition, weights, tmp_path, missing_score=0.125)
    written = pd.read_csv(tmp_path / "submission.csv")
    members = load_members(weights, task.plan.classes, stop)
    assert unknown_classes(members, task.plan.classes) == ["c", "d", "e"]
    assert (written[["c", "d", "e"]] == 0.125).all().all()
    soundscape = task.soundscapes[0]
    wave, _ = read_windows(soundscape.path, soundscape.ends[:1], window_seconds=5, sample_rate=32000)
    with torch.no_grad():
        outputs = model(MelSpectrogram(FRONT_END)(torch.from_numpy(wave))).sigmoid()[0].numpy()
    row = written.iloc[soundscape.rows[0]]
    np.testing.assert_allclose([row["f"], row["b"], row["a"]], outputs[[0, 1, 3]], atol=1e-4)


def test_models_of_other_windows_paddings_and_rates_are_left_out_by_name(run, competition, tmp_path):
    cuts = {
        "usual": (FRONT_END, "cyclic"),
        "same": (COARSE, "cyclic"),
        "long": (replace(FRONT_END, window_seconds=10), "cyclic"),
        "other": (FRONT_END, "zeros"),
    }
    models = []
    for place, (name, (front_end, padding)) in enumerate(cuts.items()):
        write_weights(tmp_path / "weights", {name: (small_model(1), 0.9 - place / 10)}, front_end=front_end)
        (model,) = json.loads((tmp_path / "weights" / "manifest.json").read_text())["models"]
        models.append(model | {"padding": padding})
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps({"schema": 1, "models": models}))
    faults = []
    members = load_members(tmp_path / "weights", CLASSES, faults.append)
    assert [member.name for member in members] == ["usual", "same"]
    long, other = map(str, faults)
    assert long.startswith("long: window_seconds = 10: a row of the submission is 5 s of audio")
    assert other == (
        "other: takes 5 s at 32000 Hz with zeros padding, the ensemble 5 s at 32000 Hz with cyclic padding; "
        "submit them apart"
    )


def test_a_class_that_the_sample_names_twice_has_its_score_twice(run, competition, tmp_path):
    path = competition / "sample_submission.csv"
    path.write_text(path.read_text().replace("row_id,a,b,c,d,e,f", "a,row_id,b,c,d,e,b"))
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    path.write_text("a,row_id,b,c,d,e,b\n" + "".join(f"0,{row[0]},0,0,0,0,0\n" for row in lines))
    model = small_model(1)
    weights = write_weights(tmp_path / "weights", {"m": (model, 0.5)})
    task, _ = submit(run, competition, weights, tmp_path)
    expected = expected_scores(task, [model])
    written = read_table(tmp_path / "submission.csv")
    assert list(written.columns) == ["a", "row_id", "b", "c", "d", "e", "b"]
    np.testing.assert_allclose(written.drop(columns="row_id"), expected[:, [0, 1, 2, 3, 4, 1]], atol=1e-4)


def test_a_window_that_is_short_of_audio_is_heard_as_the_model_learnt_it(run, competition, tmp_path):
    for path in (competition / "test_soundscapes").iterdir():
        wave, rate = soundfile.read(path, dtype="float32")
        path.unlink()
        soundfile.write(path.with_suffix(".flac"), wave[: int(29.9 * rate)], rate)
    model = small_model(1)
    weights = write_weights(tmp_path / "weights", {"m": (model, 0.5)})
    task, _ = submit(run, competition, weights, tmp_path)
    written = pd.read_csv(tmp_path / "submission.csv").set_index("row_id")
    for soundscape in task.soundscapes:
        wave, _ = soundfile.read(soundscape.path, dtype="float32")
        mel = MelSpectrogram(FRONT_END)(torch.from_numpy(np.resize(wave[25 * 32000 :], 160_000))[None])
        with torch.no_grad():
            expected = model(mel).sigmoid()[0].numpy()
        np.testing.assert_allclose(written.loc[f"{soundscape.path.stem}_30"], expected, atol=1e-4)


def test_models_that_follow_each_other_without_a_gap_keep_their_scores_apart(run, competition, tmp_path, monkeypatch):
    begun = []
    finish = CompiledMember.finish
    predict = CompiledMember.predict

    def noted(compiled, blocks, scores, **options):
        begun.append(compiled.member.name)
        yield from predict(compiled, blocks, scores, **options)

    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: 0.01)
    monkeypatch.setattr(CompiledMember, "predict", noted)
    monkeypatch.setattr(CompiledMember, "finish", lambda one: (begun.append(f"end of {one.member.name}"), finish(one)))
    models = {f"m{number}": (small_model(number), 1 - number / 10) for number in range(3)}
    weights = write_weights(tmp_path / "weights", models)
    saved = []
    task, _ = submit(run, competition, weights, tmp_path, save=lambda scores: saved.append(scores.copy()))
    assert begun == ["m0", "m1", "end of m0", "m2", "end of m1", "end of m2"]
    for count in (1, 2, 3):
        expected = expected_scores(task, [model for model, _ in list(models.values())[:count]])
        np.testing.assert_allclose(saved[count - 1], expected, atol=1e-4)


def test_a_model_that_gives_nan_costs_only_itself_in_the_hidden_rerun(run, competition, tmp_path):
    models = {"strong": (small_model(2), 0.9), "broken": (broken_model(), 0.5), "weak": (small_model(3), 0.1)}
    weights = write_weights(tmp_path / "weights", models)
    run.rerun = True
    task, table = submit(run, competition, weights, tmp_path)
    assert [report.outcome for report in table.reports] == ["scored", "failed", "scored"]
    assert len(run.faults) == 1 and "broken: gives NaN or infinity" in run.faults[0]
    expected = expected_scores(task, [models["strong"][0], models["weak"][0]])
    np.testing.assert_allclose(table.scores(), expected, atol=1e-4)


def test_a_model_of_another_competition_is_an_error(run, competition, tmp_path):
    weights = write_weights(tmp_path / "weights", {"foreign": (small_model(1), 0.5)}, classes=tuple("uvwxyz"))
    with pytest.raises(BirdlibError, match="foreign: none of its 6 classes"):
        submit(run, competition, weights, tmp_path)


def slow_down(monkeypatch, run, slow_name, seconds, per_window=False):
    """Let every block, or window, of one model take a while, though it was measured as fast."""
    predict = CompiledMember.predict

    def slow(compiled, blocks, scores, **options):
        for count in predict(compiled, blocks, scores, **options):
            run.now += seconds * (count if per_window else 1) if compiled.member.name == slow_name else 0.0
            yield count

    monkeypatch.setattr(CompiledMember, "predict", slow)
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: 0.01)


def test_a_model_that_does_not_fit_the_time_is_left_out_whole(run, competition, tmp_path, monkeypatch):
    models = {"first": (small_model(1), 0.9), "slow": (small_model(2), 0.8), "third": (small_model(3), 0.7)}
    weights = write_weights(tmp_path / "weights", models)
    change_manifest(weights, lambda entry: entry.update(architecture=entry["name"]))  # each a kind of its own
    speeds = {"first": 0.01, "slow": 5.0, "third": 0.01}
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: speeds[compiled.member.name])
    run.set_limit(1.0, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    outcomes = {report.name: report.outcome for report in table.reports}
    assert outcomes["first"] == outcomes["third"] == "scored"
    assert outcomes["slow"].startswith("needs ")
    expected = expected_scores(task, [models["first"][0], models["third"][0]])
    np.testing.assert_allclose(pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)], expected, atol=1e-4)


def test_a_model_that_turns_out_too_slow_is_dropped_and_the_rows_stay_comparable(
    run, competition, tmp_path, monkeypatch
):
    models = {"first": (small_model(1), 0.9), "slow": (small_model(2), 0.8)}
    weights = write_weights(tmp_path / "weights", models)
    slow_down(monkeypatch, run, "slow", 3.0)
    monkeypatch.setattr("birdlib.submission.windows.BLOCK", 3)
    run.set_limit(10 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert [report.outcome for report in table.reports] == ["scored", "dropped: slower than measured"]
    np.testing.assert_allclose(
        pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)], expected_scores(task, [models["first"][0]]), atol=1e-4
    )


def test_when_not_even_one_model_fits_it_scores_some_windows_and_copies_neighbours(
    run, competition, tmp_path, monkeypatch
):
    """Of 18 windows, of 3 soundscapes, there is time for 12 and the rest of a batch: three rounds, and a part of one."""
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    slow_down(monkeypatch, run, "only", 1.0, per_window=True)
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: 1.0)
    run.set_limit(12 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert [report.outcome for report in table.reports] == ["scored 13 of 18 windows"]
    every_window = expected_scores(task, [small_model(1)])
    written = pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)].to_numpy()
    for soundscape in task.soundscapes:
        own = written[soundscape.rows]
        np.testing.assert_allclose(own[::2], every_window[soundscape.rows][::2], atol=1e-4)
        for row in (1, 3, 5):  # by itself or, at the latest from the second soundscape on, as the one before
            copied = np.array_equal(own[row], own[row - 1])
            assert copied or np.allclose(own[row], every_window[soundscape.rows][row], atol=1e-4)


@pytest.mark.parametrize("slowness", [1, 3, 5, 40])
def test_however_slow_the_machine_becomes_every_soundscape_gets_scores(
    run, competition, tmp_path, monkeypatch, slowness
):
    """A machine as measured, 3 and 5 times slower, and so slow that only the first soundscapes are reached."""
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    slow_down(monkeypatch, run, "only", slowness, per_window=True)
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: 1.0)
    monkeypatch.setattr("birdlib.submission.windows.BLOCK", 1)
    run.set_limit(14 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path, batch_size=1)
    every_window = expected_scores(task, [small_model(1)])
    scored = table.scores()
    own = np.isclose(scored, every_window, atol=1e-4).all(axis=1)
    reached = [own[soundscape.rows].any() for soundscape in task.soundscapes]
    assert table.scored_rows.all()
    if slowness < 40:
        assert all(reached)
    else:
        assert reached == [True, False, False]
        np.testing.assert_allclose(scored[~own], np.tile(scored[own][:1], (17, 1)), atol=1e-6)


def test_where_the_fastest_model_cannot_score_even_some_windows_the_next_one_does(
    run, competition, tmp_path, monkeypatch
):
    models = {"broken": (broken_model(), 0.9), "good": (small_model(1), 0.5)}
    weights = write_weights(tmp_path / "weights", models)
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: 1.0)
    run.set_limit(12 / 60, 0.0)
    run.rerun = True
    task, table = submit(run, competition, weights, tmp_path)
    assert {report.name: report.outcome for report in table.reports} == {
        "broken": "failed",
        "good": "scored 18 of 18 windows",  # the clock of this run stands still
    }
    expected = expected_scores(task, [models["good"][0]])
    np.testing.assert_allclose(table.scores(), expected, atol=1e-4)


def test_a_machine_that_was_slow_only_while_it_was_measured_scores_all_models(run, competition, tmp_path, monkeypatch):
    models = {f"m{seed}": (small_model(seed), 1 - seed / 10) for seed in (1, 2, 3)}
    weights = write_weights(tmp_path / "weights", models)
    measured = iter([100.0])
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: next(measured, 0.01))
    run.set_limit(2.0, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    assert [report.outcome for report in table.reports] == ["scored"] * 3
    expected = expected_scores(task, [model for model, _ in models.values()])
    np.testing.assert_allclose(table.scores(), expected, atol=1e-4)


def test_on_a_machine_that_is_as_slow_as_measured_finding_out_takes_little_of_the_time(
    run, competition, tmp_path, monkeypatch
):
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    slow_down(monkeypatch, run, "only", 20.0)
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: 5.0)
    monkeypatch.setattr("birdlib.submission.windows.BLOCK", 4)
    run.set_limit(80 / 60, 0.0)
    task, table = submit(run, competition, weights, tmp_path)
    outcomes = [report.outcome for report in table.reports]
    assert outcomes[0] == "dropped: slower than measured" and outcomes[1].startswith("scored ")
    assert len(outcomes) == 2
    assert table.scored_rows.all()


@pytest.mark.parametrize("failing", [0, 1])
def test_a_table_that_cannot_be_written_costs_no_model(run, competition, tmp_path, failing):
    models = {f"m{seed}": (small_model(seed), 1 - seed / 10) for seed in (1, 2, 3)}
    weights = write_weights(tmp_path / "weights", models)
    run.rerun = True
    written = []

    def save(scores):
        written.append(scores)
        if len(written) == failing + 1:
            raise OSError(28, "No space left on device")

    task, table = submit(run, competition, weights, tmp_path, save=save)
    assert [report.outcome for report in table.reports] == ["scored"] * 3
    said = f"submission.csv: cannot be written with m{failing + 1} in it (No space left on device)"
    assert len(run.faults) == 1 and said in run.faults[0]
    np.testing.assert_allclose(written[-1], expected_scores(task, [model for model, _ in models.values()]), atol=1e-4)


def test_where_no_recording_can_be_decoded_no_model_is_blamed(run, competition, tmp_path):
    weights = write_weights(tmp_path / "weights", {f"m{seed}": (small_model(seed), 0.5) for seed in (1, 2)})
    for number in range(3):
        path = competition / "test_soundscapes" / f"soundscape_{number}.ogg"
        path.write_bytes(path.read_bytes()[:5000])  # its header, and hardly anything else
    run.rerun = True
    _, table = submit(run, competition, weights, tmp_path, on_fault=run.fault, missing_score=0.25)
    assert (table.scores() == 0.25).all()
    assert not [fault for fault in run.faults if "mels-0" in fault or fault.startswith(("m1", "m2"))], run.faults


def test_neighbours_are_the_nearest_scored_windows_of_the_same_soundscape(tmp_path):
    soundscape = Soundscape(tmp_path / "s.ogg", [5.0 * n for n in range(1, 8)], np.array([6, 5, 4, 3, 2, 1, 0]))
    scores = np.full((9, 2), np.nan, np.float32)
    scores[6], scores[1] = 0.1, 0.9  # the first and the sixth window
    copy_neighbours(soundscape, scores)
    np.testing.assert_allclose(scores[[6, 5, 4, 3, 2, 1, 0], 0], [0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    assert np.isnan(scores[7:]).all()


def test_a_model_that_gives_nan_is_a_fault_and_not_a_hole_in_the_table(run, competition, tmp_path):
    weights = write_weights(tmp_path / "weights", {"good": (small_model(2), 0.5)})
    broken = small_model(1)
    with torch.no_grad():
        broken[-1].bias[2] = float("nan")
    graph = ov.convert_model(broken, example_input=torch.randn(2, *FRONT_END.shape), input=[-1, *FRONT_END.shape])
    ov.save_model(graph, weights / "good.xml", compress_to_fp16=False)
    manifest = json.loads((weights / "manifest.json").read_text())
    manifest["models"][0]["files"] = {name: sha256(weights / name) for name in ("good.xml", "good.bin")}
    (weights / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BirdlibError, match="good: gives NaN or infinity"):
        submit(run, competition, weights, tmp_path)


def change_manifest(weights, edit):
    manifest = json.loads((weights / "manifest.json").read_text())
    for entry in manifest["models"]:
        edit(entry)
        entry["files"] = {name: sha256(weights / name) for name in entry["files"]}
    (weights / "manifest.json").write_text(json.dumps(manifest))


def test_a_model_that_takes_other_mels_than_its_manifest_says_is_refused(run, competition, tmp_path):
    weights = write_weights(tmp_path / "weights", {"m": (small_model(1), 0.5)})
    change_manifest(weights, lambda entry: entry["front_end"].update(n_mels=16))
    with pytest.raises(BirdlibError, match=r"^m: takes \[.*its manifest's front end gives \(1, 16, 157\)"):
        submit(run, competition, weights, tmp_path)


@pytest.mark.parametrize("suffix", [".bin", ".xml"])
def test_a_model_that_openvino_cannot_read_is_named_in_one_line(run, competition, tmp_path, suffix):
    weights = write_weights(tmp_path / "weights", {"m": (small_model(1), 0.5)})
    file = weights / f"m{suffix}"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    change_manifest(weights, lambda entry: None)
    with pytest.raises(BirdlibError, match=r"^m\.xml: OpenVINO cannot read it \(.*\)") as caught:
        submit(run, competition, weights, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("odd", ["strong", "weak"])
def test_a_model_at_another_sample_rate_than_most_costs_only_itself(run, competition, tmp_path, odd):
    models = {"strong": (small_model(1), 0.9), "middle": (small_model(2), 0.5), "weak": (small_model(3), 0.1)}
    weights = write_weights(tmp_path / "weights", models)
    change_manifest(weights, lambda entry: entry["name"] == odd and entry["front_end"].update(sample_rate=31000))
    faults = []
    task, _ = submit(run, competition, weights, tmp_path, on_fault=faults.append)
    assert len(
        faults
    ) == 1 and f"{odd}: takes 5 s at 31000 Hz with cyclic padding, the ensemble 5 s at 32000 Hz" in str(faults[0])
    written = pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)]
    others = [model for name, (model, _) in models.items() if name != odd]
    np.testing.assert_allclose(written, expected_scores(task, others), atol=1e-4)


def broken_model():
    model = small_model(1)
    with torch.no_grad():
        model[-1].bias[2] = float("nan")
    return model


def test_where_only_a_broken_model_is_at_hand_the_default_stays_and_it_is_said(run, competition, tmp_path):
    weights = write_weights(tmp_path / "weights", {"broken": (broken_model(), 0.5)})
    run.rerun = True
    _, table = submit(run, competition, weights, tmp_path, missing_score=0.25)
    assert [report.outcome for report in table.reports] == ["failed"] and not table.models
    assert (table.scores() == 0.25).all()
    assert "no model scored any window" in run.faults[-1]


def test_no_model_at_all_stops_the_commit_run(run, competition, tmp_path):
    task = prepare(CompetitionFiles(competition), tmp_path / "submission.csv", 5)
    table = EnsembleTable(len(task.plan.row_ids), len(task.plan.classes), 0.0)
    windows = Windows(task.soundscapes, [], tmp_path, stop)
    with pytest.raises(BirdlibError, match="no model scored any window"):
        score_ensemble(make_plan(run, [], windows, precision="f32"), windows, table, task.save)


def count_compiled(monkeypatch):
    """The names of the models that are compiled from now on."""
    names = []
    make = CompiledMember.__init__

    def noted(self, member, **options):
        names.append(member.name)
        make(self, member, **options)

    monkeypatch.setattr(CompiledMember, "__init__", noted)
    return names


def test_when_the_time_is_used_up_no_further_model_is_begun(run, competition, tmp_path, monkeypatch):
    models = {f"m{number}": (small_model(number), 1 - number / 10) for number in range(4)}
    weights = write_weights(tmp_path / "weights", models)
    slow_down(monkeypatch, run, "m0", 12.0)
    compiled = count_compiled(monkeypatch)
    run.set_limit(1.0, 0.0)
    _, table = submit(run, competition, weights, tmp_path)
    assert table.reports[0].outcome == "scored" and len(table.reports) == 4
    assert all(report.outcome.endswith(" 0 s are left") for report in table.reports[1:])
    assert compiled == ["m0", "m1"]  # m1 while there seemed to be time for it, before m0 ran


def test_a_first_recording_that_comes_late_does_not_count_against_the_model(run, competition, tmp_path, monkeypatch):
    weights = write_weights(tmp_path / "weights", {"only": (small_model(1), 0.9)})
    predict = CompiledMember.predict

    def waiting(compiled, blocks, scores, **options):
        for number, count in enumerate(predict(compiled, blocks, scores, **options)):
            run.now += 0.0 if number else 5.0
            yield count

    monkeypatch.setattr(CompiledMember, "predict", waiting)
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: 0.01)
    monkeypatch.setattr("birdlib.submission.windows.BLOCK", 3)
    run.set_limit(8 / 60, 0.0)
    _, table = submit(run, competition, weights, tmp_path)
    assert [report.outcome for report in table.reports] == ["scored"]


def test_a_model_that_the_manifest_knows_to_be_too_slow_is_not_even_compiled_where_time_is_short(
    run, competition, tmp_path, monkeypatch
):
    models = {"first": (small_model(1), 0.9), "slow": (small_model(2), 0.8), "third": (small_model(3), 0.7)}
    weights = write_weights(tmp_path / "weights", models)

    def edit(entry):
        entry["architecture"] = entry["name"]
        entry["seconds_per_window"] = 10.0 if entry["name"] == "slow" else 0.01

    change_manifest(weights, edit)
    monkeypatch.setattr("birdlib.submission.plan.seconds_per_window", lambda compiled: 0.01)
    monkeypatch.setattr("birdlib.submission.plan.MEASURING", 0.0)
    monkeypatch.setattr("birdlib.submission.scoring.UNUSED", 0.0)
    compiled = count_compiled(monkeypatch)
    run.set_limit(1.0, 0.0)
    _, table = submit(run, competition, weights, tmp_path)
    assert {report.name: report.outcome == "scored" for report in table.reports} == {
        "first": True,
        "slow": False,
        "third": True,
    }
    assert compiled == ["first", "third"]
