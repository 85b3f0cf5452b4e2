"""A training that is killed, or whose session closes, goes on to the very same numbers."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.training.launch import train_members
from birdlib.training.members import Members
from birdlib.training.resuming import take_up
from birdlib.weights.checkpoint import checkpoints_in, load_checkpoint

from .conftest import StepsClock, train_here


def assert_same(one, other):
    """Every checkpoint, log and prediction of two folders, but for the seconds that they took."""
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir()) and names
    for name in names:
        if name.endswith(".pt"):
            first, second = load_checkpoint(one / name), load_checkpoint(other / name)
            assert replace(first, seconds=0, model={}, ema={}, optimiser={}) == replace(
                second, seconds=0, model={}, ema={}, optimiser={}
            )
            for part in ("model", "ema", "optimiser"):
                left, right = flat(getattr(first, part)), flat(getattr(second, part))
                assert left.keys() == right.keys()
                for key in left:
                    assert torch.equal(torch.as_tensor(left[key]), torch.as_tensor(right[key])), (name, part, key)
        elif name.endswith(".jsonl"):
            assert records(one / name) == records(other / name)
        else:
            assert (one / name).read_bytes() == (other / name).read_bytes()


def flat(tree, prefix=""):
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    leaves = {}
    for key, value in pairs:
        nested = isinstance(value, (dict, list))
        leaves |= flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return {key: value for key, value in leaves.items() if value is not None}


def records(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines if line["event"] != "session"]


def test_killed_again_and_again_a_run_ends_with_the_weights_of_one_that_never_was(competition, tmp_path):
    """SIGKILL at random points: while reading, in a step, while a checkpoint is written, between two models."""
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, str(script), str(competition.root), str(competition.output), str(tmp_path), "20"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 8  # as many as there was time for
    for left in (tmp_path / "killed").glob("*.part"):  # of a checkpoint that was being written; nobody reads it
        left.unlink()
    assert len(checkpoints_in(tmp_path / "killed")) == 2
    assert_same(tmp_path / "undisturbed", tmp_path / "killed")


def test_a_session_that_closes_is_taken_up_by_the_next_version_of_the_kernel(settings, surroundings, tmp_path):
    members = Members(settings(epochs=2), seeds=[1, 2], folds=[0])
    whole = surroundings(tmp_path / "whole")
    assert train_here(members, whole)
    folders = []
    finished = False
    while not finished:
        folder = tmp_path / f"session{len(folders)}"
        around = surroundings(folder, checkpoint_minutes=99.0, clock=StepsClock(3))
        if folders:
            take_up(folders[-1], folder)  # what Kaggle attaches: the last output, and that alone
        finished = train_here(members, around)
        folders.append(folder)
    assert len(folders) > 2
    assert_same(whole.folder, folders[-1])


def test_what_is_finished_is_not_trained_again(settings, surroundings, tmp_path, capsys):
    around = surroundings(tmp_path / "out")
    members = Members(settings(epochs=1), seeds=[1], folds=["full"])
    train_here(members, around)
    before = {path.name: path.read_bytes() for path in around.folder.glob("*.pt")}
    assert train_members(members, around, 1)
    assert "finished in an earlier session" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in around.folder.glob("*.pt")} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dropout": 0.5}, "dropout was 0.1, is 0.5"),
        ({"batch_size": 3}, "batch_size was 6, is 3"),
        ({"augmentations": []}, "augmentations was"),
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused_and_kept(settings, surroundings, tmp_path, change, said):
    around = surroundings(tmp_path / "out", device_batch=3)
    train_here(Members(settings(epochs=1), [1], [0]), around)
    before = {path.name: path.read_bytes() for path in around.folder.iterdir()}
    with pytest.raises(BirdlibError, match=said) as caught:
        train_here(Members(settings(epochs=1, **change), [1], [0]), around)
    assert "the checkpoint is of another training" in str(caught.value) and "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in around.folder.iterdir()} == before


def test_a_checkpoint_of_another_model_is_refused(settings, surroundings, tmp_path):
    around = surroundings(tmp_path / "out")
    train_here(Members(settings(epochs=1), [1], [0]), around)
    path = checkpoints_in(around.folder)[0]
    other = "test_efficientnet-wdfbn-ema-1-fold0-seed1.last.pt"
    path.rename(around.folder / other)
    with pytest.raises(BirdlibError, match="architecture was test_resnet, is test_efficientnet"):
        train_here(Members(settings(epochs=1, architecture="test_efficientnet"), [1], [0]), around)


def test_nothing_to_take_up_is_one_line(tmp_path):
    with pytest.raises(BirdlibError, match=r"no \*.last.pt in it to go on from"):
        take_up(tmp_path, tmp_path / "out")
