"""A chain of runs is its own: other commands neither change what it runs nor what it feeds on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernelgen.chaining.finished import newest_output, run_folder
from kernelgen.chaining.inputs import Chain, check_mounts, fill_datasets
from kernelgen.datasets import filling
from kernelgen.datasets.filling import fill, is_filled
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project
from kernelgen.running.environment import find_environment

COMMAND = Path(__file__).parents[3] / "build_kernels.py"
RECIPE = """
library = "pk"
mounts = "pk.sources"
[kernels.first]
template = "first"
settings = { secret = "/nowhere" }
[kernels.second]
template = "second"
settings = { epochs = 40 }
sources = { f = "kernel:first" }
"""
WAIT = """
open("ready", "w").close()
for _ in range(600):
    if os.path.exists("go"):
        break
    time.sleep(0.1)
"""
FIRST = f"""# %%
import os, time
open("weights.bin", "w").write("weights")
os.symlink("weights.bin", "best.bin")
os.symlink({{{{ secret | literal }}}}, "leak.bin")
{WAIT}"""
SECOND = f"""# %%
{{{{ library() }}}}

# %%
import os, time
from pk.sources import find
{WAIT}
folder = find({{{{ sources.f | literal }}}})
print("second ran with", {{{{ epochs | literal }}}}, sorted(path.name for path in folder.glob("*.bin")))
print("it reads", [path.read_text() for path in folder.glob("*.bin") if path.is_file()])
"""
SOURCES = '''"""Finds what is attached."""

import os
from pathlib import Path


def find(source):
    slug = source.partition(":")[2]
    return next(Path(os.environ.get("KAGGLE_INPUT_ROOT", "/kaggle/input")).rglob(slug))
'''
DATASET = 'title = "Some weights"\nlicense = "other"\n[output]\nkernel = "first"\nfiles = ["*.bin"]\n'


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 90
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """first, then second, while other commands build both and try to run the first again."""
    try:
        find_environment()
    except KernelgenError as error:
        pytest.skip(f"no environment for runs: {error}")
    place = tmp_path_factory.mktemp("chain")
    secret = place / "secret.txt"
    secret.write_text("TOP SECRET of the host")
    files = {
        "kernel_templates/kernels.toml": RECIPE,
        "kernel_templates/first.py.j2": FIRST,
        "kernel_templates/second.py.j2": SECOND,
        "pk/__init__.py": "",
        "pk/sources.py": SOURCES,
        "datasets/some-weights/dataset.toml": DATASET,
    }
    for name, text in files.items():
        (place / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "project" / name).write_text(text)
    command = [sys.executable, str(COMMAND), "--project", str(place / "project"), "--owner", "ann", "--out"]
    command += [str(place / "out"), "--set", f"secret={secret}"]

    def call(*arguments):
        return subprocess.run([*command, *arguments], capture_output=True, text=True)

    running = subprocess.Popen(
        [*command, "--target", "first,second", "--run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(place / "out/first/run/ready")
        built = call("--target", "first,second", "--set", "epochs=1")
        (place / "out/first/run/go").touch()
        wait_for(place / "out/second/run/ready")
        again = call("--target", "first", "--run")
        (place / "out/second/run/go").touch()
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    return {"code": running.returncode, "out": out, "err": err, "built": built, "again": again, "place": place}


def test_it_runs_what_it_built_whatever_is_built_meanwhile(chain):
    assert chain["code"] == 0, chain["err"]
    assert chain["built"].returncode == 0
    assert "second ran with 40" in chain["out"]
    notebook = chain["place"] / "out/second/second.ipynb"
    assert 'ran with\\", 1,' in notebook.read_text()


def test_no_other_run_replaces_the_output_that_it_feeds_on(chain):
    assert chain["again"].returncode == 1
    assert "another run is writing to it or reads it; wait for its end" in chain["again"].stderr
    out = chain["place"] / "out"
    assert newest_output(out, "first") == run_folder(out, "first")


def test_links_out_of_an_output_lead_neither_the_next_kernel_nor_a_dataset_to_the_host(chain):
    assert "['best.bin', 'weights.bin']" in chain["out"] and "TOP SECRET" not in chain["out"]
    assert "links out of its output were removed: leak.bin" in chain["err"]
    project = load_project(chain["place"] / "project")
    run = chain["place"] / "out/first/run"
    (run / "later.bin").symlink_to(chain["place"] / "secret.txt")  # as in the output of a run that was killed
    try:
        dataset = project.datasets["some-weights"]
        fill(dataset, "ann", output_of=lambda kernel: run)
    finally:
        (run / "later.bin").unlink()
    assert {path.name: path.read_text() for path in dataset.payload()} == {
        "best.bin": "weights",
        "weights.bin": "weights",
    }
    assert not any(path.is_symlink() for path in dataset.payload())


def test_a_dataset_folder_that_is_a_link_is_not_filled(chain, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    (tmp_path / "mine" / "dataset.toml").write_text(DATASET)
    link = chain["place"] / "project/datasets/other-weights"
    link.symlink_to(tmp_path / "mine")
    try:
        dataset = load_project(chain["place"] / "project").datasets["other-weights"]
        with pytest.raises(KernelgenError, match="is a link to .*; filling would remove what lies there"):
            fill(dataset, "ann", output_of=lambda kernel: chain["place"] / "out/first/run")
    finally:
        link.unlink()
    assert sorted(os.listdir(tmp_path / "mine")) == ["dataset.toml", "thesis.tex"]


@pytest.mark.parametrize("given", [False, True])
def test_datasets_that_can_be_fetched_are_fetched_before_the_first_run(
    write_project, tmp_path, monkeypatch, given, messages
):
    recipe = 'library = "pk"\n[kernels.case]\ntemplate = "case"\nsources = { w = "dataset:my-weights" }\n'
    description = (
        'title = "My weights"\nlicense = "other"\n[[downloads]]\nfile = "a.bin"\nurl = "https://x.org/a.bin"\n'
    )
    files = {"datasets/my-weights/dataset.toml": description}
    project = load_project(write_project(recipe, "W = {{ sources.w | literal }}\n", files))
    kernels, inputs = [project.kernels["case"]], {"my-weights": tmp_path} if given else {}

    def download(dataset):
        (dataset.folder / "a.bin").write_text("a")
        return dataset.payload()

    monkeypatch.setattr(filling, "fill_downloads", download)
    chain = Chain(project, kernels, tmp_path / "out", inputs)
    check_mounts(chain)
    assert not is_filled(project.datasets["my-weights"])
    fill_datasets(chain)
    assert is_filled(project.datasets["my-weights"]) is not given
    assert messages == ([] if given else ["note: dataset my-weights is not filled; fetching it"])
