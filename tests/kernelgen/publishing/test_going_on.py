"""A call that was killed, repeated, or made twice at once does nothing twice."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ME = "tester"
TRAIN, SUBMISSION = f"{ME}/pk-train", f"{ME}/pk-submission"


def record(project, kernel="train", owner=ME):
    return project / "build" / kernel / "pushed" / owner / "pushed.json"


def forget_the_answer(path):
    """The record as it is when a call is killed between its request and the answer."""
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"version": 0, "base": document["version"] - 1}))


def test_a_push_whose_call_was_killed_is_found_again(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    forget_the_answer(record(project))
    assert command("--target", "train", "--push").code == 0
    assert len(kaggle_server.kernels[TRAIN].versions) == 1
    assert json.loads(record(project).read_text())["version"] == 1


def test_a_push_that_was_killed_before_it_arrived_is_made(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    (project / "pk/__init__.py").write_text("def work(extra):\n    return 3\n")
    kaggle_server.fault("SaveKernel", cut="before", times=None)
    assert command("--target", "train", "--push").code == 1
    assert json.loads(record(project).read_text())["version"] == 0


def test_a_clone_knows_the_notebook_that_is_there(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    shutil.rmtree(project / "build")
    assert command("--target", "train", "--push").code == 0
    assert len(kaggle_server.kernels[TRAIN].versions) == 1


def test_a_damaged_record_is_no_record(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    for text in ("", "{", "[]", '{"identity": 3}', record(project).read_text().replace(TRAIN, "other/kernel")):
        record(project).write_text(text)
        assert command("--target", "train", "--push").code == 0
    assert len(kaggle_server.kernels[TRAIN].versions) == 1


def test_an_edit_on_kaggle_is_not_pushed_over(command, kaggle_server):
    assert command("--target", "train", "--push").code == 0

    def edit(notebook):
        notebook["cells"][-1]["source"] = "print('edited')"
        return notebook

    kaggle_server.edit_kernel(TRAIN, edit)
    done = command("--target", "train", "--push")
    assert (
        done.code == 1
        and "was edited on Kaggle (version 2); --diff shows how, --push --force pushes over it" in done.errors[0]
    )
    assert command("--target", "train", "--push", "--force").code == 0
    assert len(kaggle_server.kernels[TRAIN].versions) == 3


def test_the_same_notebook_run_again_on_kaggle_is_no_edit(command, kaggle_server):
    assert command("--target", "train", "--push").code == 0
    kaggle_server.edit_kernel(TRAIN, lambda notebook: notebook, sources="lists", ids="new")
    assert command("--target", "train", "--push").code == 0
    assert len(kaggle_server.kernels[TRAIN].versions) == 2


def test_several_owners_have_a_record_each(command, kaggle_server, project):
    kaggle_server.add_organisation("birds", {ME})
    for _ in range(2):
        for owner in (ME, "birds"):
            assert command("--target", "train", "--push", "--owner", owner).code == 0
    assert {name: len(one.versions) for name, one in kaggle_server.kernels.items()} == {TRAIN: 1, "birds/pk-train": 1}


def test_a_call_for_another_owner_does_not_turn_a_dataset_away(command, kaggle_server, project, monkeypatch):
    from kernelgen.publishing import publication

    metadata = project / "datasets/some-extra/dataset-metadata.json"
    upload = publication.dataset_upload

    def overtaken(dataset):
        wanted = upload(dataset)
        metadata.write_text(metadata.read_text().replace(ME, "birds"))
        return wanted

    kaggle_server.add_organisation("birds", {ME})
    monkeypatch.setattr(publication, "dataset_upload", overtaken)
    assert command("--target", "some-extra", "--push").code == 0
    assert list(kaggle_server.datasets) == [f"{ME}/some-extra"]


def test_two_calls_at_once_push_and_submit_once(kaggle_environment, kaggle_server, project):
    kaggle_server.run_polls = 2
    kaggle_server.script(SUBMISSION, outputs={"submission.csv": b"row_id\n"}, times=None)
    asked = ["--target", "train,export,submission", "--push", "--wait", "--submit", "--project", str(project)]
    command = [sys.executable, str(ROOT / "build_kernels.py"), *asked]
    calls = [
        subprocess.Popen(command, env=kaggle_environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120)[0] for one in calls]
    assert [one.returncode for one in calls] == [0, 0], said
    assert [len(one.versions) for one in kaggle_server.kernels.values()] == [1, 1, 1]
    assert len(kaggle_server.submissions) == 1
    assert [len(one.versions) for one in kaggle_server.datasets.values()] == [1]


def test_a_submission_is_known_by_kaggles_own_list(command, kaggle_server, project):
    kaggle_server.script(SUBMISSION, outputs={"submission.csv": b"row_id\n"}, times=None)
    assert command("--target", "train,export,submission", "--push", "--wait", "--submit").code == 0
    shutil.rmtree(project / "build")
    assert command("--target", "submission", "--submit").code == 0
    assert len(kaggle_server.submissions) == 1


def test_a_failed_session_can_be_gone_on_from_by_intent(command, kaggle_server):
    kaggle_server.script(TRAIN, outputs={"unfinished.txt": b"1 of 2\n"})
    assert command("--target", "train", "--push", "--wait").code == 0
    kaggle_server.script(TRAIN, status="ERROR")
    assert command("--target", "train", "--push", "--wait", "--resume").code == 1
    done = command("--target", "train", "--push", "--wait", "--resume")
    assert done.code == 1 and "--force goes on" in done.errors[0]
    assert len(kaggle_server.kernels[TRAIN].versions) == 2
    assert command("--target", "train", "--push", "--wait", "--resume", "--force").code == 0
    last = kaggle_server.kernels[TRAIN].versions[-1]
    assert last.number == 3 and last.attached[TRAIN] == 1
