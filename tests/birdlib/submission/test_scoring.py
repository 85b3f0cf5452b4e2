"""Scoring: the numbers torch gives, the strongest first, and never past the clock."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from birdlib.audio.recordings import read_windows
from birdlib.blends.mean import Mean
from birdlib.competition.editions import edition
from birdlib.competition.forms import check_submission
from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.table import read_table
from birdlib.ensemble.members import CompiledMember, load_members, unknown_classes
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import MelSpectrogram
from birdlib.scores.pipeline import Scoring
from birdlib.scores.score_table import ScoreTable
from birdlib.submission.ensemble_table import EnsembleTable
from birdlib.submission.plan import Plan
from birdlib.submission.preparation import prepare
from birdlib.submission.scoring import ScoringLoop
from birdlib.submission.windows import Windows
from birdlib.weights.manifest import sha256

from .conftest import CLASSES, COARSE, FRONT_END, small_model, write_weights


def stop(error):
    raise error


def submit(
    run, competition, weights, tmp_path, on_fault=stop, save=None, missing_score=0.0, scoring=None, batch_size=4
):
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    members = load_members(weights, task.plan.classes, on_fault)
    windows = Windows(task.soundscapes, [member.entry.front_end for member in members], tmp_path, on_fault)
    table = EnsembleTable(
        run,
        task.plan.row_ids,
        task.plan.classes,
        scoring=scoring,
        missing_score=missing_score,
        folder=tmp_path / "scores",
    )
    ScoringLoop(Plan(run, members, len(windows)), windows, table, save or task.save, "f32", batch_size).score()
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


def test_models_of_another_padding_are_left_out_by_name(run, competition, tmp_path):
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
    # Other windows are heard by themselves; another padding would be heard as the model did not learn it.
    assert [member.name for member in members] == ["usual", "same", "long"]
    (other,) = map(str, faults)
    assert other == "other: learnt zeros padding, the ensemble cyclic; submit them apart"


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


def test_a_model_that_gives_nan_is_a_fault_and_not_a_hole_in_the_table(run, competition, tmp_path):
    weights = write_weights(tmp_path / "weights", {"good": (broken_model(), 0.5)})
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


def test_models_of_other_windows_and_sample_rates_are_members_of_one_ensemble(run, competition, tmp_path):
    front_ends = {
        "usual": FRONT_END,
        "long": replace(FRONT_END, window_seconds=10),
        "slow": replace(FRONT_END, sample_rate=16000, hop_length=512, n_fft=512, f_max=7000),
    }
    models, entries = {name: small_model(seed) for seed, name in enumerate(front_ends)}, []
    for name, front_end in front_ends.items():
        write_weights(tmp_path / "weights", {name: (models[name], 0.5)}, front_end=front_end)
        entries += json.loads((tmp_path / "weights" / "manifest.json").read_text())["models"]
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps({"schema": 1, "models": entries}))
    task, _ = submit(run, competition, tmp_path / "weights", tmp_path)
    expected = np.zeros((len(task.plan.row_ids), len(CLASSES)))
    for name, front_end in front_ends.items():
        for soundscape in task.soundscapes:
            waves, _ = read_windows(
                soundscape.path,
                soundscape.ends,
                window_seconds=front_end.window_seconds,
                row_seconds=5,
                sample_rate=front_end.sample_rate,
                padding="cyclic",
            )
            with torch.no_grad():
                heard = models[name](MelSpectrogram(front_end)(torch.from_numpy(waves))).sigmoid().numpy()
            expected[soundscape.rows] += heard / len(front_ends)
    written = pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)]
    np.testing.assert_allclose(written, expected, atol=1e-4)


def broken_model():
    model = small_model(1)
    with torch.no_grad():
        model[-1].bias[2] = float("nan")
    return model


def test_where_only_a_broken_model_is_at_hand_the_default_stays_and_it_is_said(run, competition, tmp_path):
    weights = write_weights(tmp_path / "weights", {"broken": (broken_model(), 0.5)})
    run.rerun = True
    _, table = submit(run, competition, weights, tmp_path, missing_score=0.25)
    assert [report.outcome for report in table.reports] == ["failed"] and not table.tables
    assert (table.scores() == 0.25).all()
    assert "no model scored any window" in run.faults[-1]


def test_no_model_at_all_stops_the_commit_run(run, competition, tmp_path):
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    table = EnsembleTable(run, task.plan.row_ids, task.plan.classes, folder=tmp_path)
    windows = Windows(task.soundscapes, [], tmp_path, stop)
    with pytest.raises(BirdlibError, match="no model scored any window"):
        ScoringLoop(Plan(run, [], len(windows)), windows, table, task.save, "f32").score()


def test_each_models_logits_are_kept_whether_or_not_the_table_can_be_written(run, competition, tmp_path):
    models = {"strong": (small_model(2), 0.9), "weak": (small_model(1), 0.1)}
    weights = write_weights(tmp_path / "weights", models)
    task, table = submit(run, competition, weights, tmp_path)
    assert sorted(path.name for path in (tmp_path / "scores").iterdir()) == ["strong.npz", "weak.npz"]
    stored = ScoreTable.load(tmp_path / "scores" / "weak.npz")
    assert stored.row_ids == task.plan.row_ids and stored.classes == CLASSES
    np.testing.assert_allclose(stored.probabilities(), expected_scores(task, [models["weak"][0]]), atol=1e-4)
    again = [ScoreTable.load(tmp_path / "scores" / f"{name}.npz") for name in models]
    np.testing.assert_array_equal(Scoring(Mean(), {}, ())(again[::-1], CLASSES), table.scores())


def test_a_score_table_that_cannot_be_kept_costs_nothing_in_the_hidden_rerun(run, competition, tmp_path):
    models = {"strong": (small_model(2), 0.9), "weak": (small_model(1), 0.1)}
    weights = write_weights(tmp_path / "weights", models)
    (tmp_path / "scores").write_text("a file where the folder should be")
    with pytest.raises(BirdlibError, match="strong.npz: cannot be written"):
        submit(run, competition, weights, tmp_path)
    run.rerun = True
    task, table = submit(run, competition, weights, tmp_path)
    assert [report.outcome for report in table.reports] == ["scored"] * 2 and len(run.faults) == 2
    np.testing.assert_allclose(
        table.scores(), expected_scores(task, [model for model, _ in models.values()]), atol=1e-4
    )


def test_a_step_that_fails_costs_itself_in_the_hidden_rerun_and_stops_the_commit_run(run, competition, tmp_path):
    model = small_model(1)
    weights = write_weights(tmp_path / "weights", {"m": (model, 0.5)})

    def broken(probabilities, layout, taxa):
        raise ZeroDivisionError("a step that nobody tested")

    scoring = Scoring(Mean(), {}, (broken,))
    with pytest.raises(ZeroDivisionError):
        submit(run, competition, weights, tmp_path, scoring=scoring)
    run.rerun = True
    task, table = submit(run, competition, weights, tmp_path, scoring=scoring)
    assert run.faults == ["Blend and post-process: ZeroDivisionError: a step that nobody tested"]
    np.testing.assert_allclose(table.scores(), expected_scores(task, [model]), atol=1e-4)


@pytest.mark.parametrize("taken", ["early", "late"])
def test_a_model_that_fails_at_any_time_leaves_no_trace(run, competition, tmp_path, monkeypatch, taken):
    models = {"strong": (small_model(2), 0.9), "failing": (small_model(1), 0.5), "weak": (small_model(3), 0.1)}
    weights = write_weights(tmp_path / "weights", models)
    predict = CompiledMember.predict

    def failing(compiled, blocks, logits):
        for number, count in enumerate(predict(compiled, blocks, logits)):
            if compiled.member.name == "failing" and number == {"early": 0, "late": 4}[taken]:
                raise RuntimeError("[CPU] out of memory")
            yield count

    monkeypatch.setattr(CompiledMember, "predict", failing)
    run.rerun = True
    task, table = submit(run, competition, weights, tmp_path)
    assert [report.outcome for report in table.reports] == ["scored", "failed", "scored"]
    assert sorted(path.name for path in (tmp_path / "scores").iterdir()) == ["strong.npz", "weak.npz"]
    expected = expected_scores(task, [models["strong"][0], models["weak"][0]])
    np.testing.assert_allclose(pd.read_csv(tmp_path / "submission.csv")[list(CLASSES)], expected, atol=1e-4)
