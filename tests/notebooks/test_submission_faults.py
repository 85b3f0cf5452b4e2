"""The submission broken on purpose: loud in the commit run, never empty-handed in the hidden rerun."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

pytestmark = pytest.mark.xdist_group("chain")


def soundscapes(competition):
    return sorted((competition / "test_soundscapes").glob("*.ogg"))


def cut_a_recording(submit):
    path = soundscapes(submit.competition)[0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path.name, "rows up to 30 s are asked for"


def empty_a_recording(submit):
    path = soundscapes(submit.competition)[0]
    path.write_bytes(b"")
    return path.name, "the file is empty (0 bytes)"


def text_as_a_recording(submit):
    path = soundscapes(submit.competition)[0]
    path.write_text("This is not a recording.\n" * 99)
    return path.name, "cannot be read as audio"


def lose_a_weight_file(submit):
    path = sorted(submit.weights.glob("*.bin"))[0]
    path.unlink()
    return path.name, "missing, though the manifest names it"


def flip_a_byte(submit):
    path = sorted(submit.weights.glob("*.bin"))[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    return path.name, "damaged"


def change_manifest(submit, edit):
    path = submit.weights / "manifest.json"
    manifest = json.loads(path.read_text())
    edit(manifest["models"])
    path.write_text(json.dumps(manifest))


def no_models(submit):
    (submit.weights / "manifest.json").write_text('{"schema": 1, "models": []}')
    return "manifest.json", "lists no model"


def foreign_classes(submit):
    def edit(models):
        models[0]["classes"] = [f"foreign{number}" for number in range(len(models[0]["classes"]))]

    change_manifest(submit, edit)
    return "foreign0", "none of its 6 classes"


FAULTS = [
    cut_a_recording,
    empty_a_recording,
    text_as_a_recording,
    lose_a_weight_file,
    flip_a_byte,
    no_models,
    foreign_classes,
]


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_in_the_commit_run_a_fault_stops_loudly_and_says_what_and_where(submit, spoil):
    name, reason = spoil(submit)
    done = submit()
    assert done.status == 1
    assert name in done.err and reason in done.err
    assert "__notebook__.ipynb" in done.err
    assert done.table.exists()  # the valid file was written before


def check_table(done, submit):
    sample = pd.read_csv(submit.competition / "sample_submission.csv")
    table = pd.read_csv(done.table)
    assert table.columns.tolist() == sample.columns.tolist()
    assert table["row_id"].tolist() == sample["row_id"].tolist()
    scores = table.set_index("row_id")
    assert (scores.dtypes == np.float64).all() and scores.notna().all().all()
    return scores


def test_in_the_hidden_rerun_all_faults_at_once_cost_only_what_they_spoil(submit, chain):
    broken = empty_a_recording(submit)[0].removesuffix(".ogg")
    lost = lose_a_weight_file(submit)[0]
    foreign_classes(submit)
    done = submit(rerun=True)
    assert done.status == 0, done.text
    scores = check_table(done, submit)
    own = scores.index.str.startswith(broken)
    assert own.sum() == 6 and (scores[own] == 0).all().all()
    assert (scores[~own] > 0).all().all() and scores[~own].nunique().min() > 1
    for said in (
        f"{broken}.ogg: the file is empty",
        f"{lost}: missing",
        "none of its 6 classes",
        "Dropped in this rerun",
    ):
        assert said in done.text


@pytest.mark.parametrize("rerun", [False, True], ids=["commit run", "hidden rerun"])
def test_settings_out_of_range_are_named_and_the_file_is_there_all_the_same(submit, rerun):
    done = submit(rerun=rerun, settings=["missing_score=2.0", "batch_size=-1", "cascade=1.0"])
    assert done.status == (0 if rerun else 1)
    for said in (
        "BATCH_SIZE = -1: expected 1 to 256",
        "CASCADE = 1.0: ",
        "MISSING_SCORE = 2.0: expected a probability",
    ):
        assert said in done.text
    assert check_table(done, submit).stack().between(0, 1).all()


def test_in_the_hidden_rerun_without_any_model_a_valid_file_remains(submit):
    for path in submit.weights.iterdir():
        path.unlink()
    done = submit(rerun=True)
    assert done.status == 0, done.text
    assert (check_table(done, submit) == 0).all().all()


def test_in_the_hidden_rerun_without_openvino_a_valid_file_remains(submit, tmp_path):
    (tmp_path / "empty").mkdir()
    done = submit("--input", f"wheels={tmp_path / 'empty'}", rerun=True)
    assert done.status == 0, done.text
    assert (check_table(done, submit) == 0).all().all()


def test_a_stereo_recording_at_another_rate_is_no_fault(submit, chain):
    path = soundscapes(submit.competition)[0]
    import soxr

    wave, rate = soundfile.read(path, dtype="float32")
    other = soxr.resample(wave, rate, 44100)
    with soundfile.SoundFile(path, "w", 44100, 2) as file:
        for start in range(0, len(other), 44100):
            file.write(np.stack([other[start : start + 44100]] * 2, axis=1))
    done = submit()
    assert done.status == 0, done.text
    before = pd.read_csv(chain.out / "demo-untrained-submission" / "run" / "submission.csv").set_index("row_id")
    scores = check_table(done, submit)
    own = scores.index.str.startswith(path.stem)
    np.testing.assert_array_equal(scores[~own], before[~own])
    assert np.abs(scores[own] - before[own]).to_numpy().max() < 0.2


@pytest.mark.parametrize("rerun", [False, True], ids=["commit run", "hidden rerun"])
def test_a_model_that_the_recipe_names_and_nobody_exported_is_told(submit, rerun):
    done = submit(rerun=rerun, settings=['models=["test_resnet-untrained*", "absent", "*"]'])
    assert done.status == (0 if rerun else 1)
    assert "MODELS: 'absent' means no model of " in done.text
    if rerun:
        assert (check_table(done, submit) > 0).all().all()
        assert "The plan: 3 of 3 models" in done.text


@pytest.mark.parametrize("rerun", [False, True], ids=["commit run", "hidden rerun"])
def test_a_tight_time_limit_drops_models_and_keeps_the_file(submit, rerun):
    done = submit(rerun=rerun, settings=["time_limit_minutes=0.2", "time_margin=0.0"])
    # How many models fit into 12 s is the machine's affair; a slow one meets the limit of the run itself.
    if "time limit" not in done.err:
        assert check_table(done, submit) is not None
        assert rerun or done.status == 0 or "no model scored any window" in done.text


@pytest.mark.parametrize("keep_folder", [True, False], ids=["empty folder", "no folder"])
def test_without_test_files_the_commit_run_rehearses_on_other_audio(submit, keep_folder):
    for path in soundscapes(submit.competition):
        path.unlink()
    if not keep_folder:
        (submit.competition / "test_soundscapes").rmdir()
    done = submit()
    assert done.status == 0, done.text
    assert "this is a dry run on other audio" in done.text
    assert "hidden test set (24,000 windows) would take these" in done.text
    assert (check_table(done, submit) == 0).all().all()
    rehearsed = pd.read_csv(submit.folder / "dry_run.csv")
    assert len(rehearsed) >= 5 and rehearsed.drop(columns="row_id").nunique().min() > 1


def test_a_placeholder_sample_gets_rows_from_the_recordings(submit):
    sample = pd.read_csv(submit.competition / "sample_submission.csv")
    sample["row_id"] = [f"soundscape_1_{5 * (row + 1)}" for row in range(len(sample))]
    sample.head(3).to_csv(submit.competition / "sample_submission.csv", index=False)
    done = submit(rerun=True)
    assert done.status == 0, done.text
    stems = [path.stem for path in soundscapes(submit.competition)]
    expected = [f"{stem}_{end}" for stem in stems for end in range(5, 31, 5)]
    assert pd.read_csv(done.table)["row_id"].tolist() == expected
