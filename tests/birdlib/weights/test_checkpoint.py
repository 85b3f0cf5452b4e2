"""Checkpoints: whole or not at all, and one line where one cannot be used."""

import os
import resource
import subprocess
import sys

import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.weights.checkpoint import Checkpoint, checkpoints_in, load_checkpoint, save_checkpoint
from birdlib.weights.names import model_name

FRONT_END = FrontEnd(32000, 5, 1024, 512, 64, 20, 16000)


def checkpoint(**changes):
    values = {
        "name": "rx-wdfbn-ema-2-fold0-seed1",
        "architecture": "rexnet150",
        "head": {"name": "pooled"},
        "channels": 1,
        "classes": ("a", "b"),
        "front_end": FRONT_END,
        "seed": 1,
        "fold": 0,
        "epoch": 1,
        "step": 7,
        "finished": False,
        "data_version": "abc",
        "settings": {"epochs": 2, "augmentations": [{"name": "sumix", "p": 1.0}]},
        "scores": {"clips": {"loss": 0.5}, "soundscapes": None},
        "best_score": None,
        "best_epoch": None,
        "commit": "c0ffee",
        "model": {"weight": torch.arange(4.0)},
        "ema": {"weight": torch.ones(4)},
        "optimiser": {"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]},
    }
    return Checkpoint(**values | changes)


def test_what_is_loaded_is_what_was_saved(tmp_path):
    saved = checkpoint()
    save_checkpoint(saved, tmp_path / "x.last.pt")
    loaded = load_checkpoint(tmp_path / "x.last.pt")
    for name in ("classes", "front_end", "settings", "scores", "teachers", "best_score", "fold"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert torch.equal(loaded.model["weight"], saved.model["weight"])
    assert loaded.optimiser["param_groups"] == saved.optimiser["param_groups"]
    assert [path.name for path in checkpoints_in(tmp_path)] == ["x.last.pt"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.last.pt"]


def test_the_best_epochs_checkpoint_holds_the_average_only(tmp_path):
    save_checkpoint(checkpoint().weights_only(), tmp_path / "x.best.pt")
    loaded = load_checkpoint(tmp_path / "x.best.pt")
    assert not loaded.model and not loaded.optimiser and torch.equal(loaded.ema["weight"], torch.ones(4))


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import torch
from test_checkpoint import checkpoint
from birdlib.errors import BirdlibError
from birdlib.weights.checkpoint import save_checkpoint
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    save_checkpoint(checkpoint(step=8, model={{"weight": torch.zeros(10**6)}}), Path({path!r}))
except BirdlibError as error:
    print(error)
"""


def test_a_disk_that_fills_up_costs_nothing_that_was_saved(tmp_path):
    path = tmp_path / "x.last.pt"
    save_checkpoint(checkpoint(), path)
    code = FILL_THE_DISK.format(here=os.path.dirname(__file__), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        "x.last.pt: the checkpoint cannot be written (File too large)" in done.stdout and done.stdout.count("\n") == 1
    )
    assert "the one of before is kept" in done.stdout and "free some space" in done.stdout
    assert load_checkpoint(path).step == 7
    assert [one.name for one in tmp_path.iterdir()] == ["x.last.pt"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 200_000  # the limit was the child's only


@pytest.mark.parametrize("spoil", ["cut", "text", "other", "pickle", "missing", "lacking"])
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path, spoil):
    path = tmp_path / "x.last.pt"
    save_checkpoint(checkpoint(), path)
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:500])
    elif spoil == "text":
        path.write_text("not a checkpoint")
    elif spoil == "other":
        torch.save({"state_dict": {}}, path)
    elif spoil == "pickle":
        torch.save({"schema": 1, "model": os.system}, path)  # code is never run
    elif spoil == "lacking":
        values = torch.load(path, weights_only=True)
        del values["ema"]
        torch.save(values, path)
    else:
        path.unlink()
    with pytest.raises(BirdlibError, match="x.last.pt") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_names_are_the_authors():
    given = {"epochs": 200, "fold": "full", "seed": 3}
    assert model_name("rexnet150", **given, teacher="rexnet150") == "rkl-rx-wdfbn-rx-ema-200-full-seed3"
    assert model_name("rexnet150-time", **given, teacher="rexnet150") == "rkl-rxt-wdfbn-rx-ema-200-full-seed3"
    assert model_name("efficientnet-b2", epochs=5, fold=0, seed=1) == "b2-wdfbn-ema-5-fold0-seed1"
    assert model_name("lcnet_050-time", epochs=5, fold=0, seed=1) == "lcnet_050-time-wdfbn-ema-5-fold0-seed1"
