"""--push does what a careful Kaggler does by hand, against a Kaggle on this machine and by the real client."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ME = "tester"


def test_what_a_kernel_needs_goes_first_and_is_waited_for(command, kaggle_server):
    kaggle_server.ready_after_polls = 3
    done = command("--target", "train", "--push")
    assert done.code == 0, done.err
    dataset = kaggle_server.datasets[f"{ME}/some-extra"].versions[-1]
    assert set(dataset.files) == {"table.csv", "weights.bin"}
    version = kaggle_server.kernels[f"{ME}/pk-train"].versions[-1]
    assert version.attached == {f"{ME}/some-extra": 1, "birdclef-2023": None}
    order = [call.endpoint for call in kaggle_server.calls]
    assert order.index("CreateDataset") < order.index("SaveKernel")
    statuses = [call.reply["status"] for call in kaggle_server.calls_of("GetDatasetStatus") if call.status == 200]
    assert statuses[-1] == "READY" and len(statuses) > 2


def test_the_kernel_on_kaggle_is_byte_for_byte_the_one_that_was_built(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    version = kaggle_server.kernels[f"{ME}/pk-train"].versions[-1]
    built = project / "build" / "train"
    assert version.text.encode() == (built / "train.ipynb").read_bytes()
    metadata = json.loads((built / "kernel-metadata.json").read_text())
    request = version.request
    assert request["machineShape"] == metadata["machine_shape"] == "NvidiaTeslaT4"
    assert (request["enableGpu"], request["enableInternet"], request["isPrivate"]) == (True, False, True)
    assert request["datasetDataSources"] == [f"{ME}/some-extra"]


def test_nothing_is_sent_twice(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    again = command("--target", "train", "--push")
    assert again.code == 0
    assert "unchanged, version 1" in again.err
    assert len(kaggle_server.calls_of("SaveKernel")) == len(kaggle_server.calls_of("CreateDataset")) == 1
    assert not kaggle_server.calls_of("CreateDatasetVersion")


def test_a_changed_file_makes_a_new_version_with_all_files_and_runs_the_kernel_again(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    (project / "datasets/some-extra/table.csv").write_text("a,b\n1,3\n")
    assert command("--target", "train", "--push").code == 0
    versions = kaggle_server.datasets[f"{ME}/some-extra"].versions
    assert [set(version.files) for version in versions] == [{"table.csv", "weights.bin"}] * 2
    assert versions[-1].files["table.csv"] == b"a,b\n1,3\n"
    assert versions[-1].notes == "commit abc123"
    kernel = kaggle_server.kernels[f"{ME}/pk-train"]
    assert [version.attached[f"{ME}/some-extra"] for version in kernel.versions] == [1, 2]


def test_a_version_of_another_machine_is_not_taken_for_ours(command, kaggle_server):
    assert command("--target", "some-extra", "--push").code == 0
    kaggle_server.add_dataset(f"{ME}/some-extra", {"other.csv": b"x"})
    assert command("--target", "some-extra", "--push").code == 0
    versions = kaggle_server.datasets[f"{ME}/some-extra"].versions
    assert len(versions) == 3 and set(versions[-1].files) == {"table.csv", "weights.bin"}


def test_the_kernel_gets_the_version_just_made_however_late_it_becomes_ready(command, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    (project / "datasets/some-extra/table.csv").write_text("a,b\n5,5\n")
    kaggle_server.ready_after_polls, kaggle_server.status_lag = 4, 3
    assert command("--target", "train", "--push").code == 0
    assert kaggle_server.kernels[f"{ME}/pk-train"].versions[-1].attached[f"{ME}/some-extra"] == 2


def test_folders_are_sent_only_by_intent(command, kaggle_server, project):
    folder = project / "datasets/some-extra/fold0"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    done = command("--target", "some-extra", "--push")
    assert done.code == 1 and len(done.errors) == 1
    assert "fold0" in done.errors[0] and 'folders = "zip"' in done.errors[0]
    assert not kaggle_server.datasets
    description = project / "datasets/some-extra/dataset.toml"
    description.write_text(description.read_text() + 'folders = "zip"\n')
    assert command("--target", "some-extra", "--push").code == 0
    version = kaggle_server.datasets[f"{ME}/some-extra"].versions[-1]
    assert set(version.files) == {"table.csv", "weights.bin", "fold0.zip"}
    assert version.mounted["fold0/model.bin"] == b"weights"


def test_without_wait_what_feeds_on_a_running_kernel_is_left_for_the_same_command(command, kaggle_server):
    kaggle_server.run_polls = 2
    asked = ("--target", "train,export,submission", "--push")
    done = command(*asked)
    assert done.code == 1
    assert set(kaggle_server.kernels) == {f"{ME}/pk-train"}
    assert "python build_kernels.py --target train,export,submission --push" in done.err
    for _ in range(12):
        if (done := command(*asked)).code == 0:
            break
    assert done.code == 0
    assert {name: len(one.versions) for name, one in kaggle_server.kernels.items()} == {
        f"{ME}/pk-train": 1,
        f"{ME}/pk-export": 1,
        f"{ME}/pk-submission": 1,
    }


def test_with_wait_each_kernel_follows_those_that_it_feeds_on(command, kaggle_server):
    kaggle_server.run_polls = 3
    done = command("--target", "train,export,submission", "--push", "--wait")
    assert done.code == 0, done.err
    assert kaggle_server.kernels[f"{ME}/pk-export"].versions[-1].attached == {f"{ME}/pk-train": 1}
    assert kaggle_server.kernels[f"{ME}/pk-submission"].versions[-1].attached[f"{ME}/pk-export"] == 1
    assert done.err.count("COMPLETE") >= 3


def test_a_kernel_whose_needs_are_not_on_kaggle_says_what_to_add(command, kaggle_server):
    done = command("--target", "export", "--push")
    assert done.code == 1
    assert done.errors == [
        "kernel tester/pk-export: feeds on kernel tester/pk-train, which is not on Kaggle; add train to --target"
    ]
    assert not kaggle_server.kernels


def test_dry_run_prints_what_would_be_sent_and_asks_nobody(command, kaggle_server, project):
    done = command("--target", "train", "--push", "--dry-run", "--owner", "somebody")
    assert done.code == 0
    assert not kaggle_server.calls
    for text in ("kernel somebody/pk-train", "dataset somebody/some-extra", "table.csv", "NvidiaTeslaT4"):
        assert text in done.out
    import hashlib

    for path in (project / "datasets/some-extra/weights.bin", project / "build/train/train.ipynb"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in done.out


def test_a_dry_run_needs_neither_linux_nor_the_client(project):
    blocked = "fcntl ctypes resource pwd grp kaggle kagglesdk requests tenacity filelock".split()
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked})); import build_kernels; "
        f"sys.exit(build_kernels.main(['--target', 'train', '--push', '--dry-run', '--owner', 'somebody', "
        f"'--commit', 'abc', '--project', {str(project)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "kernel somebody/pk-train" in done.stdout


def test_kaggles_own_command_sends_the_same(command, kaggle, kaggle_server, project):
    assert command("--target", "train", "--push").code == 0
    done = kaggle("kernels", "push", "-p", project / "build/train")
    assert "successfully pushed" in done.stdout, done.stdout + done.stderr
    ours, theirs = kaggle_server.kernels[f"{ME}/pk-train"].versions
    assert ours.request == theirs.request


def test_a_build_in_another_terminal_does_not_change_what_is_pushed(command, kaggle_server, project):
    path = project / "build/export/export.ipynb"

    def build_another(ref, version):
        if ref == f"{ME}/pk-train":
            path.write_text(path.read_text().replace("CHECKPOINTS", "OTHER"))
        return {}

    kaggle_server.on_run = build_another
    assert command("--target", "train,export", "--push", "--wait").code == 0
    assert "OTHER" in path.read_text()
    assert "OTHER" not in kaggle_server.kernels[f"{ME}/pk-export"].versions[-1].text


def test_a_retried_push_is_not_run_twice(command, kaggle_server):
    kaggle_server.fault("SaveKernel", cut="after")
    assert command("--target", "train", "--push").code == 0
    assert len(kaggle_server.kernels[f"{ME}/pk-train"].versions) == 1
    kaggle_server.fault("SaveKernel", cut="before")
    assert command("--target", "train", "--push", "--force").code == 0
    assert len(kaggle_server.kernels[f"{ME}/pk-train"].versions) == 2


def test_a_version_of_somebody_elses_dataset_is_attached(command, kaggle_server, project):
    kaggle_server.add_dataset("someone/public", {"a.csv": b"1"})
    recipe = project / "kernel_templates/kernels.toml"
    recipe.write_text(recipe.read_text().replace("dataset:some-extra", "dataset:someone/public/1"))
    done = command("--target", "train", "--push")
    assert done.code == 0, done.err
    (version,) = kaggle_server.kernels[f"{ME}/pk-train"].versions
    assert version.request["datasetDataSources"] == ["someone/public/1"]
