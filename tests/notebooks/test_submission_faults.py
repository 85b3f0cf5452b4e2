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


def foreign_classes(submit):
    def edit(models):
        models[0]["classes"] = [f"foreign{number}" for number in range(len(models[0]["classes"]))]

    change_manifest(submit, edit)
    return "foreign0", "none of its 6 classes"


FAULTS = [cut_a_recording, flip_a_byte, foreign_classes]  # one of each kind; the library's tests have the others


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_in_the_commit_run_a_fault_stops_loudly_and_says_what_and_where(submit, spoil):
    name, reason = spoil(submit)
    done = submit()
    assert done.status == 1
    assert name in done.err and reason in done.err
    assert "__notebook__.ipynb" in done.err
    assert done.table.exists()  # the valid file was written before


def read_csv(path):
    return pd.read_csv(path, keep_default_na=False, dtype={"row_id": str}, encoding="utf-8-sig")


def check_table(done, submit):
    sample = read_csv(submit.competition / "sample_submission.csv")
    table = read_csv(done.table)
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


def test_in_the_hidden_rerun_odd_rows_and_recordings_cost_nothing_but_themselves(submit, chain):
    """Row ids that name no window, recordings that overflow or claim to be endless: all others get their scores."""
    path = submit.competition / "sample_submission.csv"
    head, *lines = path.read_text().splitlines()
    zeros = ",0" * head.count(",")
    stem, other = (path.stem for path in soundscapes(submit.competition))
    bad = ["garbage", f"{stem}_-5", f"{stem}_{10**25}", "nowhere_5", "", f"{stem}_500"]
    same = {f"{stem}_5.0": f"{stem}_5", f" {stem}_10 ": f"{stem}_10", f"{other}_5": f"{other}_5"}  # the last one twice
    huge, endless = "huge", "endless"
    wave, rate = soundfile.read(soundscapes(submit.competition)[0], dtype="float32")
    soundfile.write(submit.competition / "test_soundscapes" / f"{huge}.wav", 1e30 * wave, rate, subtype="FLOAT")
    soundfile.write(submit.competition / "test_soundscapes" / f"{endless}.flac", wave, rate)
    claims = bytearray((submit.competition / "test_soundscapes" / f"{endless}.flac").read_bytes())
    claims[21:26] = bytes([claims[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF])  # 2^36 - 1 samples
    (submit.competition / "test_soundscapes" / f"{endless}.flac").write_bytes(claims)
    odd = [*bad, *same, *(f"{name}_{end}" for name in (huge, endless) for end in (5, 30))]
    path.write_text("\ufeff" + "\n".join([head, *lines, *(f'"{row_id}"{zeros}' for row_id in odd)]) + "\n")

    done = submit(rerun=True)
    assert done.status == 0, done.text
    scores = check_table(done, submit)
    before = pd.read_csv(chain.out / "demo-untrained-submission" / "run" / "submission.csv").set_index("row_id")
    np.testing.assert_allclose(scores.iloc[: len(before)], before, atol=1e-6)
    assert (scores.loc[bad] == 0).all().all() and (scores.filter(like=huge, axis=0) == 0).all().all()
    assert (scores.filter(like=endless, axis=0) > 0).all().all()
    for written, meant in same.items():
        np.testing.assert_allclose(scores.loc[[written]].iloc[-1], before.loc[meant], atol=1e-6)
    for said in ("4 row ids ('garbage', ", f"{huge}.wav: 2 windows give no finite mel", "1 row id (", "more than once"):
        assert said in done.text
    assert "NameError" not in done.text


def test_in_the_hidden_rerun_a_sample_that_cannot_be_understood_is_the_submission(submit):
    content = "row_id,a\nx_5,0.5\n".encode("utf-16")[:-1]
    (submit.competition / "sample_submission.csv").write_bytes(content)
    done = submit(rerun=True)
    assert done.status == 0, done.text
    assert done.table.read_bytes() == content
    assert done.text.count("not readable as a table") and "NameError" not in done.text


@pytest.mark.parametrize("rerun", [False, True], ids=["commit run", "hidden rerun"])
def test_without_a_sample_the_commit_run_stops_and_the_hidden_rerun_scores_the_recordings(submit, rerun):
    sample = submit.competition / "sample_submission.csv"
    wanted = read_csv(sample)
    sample.unlink()
    done = submit(rerun=rerun)
    assert done.status == (0 if rerun else 1)
    assert "sample_submission.csv is missing" in done.text
    table = read_csv(done.table)
    assert table.columns.tolist() == wanted.columns.tolist()
    if rerun:
        assert sorted(table["row_id"]) == sorted(wanted["row_id"])
        assert (table.drop(columns="row_id") > 0).all().all()


def test_settings_out_of_range_are_named_and_the_file_is_there_all_the_same(submit):
    done = submit(rerun=True, settings=["missing_score=2.0", "batch_size=0", "streams=-1"])
    assert done.status == 0
    for said in (
        "BATCH_SIZE = 0: expected 1 to 256",
        "STREAMS = -1: expected 1 to 256, or 0 for one on each core",
        "MISSING_SCORE = 2.0: expected a probability",
    ):
        assert said in done.text
    assert check_table(done, submit).stack().between(0, 1).all()


def test_the_time_limit_is_the_competitions(submit):
    done = submit(settings=["competition=birdclef-2023"])
    assert done.status == 0, done.text
    assert "fit into the limit of 120 less its margin of 5%" in done.text


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


def test_a_model_that_the_recipe_names_and_nobody_exported_is_told(submit):
    done = submit(rerun=True, settings=['models=["test_resnet-untrained*", "absent", "*"]'])
    assert done.status == 0
    assert "MODELS: 'absent' means no model of " in done.text
    assert (check_table(done, submit) > 0).all().all()
    assert "The plan: 4 of 4 models" in done.text


def test_a_tight_time_limit_drops_models_and_keeps_the_file(submit):
    done = submit(rerun=True, settings=["time_limit_minutes=0.2", "time_margin=0.0"])
    # How many models fit into 12 s is the machine's affair; a slow one meets the limit of the run itself.
    if "time limit" not in done.err:
        assert check_table(done, submit) is not None


def test_without_test_files_the_commit_run_rehearses_on_other_audio(submit):
    for path in soundscapes(submit.competition):
        path.unlink()
    (submit.competition / "test_soundscapes").rmdir()
    done = submit()
    assert done.status == 0, done.text
    assert "this is a dry run on other audio" in done.text
    assert "hidden test set (48 windows) would take these" in done.text
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
