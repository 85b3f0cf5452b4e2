"""Every way in which Kaggle says no is one line and exit status 1, and nothing is published by halves."""

import json

import pytest

ME = "tester"
TRAIN = f"{ME}/pk-train"


def one_line(done):
    assert done.code == 1, done.err
    assert len(done.errors) == 1, done.err
    return done.errors[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"error": "Notebook source is not valid."}, "Kaggle refused it: Notebook source is not valid"),
        ({"invalidDatasetSources": [f"{ME}/some-extra"]}, f"without its dataset {ME}/some-extra; push or share"),
        ({"invalidCompetitionSources": ["birdclef-2023"]}, "without its competition birdclef-2023"),
        ({"invalidKernelSources": ["a/b"]}, "without its kernel a/b"),
        ({"invalidModelSources": ["a/b/c/d/1"]}, "without its model a/b/c/d/1"),
        ({"invalidTags": ["no such"]}, "without its tags no such"),
        ({"ref": "/code/tester/pk-train-2"}, "Kaggle saved it as code/tester/pk-train-2"),
    ],
)
def test_a_reply_that_says_no_in_a_200_is_an_error(command, kaggle_server, fields, words):
    kaggle_server.fault("SaveKernel", override=fields)
    assert words in one_line(command("--target", "train", "--push"))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refused the credentials (401"),
        (403, "not allowed (403"),
        (409, "in conflict with what is there (409"),
        (400, "Kaggle refused it (400: the server's words)"),
    ],
)
def test_a_refusal_that_does_not_pass_is_told_once(command, kaggle_server, status, words):
    kaggle_server.fault("SaveKernel", status=status, message="the server's words", times=None)
    line = one_line(command("--target", "train", "--push"))
    assert words in line and "the server's words" in line
    assert len(kaggle_server.calls_of("SaveKernel")) == 1


PASSING = {
    "429 with Retry-After": {"status": 429, "headers": {"Retry-After": "0"}},
    "429": {"status": 429},
    "500": {"status": 500},
    "503": {"status": 503},
    "cut before": {"cut": "before"},
    "cut after": {"cut": "after"},
    "502 although done": {"status": 502, "done": True},
}
LOST = ("cut after", "502 although done")


@pytest.mark.parametrize(
    ("endpoint", "fault"),
    [
        pytest.param(endpoint, fault, id=f"{endpoint}, {name}")
        for endpoint in ("SaveKernel", "CreateDataset", "GetDatasetStatus", "StartBlobUpload")
        for name, fault in PASSING.items()
        if endpoint != "CreateDataset" or name not in LOST
    ],
)
def test_what_passes_by_itself_is_tried_again_and_done_once(command, kaggle_server, endpoint, fault):
    kaggle_server.fault(endpoint, times=2 if fault.get("cut") != "after" and not fault.get("done") else 1, **fault)
    done = command("--target", "train", "--push")
    assert done.code == 0, done.err
    assert len(kaggle_server.kernels[TRAIN].versions) == 1
    assert len(kaggle_server.datasets[f"{ME}/some-extra"].versions) == 1
    assert set(kaggle_server.datasets[f"{ME}/some-extra"].versions[-1].files) == {"table.csv", "weights.bin"}


@pytest.mark.parametrize("name", LOST)
def test_a_dataset_whose_answer_was_lost_is_there_with_the_same_command_again(command, kaggle_server, name):
    kaggle_server.fault("CreateDataset", **PASSING[name])
    one_line(command("--target", "train", "--push"))
    assert command("--target", "train", "--push").code == 0
    assert set(kaggle_server.datasets[f"{ME}/some-extra"].versions[-1].files) == {"table.csv", "weights.bin"}
    assert len(kaggle_server.kernels[TRAIN].versions) == 1


def test_a_server_that_stays_broken_is_given_up(command, kaggle_server):
    kaggle_server.fault("SaveKernel", status=503, times=None)
    assert "503" in one_line(command("--target", "train", "--push"))


def test_a_wait_of_hours_is_not_waited_for(command, kaggle_server):
    kaggle_server.fault("SaveKernel", status=429, headers={"Retry-After": "7200"})
    assert "too many requests (429" in one_line(command("--target", "train", "--push"))
    assert len(kaggle_server.calls_of("SaveKernel")) == 1


def test_an_upload_that_breaks_off_goes_on(command, kaggle_server):
    kaggle_server.fault("PutBlob", cut_at=1000, when=lambda body: len(body) > 2000 if isinstance(body, bytes) else True)
    assert command("--target", "some-extra", "--push").code == 0
    files = kaggle_server.datasets[f"{ME}/some-extra"].versions[-1].files
    assert files["weights.bin"] == b"\x00\x01" * 3000


def test_a_dataset_without_one_of_its_files_is_never_made(command, kaggle_server):
    kaggle_server.fault("PutBlob", status=403, times=None)
    line = one_line(command("--target", "train", "--push"))
    assert "uploading table.csv: Kaggle did not take it (403)" in line and "no version was made" in line
    assert not kaggle_server.datasets and not kaggle_server.kernels


def test_an_upload_that_was_refused_is_sent_whole_by_the_next_call(command, kaggle_server):
    kaggle_server.fault("PutBlob", status=403)
    assert command("--target", "some-extra", "--push").code == 1
    assert command("--target", "some-extra", "--push").code == 0
    assert set(kaggle_server.datasets[f"{ME}/some-extra"].versions[-1].files) == {"table.csv", "weights.bin"}


def test_a_dataset_that_kaggle_cannot_process_stops_before_the_kernel(command, kaggle_server):
    kaggle_server.script_dataset(f"{ME}/some-extra", status="FAILED", polls=2)
    line = one_line(command("--target", "train", "--push"))
    assert "could not process it (FAILED)" in line
    assert not kaggle_server.kernels
    done = command("--target", "train", "--push")
    assert done.code == 0, done.err
    assert kaggle_server.kernels[TRAIN].versions[-1].attached[f"{ME}/some-extra"] == 2


def test_a_dataset_that_stays_unready_stops_before_the_kernel_and_is_not_sent_again(
    command, kaggle_server, monkeypatch
):
    from kernelgen.publishing import datasets

    monkeypatch.setattr(datasets, "READY_LIMIT_SECONDS", 0.2)
    kaggle_server.script_dataset(f"{ME}/some-extra", polls=100)
    assert "is not ready after" in one_line(command("--target", "train", "--push"))
    assert "is not ready after" in one_line(command("--target", "train", "--push"))
    assert not kaggle_server.kernels and len(kaggle_server.datasets[f"{ME}/some-extra"].versions) == 1


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_folder_that_cannot_be_packed_as_it_is_is_one_line(command, kaggle_server, project, kind):
    import os

    root = project / "datasets/some-extra"
    (root / "dataset.toml").write_text((root / "dataset.toml").read_text() + f'folders = "{kind}"\n')
    (root / "fold0").mkdir()
    (root / "fold0/model.bin").write_bytes(b"m")
    os.utime(root / "fold0/model.bin", (0, 0))
    if kind == "tar":
        (root / "fold0/linked.bin").symlink_to("model.bin")
    words = {"zip": "fold0 cannot be read or packed", "tar": "fold0/linked.bin is a link that cannot be sent"}[kind]
    assert words in one_line(command("--target", "some-extra", "--push"))
    assert not kaggle_server.datasets


def test_a_refused_dataset_is_an_error(command, kaggle_server):
    kaggle_server.fault("CreateDataset", override={"status": "error", "error": "The title is taken"})
    assert "Kaggle refused it: The title is taken" in one_line(command("--target", "some-extra", "--push"))


def test_a_run_that_fails_is_told_with_its_log_and_its_cell(command, kaggle_server, papermill_failure, project):
    kaggle_server.script(
        TRAIN,
        status="ERROR",
        log=papermill_failure("ValueError", "no such file", cell=2, source="work(EXTRA)"),
        polls=2,
    )
    done = command("--target", "train", "--push", "--wait")
    line = one_line(done)
    assert "ended in ERROR" in line
    assert "ValueError: no such file" in done.err
    notebook = json.loads((project / "build/train/train.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert f"cell {notebook['cells'].index(code[1]) + 1} of {len(notebook['cells'])}" in line


def test_a_run_that_failed_is_pushed_again_and_one_that_runs_is_not(command, kaggle_server):
    kaggle_server.script(TRAIN, status="ERROR")
    assert command("--target", "train", "--push", "--wait").code == 1
    kaggle_server.run_polls = 5
    assert command("--target", "train", "--push").code == 0
    assert command("--target", "train", "--push").code == 0
    assert len(kaggle_server.kernels[TRAIN].versions) == 2


def test_more_runs_than_kaggle_allows_at_once_wait_for_each_other(command, kaggle_server, project):
    recipe = project / "kernel_templates/kernels.toml"
    recipe.write_text(
        recipe.read_text() + "".join(f'[kernels.more{n}]\nextends = "train"\ntitle = "pk more {n}"\n' for n in range(3))
    )
    kaggle_server.run_polls = 4
    names = "train,more0,more1,more2"
    done = command("--target", names, "--push", "--wait")
    assert done.code == 0, done.err
    assert "one of the others has ended" in done.err
    assert len(kaggle_server.kernels) == 4
    assert all(len(one.versions) == 1 for one in kaggle_server.kernels.values())


def test_without_wait_too_many_runs_are_refused_with_a_way_on(command, kaggle_server, project):
    kaggle_server.gpu_sessions, kaggle_server.run_polls = 0, 5
    assert "push it again later" in one_line(command("--target", "train", "--push"))


def test_an_answer_that_makes_no_sense_is_one_line(command, kaggle_server):
    kaggle_server.fault("SaveKernel", body=b"<html>", content_type="text/html", times=None)
    one_line(command("--target", "train", "--push"))


def test_a_kernel_that_was_pushed_without_a_source_is_pushed_again(command, kaggle_server):
    kaggle_server.fault("SaveKernel", override={"invalidDatasetSources": [f"{ME}/some-extra"]})
    assert command("--target", "train", "--push").code == 1
    assert command("--target", "train", "--push").code == 0
    assert len(kaggle_server.kernels[TRAIN].versions) == 2


def test_a_refusal_of_several_lines_is_one_line(command, kaggle_server):
    kaggle_server.fault("SaveKernel", override={"error": "first line\nsecond  line"})
    assert "first line second line" in one_line(command("--target", "train", "--push"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: (folder / "gone.bin").symlink_to("nowhere"), "gone.bin is a link that cannot be sent"),
        (lambda folder: (folder / "linked").symlink_to(folder.parent), "linked is a link that cannot be sent"),
    ],
)
def test_what_the_client_would_leave_out_in_silence_is_refused(command, kaggle_server, project, make, words):
    make(project / "datasets/some-extra")
    assert words in one_line(command("--target", "some-extra", "--push"))
    assert not kaggle_server.datasets


def test_hidden_files_of_a_zipped_folder_are_sent_too(command, kaggle_server, project):
    root = project / "datasets/some-extra"
    (root / "dataset.toml").write_text((root / "dataset.toml").read_text() + 'folders = "zip"\n')
    (root / "fold0/.cache").mkdir(parents=True)
    (root / "fold0/.cache/state").write_text("s")
    assert command("--target", "some-extra", "--push").code == 0
    assert "fold0/.cache/state" in kaggle_server.datasets[f"{ME}/some-extra"].versions[-1].mounted
    (root / "fold0.zip").write_bytes(b"z")
    assert "the folder fold0 becomes fold0.zip" in one_line(command("--target", "some-extra", "--push"))
