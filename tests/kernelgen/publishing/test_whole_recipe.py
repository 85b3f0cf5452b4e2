"""The whole recipe goes to Kaggle and back: datasets, wheels, training, distilling, export, submission."""

import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ME = "tester"
WHEELS = ROOT / "datasets/openvino-wheels"
KERNELS = ["mini-prepare", "mini-train", "mini-distill", "mini-distill-time", "mini-export", "mini-submission"]


@pytest.fixture
def project(tmp_path):
    """A copy of this project, its wheels without their weight: what matters is that they are sent."""
    from kernelgen.datasets.filling import is_filled
    from kernelgen.recipe import load_project

    if not is_filled(load_project(ROOT).datasets["openvino-wheels"]):
        pytest.skip("datasets/openvino-wheels is not filled; build_kernels.py --target openvino-wheels needs a network")
    root = tmp_path / "project"
    root.mkdir()
    (root / "birdlib").symlink_to(ROOT / "birdlib")
    shutil.copytree(ROOT / "kernel_templates", root / "kernel_templates")
    shutil.copytree(WHEELS, root / "datasets/openvino-wheels", copy_function=_link)
    shutil.copytree(ROOT / "datasets/pretrained", root / "datasets/pretrained")
    shutil.copytree(ROOT / "datasets/soundscape-labels", root / "datasets/soundscape-labels")
    for folder in (ROOT / "datasets").iterdir():
        if not (root / "datasets" / folder.name).exists():
            (root / "datasets" / folder.name).mkdir()
            for name in ("dataset.toml", "requirements.txt"):
                if (folder / name).exists():
                    shutil.copy(folder / name, root / "datasets" / folder.name / name)
    return root


def _link(source, target):
    Path(target).symlink_to(source)
    return target


class Runs:
    """What the kernels leave; a training needs two sessions."""

    def __init__(self, server):
        self.server = server

    def __call__(self, ref, version):
        name = ref.split("/")[1].removeprefix("birdlib-")
        if name in ("mini-train", "mini-distill", "mini-distill-time"):
            goes_on = version.attached.get(ref) is not None
            return {f"{name}.last.pt": b"state", **({} if goes_on else {"unfinished.txt": b"1 of 2 done\n"})}
        if name == "mini-submission":
            return {"submission.csv": b"row_id\n", "cross_validation.json": b'{"score": 0.5, "name": "x"}'}
        return {"made-by.txt": name.encode()}


def test_the_whole_recipe_goes_to_kaggle_is_followed_fetched_and_submitted(command, kaggle_server, project):
    kaggle_server.on_run = Runs(kaggle_server)
    kaggle_server.ready_after_polls = 2
    kaggle_server.score = "0.81234"
    done = command("--target", ",".join(KERNELS), "--push", "--wait", "--resume", "--output", "--submit")
    assert done.code == 0, done.err
    wheels = kaggle_server.datasets[f"{ME}/openvino-wheels"]
    (version,) = wheels.versions
    sent = {path.name for path in WHEELS.glob("*.whl")}
    assert set(version.files) == sent and len(sent) >= 3
    sessions = {name: len(kaggle_server.kernels[f"{ME}/birdlib-{name}"].versions) for name in KERNELS}
    assert sessions == {
        "mini-prepare": 1,
        "mini-train": 2,
        "mini-distill": 2,
        "mini-distill-time": 2,
        "mini-export": 1,
        "mini-submission": 1,
    }
    for name in KERNELS:
        last = kaggle_server.kernels[f"{ME}/birdlib-{name}"].versions[-1]
        assert last.text.encode() == (project / f"build/{name}/{name}.ipynb").read_bytes()
        assert ME not in last.text
        assert (project / f"build/{name}/output").is_dir()
    export = kaggle_server.kernels[f"{ME}/birdlib-mini-export"].versions[-1]
    assert export.attached[f"{ME}/birdlib-mini-distill"] == export.attached[f"{ME}/birdlib-mini-distill-time"] == 2
    submission = kaggle_server.kernels[f"{ME}/birdlib-mini-submission"].versions[-1]
    assert submission.request["enableInternet"] is False and not submission.request.get("enableGpu")
    assert [one.kernel for one in kaggle_server.submissions] == [f"{ME}/birdlib-mini-submission"]
    assert "0.81234" in (project / "kernel_templates/leaderboard.csv").read_text()
    calls = len(kaggle_server.calls_of("SaveKernel"))
    assert command("--target", "mini-submission", "--push", "--wait").code == 0
    assert len(kaggle_server.calls_of("SaveKernel")) == calls


def test_kaggles_own_command_sends_the_same_notebook(command, kaggle, kaggle_server, project):
    names = "mini-prepare"
    assert command("--target", names, "--push").code == 0
    done = kaggle("kernels", "push", "-p", project / "build/mini-prepare")
    assert done.returncode == 0 and "successfully pushed" in done.stdout, done.stdout
    ours, theirs = kaggle_server.kernels[f"{ME}/birdlib-mini-prepare"].versions
    assert ours.text == theirs.text
    same = set(ours.request) & set(theirs.request) - {"text"}
    assert {key: ours.request[key] for key in same} == {key: theirs.request[key] for key in same}


def test_kaggles_own_command_makes_the_same_dataset(command, kaggle, kaggle_server, tmp_path, project):
    assert command("--target", "openvino-wheels").code == 0
    done = kaggle("datasets", "create", "-p", project / "datasets/openvino-wheels")
    assert "is being created" in done.stdout, done.stdout
    files = set(kaggle_server.datasets[f"{ME}/openvino-wheels"].versions[-1].files)
    assert {path.name for path in WHEELS.glob("*.whl")} <= files
    assert not {name for name in files if "sent.json" in name}


def test_training_kernels_ask_for_two_t4_and_submissions_for_a_cpu_without_internet():
    from kernelgen.building.metadata import kernel_metadata
    from kernelgen.recipe import load_project

    project = load_project(ROOT, owner=ME)
    for name, kernel in project.kernels.items():
        metadata = kernel_metadata(project, kernel)
        if kernel.template.name == "train.py.j2" and not name.startswith(("demo", "mini", "years-mini", "birdnet")):
            assert (metadata["enable_gpu"], metadata["machine_shape"]) == (True, "NvidiaTeslaT4"), name
        else:
            assert not metadata["enable_gpu"] and "machine_shape" not in metadata, name
        assert metadata["enable_internet"] is False
        assert json.dumps(metadata).count(ME) >= 1
