"""--wait follows runs, --output brings what they left, --resume goes on until the kernel is finished."""

import json

ME = "tester"
TRAIN, SUBMISSION = f"{ME}/pk-train", f"{ME}/pk-submission"


def test_all_pages_of_the_output_and_the_log_arrive(command, kaggle_server, project):
    files = {f"part{number:03}.bin": bytes([number]) * number for number in range(1, 46)} | {"folder/deep.txt": b"d"}
    kaggle_server.page_limit = 20
    kaggle_server.script(TRAIN, outputs=files, log="printed\n")
    assert command("--target", "train", "--push", "--wait", "--output").code == 0
    folder = project / "build/train/output"
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == {
        **files,
        "pk-train.log": (folder / "pk-train.log").read_bytes(),
    }
    assert "printed" in (folder / "pk-train.log").read_text()


def test_what_was_brought_feeds_the_next_run_here(command, kaggle_server, project):
    from kernelgen.chaining.inputs import Chain, mounts_for
    from kernelgen.recipe import load_project

    kaggle_server.script(TRAIN, outputs={"a.pt": b"weights"})
    assert command("--target", "train", "--push", "--wait").code == 0
    assert command("--target", "train", "--output").code == 0
    loaded = load_project(project)
    (mount,) = mounts_for(Chain(loaded, [], project / "build", {}), loaded.kernels["export"])
    assert (mount.folder / "a.pt").read_bytes() == b"weights"


def test_a_download_that_breaks_off_is_repeated_and_never_kept_in_part(command, kaggle_server, project):
    kaggle_server.script(TRAIN, outputs={"a.pt": b"w" * 5000})
    kaggle_server.fault("GetFile", cut_at=100)
    assert command("--target", "train", "--push", "--wait", "--output").code == 0
    assert (project / "build/train/output/a.pt").stat().st_size == 5000
    kaggle_server.fault("GetFile", status=404, times=None)
    assert command("--target", "train", "--output").code == 1
    assert (project / "build/train/output/a.pt").stat().st_size == 5000
    assert not (project / "build/train/output.partial").exists()


def test_a_file_outside_the_folder_is_not_written(command, kaggle_server, project):
    kaggle_server.script(TRAIN, outputs={"../../escaped.txt": b"x"})
    done = command("--target", "train", "--push", "--wait", "--output")
    assert done.code == 1 and "escaped.txt" in done.errors[0]
    assert not list(project.rglob("escaped.txt"))


def test_the_status_of_an_older_version_is_not_taken_for_the_new_one(command, kaggle_server, project):
    assert command("--target", "train", "--push", "--wait").code == 0
    (project / "pk/__init__.py").write_text("def work(extra):\n    return 2\n")
    kaggle_server.script(TRAIN, status="ERROR", polls=3)
    assert command("--target", "train", "--push", "--wait").code == 1


class Training:
    """A kernel that needs three sessions; each goes on from the output that is attached to it."""

    def __init__(self, server, sessions=3):
        self.server, self.sessions = server, sessions

    def __call__(self, ref, version):
        if ref != TRAIN:
            return {}
        done = 1
        if version.attached.get(TRAIN):
            earlier = self.server.kernels[TRAIN].versions[version.attached[TRAIN] - 1]
            done = int(earlier.outputs["state.txt"]) + 1
        left = {"unfinished.txt": f"{done} of {self.sessions} sessions\n".encode()} if done < self.sessions else {}
        return {"state.txt": str(done).encode(), **left}


def test_training_goes_on_in_session_after_session_until_it_is_finished(command, kaggle_server, project):
    kaggle_server.on_run = Training(kaggle_server)
    done = command("--target", "train", "--push", "--wait", "--resume", "--output")
    assert done.code == 0, done.err
    versions = kaggle_server.kernels[TRAIN].versions
    assert [version.attached.get(TRAIN) for version in versions] == [None, 1, 2]
    assert (project / "build/train/output/state.txt").read_text() == "3"
    finished = command("--target", "train", "--push", "--wait", "--resume")
    assert finished.code == 0 and "is finished" in finished.err
    assert len(versions) == 3


def test_without_wait_each_call_pushes_one_session(command, kaggle_server):
    kaggle_server.on_run = Training(kaggle_server)
    for expected in (1, 2, 3, 3):
        done = command("--target", "train", "--push", "--resume")
        assert done.code == 0, done.err
        command("--target", "train", "--wait")
        assert len(kaggle_server.kernels[TRAIN].versions) == expected


def test_a_training_that_gets_no_further_is_not_pushed_for_ever(command, kaggle_server):
    kaggle_server.on_run = lambda ref, version: {"unfinished.txt": b"1 of 3 sessions\n"}
    done = command("--target", "train", "--push", "--wait", "--resume")
    assert done.code == 1 and "got no further" in done.errors[0]
    assert len(kaggle_server.kernels[TRAIN].versions) == 2


def test_a_first_session_that_was_refused_starts_with_the_next_call(command, kaggle_server):
    kaggle_server.on_run = Training(kaggle_server, sessions=1)
    kaggle_server.fault("SaveKernel", override={"error": "Maximum batch GPU session count of 2 reached."})
    assert command("--target", "train", "--push", "--wait", "--resume").code == 1
    done = command("--target", "train", "--push", "--wait", "--resume")
    assert done.code == 0 and "starts anew" in done.err, done.err


def test_a_session_that_failed_ends_the_training_with_its_log(command, kaggle_server):
    kaggle_server.on_run = Training(kaggle_server)
    assert command("--target", "train", "--push", "--resume").code == 0
    assert command("--target", "train", "--wait").code == 0
    kaggle_server.on_run = None
    kaggle_server.script(TRAIN, status="ERROR", log="out of memory\n")
    done = command("--target", "train", "--push", "--wait", "--resume")
    assert done.code == 1 and "out of memory" in done.err


def test_the_attached_notebook_says_so_and_is_the_one_built(command, kaggle_server, project):
    kaggle_server.on_run = Training(kaggle_server)
    assert command("--target", "train", "--push", "--wait", "--resume").code == 0
    last = kaggle_server.kernels[TRAIN].versions[-1]
    assert last.request["kernelDataSources"] == [TRAIN]
    assert last.text.encode() == (project / "build/train/train.ipynb").read_bytes()
    assert "EARLIER = 'kernel:pk-train'" in str(json.loads(last.text)) or "kernel:pk-train" in last.text
