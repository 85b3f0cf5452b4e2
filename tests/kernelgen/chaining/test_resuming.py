"""`--resume`: a run goes on from what earlier runs of its own left, and nothing of that is ever lost."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kernelgen.chaining import earlier as earlier_module
from kernelgen.chaining.earlier import going_on, prepare_earlier
from kernelgen.chaining.inputs import Chain
from kernelgen.chaining.running import run_chain
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project
from kernelgen.running.environment import find_environment
from kernelgen.running.run_folders import sole_use

COMMAND = Path(__file__).parents[3] / "build_kernels.py"
# Trains four members, one after another.
TRAIN = """# %%
{{ library() }}

# %%
import os, shutil, time
from pathlib import Path
from pk.sources import find

earlier = {{ sources.earlier | literal }}
if earlier:
    for path in find(earlier).glob("*.weights"):
        shutil.copy(path, path.name)
if {{ stop | literal }} == "refuse":
    raise ValueError("the checkpoint is of another training")
print("found", sorted(path.name for path in Path(".").glob("*.weights")))
for number in range(4):
    path = Path(f"{number}.weights")
    if not path.exists():
        path.write_text({{ word | literal }})
        print("trained", number, flush=True)
        if {{ stop | literal }} == "fail":
            raise RuntimeError("no memory")
        while {{ stop | literal }} == "hang":
            time.sleep(0.1)
"""
RECIPE = """
library = "pk"
mounts = "pk.sources"
[kernels.train]
template = "train"
settings = {word = "first", stop = ""}
sources = {earlier = "kernel:{self}"}
[kernels.use]
template = "use"
sources = {weights = "kernel:train"}
[kernels.pair]
extends = "train"
each = {word = ["a", "b"]}
"""
SOURCES = '''"""Finds what is attached."""

import os
from pathlib import Path


def find(source):
    slug = source.partition(":")[2]
    return next(Path(os.environ.get("KAGGLE_INPUT_ROOT", "/kaggle/input")).rglob(slug))
'''
FILES = {
    "kernel_templates/train.py.j2": TRAIN,
    "kernel_templates/use.py.j2": "W = {{ sources.weights | literal }}\n",
    "pk/sources.py": SOURCES,
}


@pytest.fixture
def root(write_project):
    return write_project(RECIPE, files=FILES)


@pytest.fixture
def train(root):
    return load_project(root).kernels["train"]


@pytest.fixture
def out(tmp_path):
    """OUT, with files of the train kernel: its last run's, and what that run was given."""
    write(tmp_path / "out/train/run", {"a.last": "new", "c.last": "new", "deep/x": "new", "__notebook__.ipynb": "{}"})
    write(tmp_path / "out/train/earlier", {"a.last": "old", "b.last": "old", "deep/x": "old", "deep/y": "old"})
    return tmp_path / "out"


def write(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def read(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".ipynb")
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


WHOLE = {"a.last": "new", "b.last": "old", "c.last": "new", "deep/x": "new", "deep/y": "old"}


def test_a_run_that_goes_on_is_given_the_newest_of_all_that_was_left(train, out):
    prepare_earlier(replace(train, resumed=True), out, None)
    assert read(out / "train/earlier") == WHOLE
    assert read(out / "train/run") == {}


@pytest.mark.parametrize("moves", range(6))
def test_wherever_it_is_interrupted_the_next_call_finishes_it(train, out, monkeypatch, moves):
    class Killed(BaseException):
        pass

    def replace_some(source, target, replace=os.replace):
        nonlocal moves
        if not moves:
            raise Killed
        moves -= 1
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(earlier_module.os, "replace", replace_some)
        try:
            prepare_earlier(replace(train, resumed=True), out, None)
        except Killed:
            pass
    prepare_earlier(replace(train, resumed=True), out, None)
    assert read(out / "train/earlier") == WHOLE


def test_a_run_that_begins_anew_puts_everything_aside_and_says_where(train, out, messages):
    prepare_earlier(train, out, None)
    assert read(out / "train/previous") == WHOLE
    assert not (out / "train/earlier").exists() and not read(out / "train/run")
    assert messages == [f"note: what kernel train wrote before is now in {out / 'train/previous'}"]


def test_a_run_that_failed_at_once_does_not_push_out_what_was_put_aside(train, out, messages):
    prepare_earlier(train, out, None)
    write(out / "train/run", {"__notebook__.ipynb": "{}"})
    messages.clear()
    prepare_earlier(train, out, None)
    assert read(out / "train/previous") == WHOLE and not messages


def test_a_file_in_the_place_of_a_folder_is_no_obstacle(train, out):
    write(out / "train/earlier", {"c.last/z": "old"})
    (out / "train/run/b").mkdir()
    write(out / "train/run", {"b/inner": "new"})
    write(out / "train/earlier", {"b": "old"})
    prepare_earlier(replace(train, resumed=True), out, None)
    assert read(out / "train/earlier") == {**WHOLE, "b/inner": "new"}


@pytest.mark.parametrize("where", ["elsewhere", "train/run", "train/earlier", "train/previous"])
def test_any_folder_can_be_given_and_stays_as_it_was(train, out, where):
    given = write(out / where, {"b.last": "given", "sub/d.last": "given"})
    before = read(given)
    prepare_earlier(replace(train, resumed=True), out, given)
    assert read(out / "train/earlier") == before
    if where == "elsewhere":
        assert read(given) == before
        assert read(out / "train/previous") == WHOLE
    # The run that follows replaces files; those of the folder stay.
    write(out / "train/run", {"new": "x"})
    (out / "train/run/b.last.part").write_text("newer")
    os.replace(out / "train/run/b.last.part", out / "train/run/b.last")
    prepare_earlier(replace(train, resumed=True), out, None)
    assert read(out / "train/earlier") == {**before, "b.last": "newer", "new": "x"}
    if where == "elsewhere":
        assert read(given) == before


def test_links_out_of_what_a_kernel_left_are_not_followed_when_it_is_given_back(train, out, tmp_path):
    (tmp_path / "secret").write_text("of the host")
    given = write(out / "train/previous", {"a.last": "given"})
    (given / "leak").symlink_to(tmp_path / "secret")
    (given / "near").symlink_to("a.last")
    prepare_earlier(replace(train, resumed=True), out, given)
    assert read(out / "train/earlier") == {"a.last": "given", "near": "given"}


@pytest.mark.parametrize("linked", ["run", "earlier"])
def test_nothing_is_moved_through_a_link(train, tmp_path, linked):
    mine = write(tmp_path / "mine", {"a.last": "mine"})
    write(tmp_path / "linked/train/earlier" if linked == "run" else tmp_path / "linked/train/run", {"a.last": "new"})
    (tmp_path / "linked/train" / linked).symlink_to(mine)
    with pytest.raises(KernelgenError, match=f"train/{linked}: is a link to .*, where a run may not move"):
        prepare_earlier(train, tmp_path / "linked", None)
    assert read(mine) == {"a.last": "mine"}


def test_while_a_run_is_writing_nothing_is_moved(root, train, out):
    chain = Chain(load_project(root), [train], out, {}, notebooks={"train": b"{}"})
    with sole_use(out / "train"):
        with pytest.raises(KernelgenError, match="another run is writing to it"):
            run_chain(chain, print)
    assert read(out / "train/run")["a.last"] == "new"


def test_a_disk_that_refuses_is_named_and_loses_nothing(train, out, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(earlier_module.os, "replace", full)
    with pytest.raises(OSError) as error:  # of which the command makes one line
        prepare_earlier(replace(train, resumed=True), out, None)
    assert error.value.filename and error.value.strerror
    assert read(out / "train/run")["a.last"] == "new" and read(out / "train/earlier")["b.last"] == "old"


# ---------------------------------------------------------------- which kernels go on


@pytest.fixture
def kernels(root):
    return lambda target: load_project(root).select(target)


def resumed(kernels):
    return [kernel.name for kernel in kernels if kernel.resumed]


def test_without_resume_only_a_given_folder_is_gone_on_from(kernels, out):
    assert resumed(going_on(kernels("train,use"), out, resume=False, inputs={})) == []
    assert resumed(going_on(kernels("train,use"), out, resume=False, inputs={"earlier": out})) == ["train"]


def test_what_is_only_built_goes_on_whatever_lies_here(kernels, tmp_path):
    assert resumed(going_on(kernels("all"), tmp_path, resume=True)) == ["train", "pair-worda", "pair-wordb"]


def test_of_several_those_without_an_earlier_run_start_anew_with_a_note(kernels, out, messages):
    found = going_on(kernels("train,pair"), out, resume=True, inputs={})
    assert resumed(found) == ["train"] and [kernel.name for kernel in found] == ["train", "pair-worda", "pair-wordb"]
    assert messages == [f"note: kernel pair-word{word} has no earlier run in {out} and starts anew" for word in "ab"]


def test_a_given_folder_comes_before_what_the_kernel_wrote_itself(kernels, out):
    assert resumed(going_on(kernels("train"), out, resume=True, inputs={"earlier": out})) == ["train"]


def test_what_cannot_go_on_is_one_line(kernels, out):
    with pytest.raises(KernelgenError) as error:
        going_on(kernels("use"), out, resume=True, inputs={})
    said = "--resume: none of the selected kernels reads its own earlier output; in its sources write earlier"
    assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_a_notebook_alone_is_nothing_to_go_on_from(kernels, tmp_path):
    write(tmp_path / "train/run", {"__notebook__.ipynb": "{}"})
    assert resumed(going_on(kernels("train"), tmp_path, resume=True, inputs={})) == []
    write(tmp_path / "train/run", {"a.last": ""})
    assert resumed(going_on(kernels("train"), tmp_path, resume=True, inputs={})) == ["train"]


# ---------------------------------------------------------------- whole runs


@pytest.fixture
def call(root):
    try:
        find_environment()
    except KernelgenError as error:
        pytest.skip(f"no environment for runs: {error}")

    def call(*arguments, wait=True):
        command = [sys.executable, str(COMMAND), "--project", str(root), "--owner", "ann", *map(str, arguments)]
        if wait:
            return subprocess.run(command, capture_output=True, text=True)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    return call


def test_resuming_is_written_into_what_is_pushed(call, root):
    done = call("--target", "train", "--resume")
    assert done.returncode == 0, done.stderr
    folder = root / "build/train"
    assert json.loads((folder / "kernel-metadata.json").read_text())["kernel_sources"] == ["ann/pk-train"]
    assert 'earlier = \\"kernel:pk-train\\"' in (folder / "train.ipynb").read_text()


def test_a_given_folder_a_failure_and_a_kill_are_all_gone_on_from(call, root, tmp_path):
    run = root / "build/train/run"
    given = write(tmp_path / "given", {"0.weights": "given"})
    failed = call("--target", "train", "--run", "--set", "stop=fail", "--input", f"earlier={given}")
    assert failed.returncode == 1
    assert read(run) == {"0.weights": "given", "1.weights": "first"}

    hanging = call("--target", "train", "--run", "--resume", "--set", "stop=hang", "word=second", wait=False)
    deadline = time.monotonic() + 60
    while not (run / "2.weights").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(hanging.pid, signal.SIGKILL)
    hanging.wait()
    assert read(run) == {"0.weights": "given", "1.weights": "first", "2.weights": "second"}
    (run / "0.weights").unlink()  # as if it had been killed before it took this over
    (run / "__notebook__.ipynb").unlink(missing_ok=True)  # as if the next call had been killed while it moved files

    done = call("--target", "train", "--run", "--resume", "--set", "word=third")
    assert done.returncode == 0, done.stderr
    assert "found ['0.weights', '1.weights', '2.weights']" in done.stdout
    assert read(run) == {
        "0.weights": "given", "1.weights": "first", "2.weights": "second", "3.weights": "third"
    }  # fmt: skip
    kept = read(run)

    refused = call("--target", "train", "--run", "--resume", "--set", "stop=refuse")
    assert refused.returncode == 1 and "the checkpoint is of another training" in refused.stderr
    assert read(root / "build/train/earlier") == kept
