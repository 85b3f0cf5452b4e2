"""Several processes train as one does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from birdlib.weights.checkpoint import checkpoints_in, load_checkpoint

HERE = Path(__file__).parent
ONE = [sys.executable]
# What `accelerate launch` starts for GPUs; for CPUs it would want MPI.
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def gradients(competition, folder, launcher, device_batch):
    folder.mkdir()
    done = subprocess.run(
        [*launcher, HERE / "spread.py", competition.root, competition.output, folder, str(device_batch)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / "gradients.pt", weights_only=True), done.stdout


def test_two_processes_and_added_up_parts_give_the_gradients_of_one(competition, tmp_path):
    """Over gloo: the same 12 clips at once, in 4 parts, by 2 processes in 3 parts each."""
    whole, said = gradients(competition, tmp_path / "one", ONE, 12)
    assert "processes 1, parts 1" in said
    for name, launcher, device_batch, expected in (
        ("parts", ONE, 3, "processes 1, parts 4"),
        ("two", TWO, 2, "processes 2, parts 3, backend gloo"),
    ):
        spread, said = gradients(competition, tmp_path / name, launcher, device_batch)
        assert expected in said
        assert spread["loss"] == pytest.approx(whole["loss"], rel=1e-5)
        for key, expected in whole["gradients"].items():
            torch.testing.assert_close(spread["gradients"][key], expected, rtol=1e-3, atol=1e-6, msg=key)


IN_A_NOTEBOOK = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {here!r})
from conftest import SETTINGS, surroundings_of
import torch
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.training.launch import Members, train_members
torch.set_num_threads(1)
prepared = Prepared.read(Path({output!r}), CompetitionFiles(Path({root!r})))
around = surroundings_of(prepared, Path({folder!r}), device_batch=3, **{changes})
settings = replace(SETTINGS, epochs=1, **{settings})
try:
    print("finished", train_members(Members(settings, [1], ["full"]), around, processes=2))
except BirdlibError as error:
    print("fault:", error)
print("cuda untouched", not torch.cuda.is_initialized())
"""


def in_a_notebook(competition, folder, changes="{}", settings="{}"):
    code = IN_A_NOTEBOOK.format(
        here=str(HERE),
        root=str(competition.root),
        output=str(competition.output),
        folder=str(folder),
        changes=changes,
        settings=settings,
    )
    env = {key: value for key, value in os.environ.items() if key not in ("WORLD_SIZE", "RANK")}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120)


def test_two_processes_are_forked_from_a_notebook_and_leave_one_set_of_files(competition, tmp_path):
    done = in_a_notebook(competition, tmp_path / "out")
    assert "finished True" in done.stdout and "cuda untouched True" in done.stdout, done.stdout + done.stderr[-2000:]
    (path,) = checkpoints_in(tmp_path / "out")
    assert load_checkpoint(path).finished
    assert sorted(one.name.split(".", 1)[1] for one in path.parent.iterdir()) == ["last.pt", "metrics.jsonl"]
    steps = [line for line in path.with_name(path.name.replace("last.pt", "metrics.jsonl")).open() if '"step"' in line]
    assert sum('"event": "step"' in line for line in steps) == 4


def test_a_fault_in_a_forked_process_is_one_line_in_the_notebook(competition, tmp_path):
    done = in_a_notebook(competition, tmp_path / "out", settings="dict(learning_rate=1.0, batch_size=4)")
    assert "fault:" in done.stdout and "is no multiple of DEVICE_BATCH = 3 on 2 process" in done.stdout
    assert list((tmp_path / "out").iterdir()) == []
