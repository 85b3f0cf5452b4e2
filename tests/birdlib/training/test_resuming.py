"""A training that is killed, or whose session closes, goes on to the very same numbers."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.training.launch import train_members
from birdlib.training.members import Members
from birdlib.training.results import trained_models
from birdlib.training.resuming import rename_training, take_up
from birdlib.training.safekeeping import BEFORE
from birdlib.weights.checkpoint import checkpoints_in, load_checkpoint

from .conftest import FRONT_END, StepsClock, train_here


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
    return [
        {k: v for k, v in line.items() if k not in ("seconds", "waiting")}
        for line in lines
        if line["event"] != "session"
    ]


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
        ({"head": {"name": "pooled", "dropout": 0.5}}, r"head was .*'dropout': 0\.1.*, is .*'dropout': 0\.5"),
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


# ---------------------------------------------------------------- with other settings

NAME = "test_resnet-wdfbn-ema-{}-fold0-seed1"


def only(folder):
    (path,) = checkpoints_in(folder)
    return load_checkpoint(path)


@pytest.mark.parametrize("first", [1, 2])
def test_with_more_epochs_it_goes_on_to_what_they_would_have_given_at_once(settings, surroundings, tmp_path, first):
    """Finished or not; under the name of its new number of epochs, and without a trace of the old one."""
    train_here(Members(settings(epochs=3), [1], [0]), surroundings(tmp_path / "whole"))
    clock = {} if first == 1 else {"clock": StepsClock(3)}
    around = surroundings(tmp_path / "parts", **clock)
    assert train_here(Members(settings(epochs=first), [1], [0]), around) == (first == 1)
    assert train_here(Members(settings(epochs=3), [1], [0]), surroundings(tmp_path / "parts"))
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_with_fewer_epochs_than_planned_it_ends_earlier_and_tells_its_predictions(settings, surroundings, tmp_path):
    for name in ("short", "validated"):
        train_here(Members(settings(epochs=1), [1], [0]), surroundings(tmp_path / name))
    rename_training(NAME.format(1), NAME.format(4), settings(epochs=4), tmp_path / "validated")
    assert not train_here(Members(settings(epochs=4), [1], [0]), surroundings(tmp_path / "out", clock=StepsClock(2)))
    for name, epoch in (("validated", 1), ("out", 0)):  # whether the epoch's validation is done or not
        before = only(tmp_path / name)
        assert (before.step, before.epoch, before.finished) == (2, epoch, False)
        assert train_here(Members(settings(epochs=1), [1], [0]), surroundings(tmp_path / name))
        assert_same(tmp_path / "short", tmp_path / name)


def test_fewer_epochs_than_are_done_are_refused(settings, surroundings, tmp_path):
    around = surroundings(tmp_path / "out")
    train_here(Members(settings(epochs=2), [1], [0]), around)
    before = {path.name: path.read_bytes() for path in around.folder.iterdir()}
    with pytest.raises(BirdlibError, match="2 epochs are done, and EPOCHS is 1; resume with EPOCHS = 2 or more"):
        train_here(Members(settings(epochs=1), [1], [0]), around)
    assert {path.name: path.read_bytes() for path in around.folder.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": "test_efficientnet"}, "architecture was test_resnet, is test_efficientnet"),
        ({"architecture": "test_efficientnet", "epochs": 3}, "architecture was test_resnet, is test_efficientnet"),
        ({"epochs": 3, "weight_decay": 0.0}, "weight_decay was 0.01, is 0.0"),
        ({"betas": [0.9, 0.99]}, "betas was [0.9, 0.999], is [0.9, 0.99]"),
        ({"secondary": "mask"}, "secondary was target, is mask"),
    ],
)
def test_another_model_does_not_begin_beside_it_in_silence(settings, surroundings, tmp_path, change, said):
    around = surroundings(tmp_path / "out")
    train_here(Members(settings(epochs=1), [1], [0]), around)
    before = {path.name: path.read_bytes() for path in around.folder.iterdir()}
    with pytest.raises(BirdlibError) as caught:
        train_here(Members(settings(**{"epochs": 1, **change}), [1, 2], [0]), around)
    assert f"{NAME.format(1)}.last.pt: the checkpoint is of another training ({said})" in str(caught.value)
    assert str(caught.value).endswith(
        "train anew without this checkpoint (EARLIER = None); only EPOCHS, LEARNING_RATE, CLIP_NORM, PRECISION, "
        "MAX_SKIPPED, VALIDATE_EVERY, DETERMINISTIC may change on resume, and what is to come of later stages"
    )
    assert {path.name: path.read_bytes() for path in around.folder.iterdir()} == before


def test_another_front_end_is_named_by_what_differs(settings, surroundings, tmp_path):
    train_here(Members(settings(epochs=1), [1], [0]), surroundings(tmp_path / "out"))
    other = replace(FRONT_END, n_mels=48)
    with pytest.raises(BirdlibError, match=r"another training \(n_mels was 32, is 48\)"):
        train_here(Members(settings(epochs=1), [1], [0]), surroundings(tmp_path / "out", front_end=other))


def test_another_edition_whose_metric_chooses_the_best_epoch_is_refused(settings, surroundings, tmp_path):
    """A score of the one metric says nothing beside a score of the other."""
    around = surroundings(tmp_path / "out")
    train_here(Members(settings(epochs=1), [1], [0]), around)
    around.validation.metric = "padded_cmap"
    with pytest.raises(BirdlibError, match=r"another training \(metric was macro_roc_auc, is padded_cmap\)"):
        train_here(Members(settings(epochs=2), [1], [0]), around)


def test_other_seeds_and_folds_of_the_same_recipe_stay(settings, surroundings, tmp_path):
    around = surroundings(tmp_path / "out")
    for seeds, folds in (([1], [0]), ([2], [0]), ([2], [1])):
        assert train_here(Members(settings(epochs=1), seeds, folds), around)
    assert len(checkpoints_in(around.folder)) == 3
    before = {path.name: path.read_bytes() for path in around.folder.iterdir()}
    with pytest.raises(BirdlibError, match=r"a model of 1 epochs beside those of EPOCHS = 2; name its seed in SEEDS"):
        train_here(Members(settings(epochs=2), [2], [0]), around)
    assert {path.name: path.read_bytes() for path in around.folder.iterdir()} == before


def test_the_learning_rate_may_change_and_takes_effect(settings, surroundings, tmp_path):
    ends = {}
    for rate in (1e-3, 1e-9):
        folder = tmp_path / str(rate)
        assert not train_here(Members(settings(), [1], [0]), surroundings(folder, clock=StepsClock(2)))
        before = only(folder)
        members = Members(settings(learning_rate=rate, max_skipped=5, clip_norm=9.0), [1], [0])
        assert train_here(members, surroundings(folder))
        after = only(folder)
        assert after.settings["stages"][0]["learning_rate"] == rate and after.optimiser["param_groups"][0]["lr"] == rate
        key = "backbone.conv1.0.weight"
        ends[rate] = (after.model[key] - before.model[key]).abs().max()
        assert len(trained_models(folder, members.seeds, members.folds)) == 1
    assert ends[1e-9] < 1e-6 < ends[1e-3]


def test_what_is_finished_stays_as_it_is_under_another_learning_rate(settings, surroundings, tmp_path, capsys):
    around = surroundings(tmp_path / "out")
    train_here(Members(settings(epochs=1), [1], [0]), around)
    members = Members(settings(epochs=1, learning_rate=1e-4), [1], [0])
    assert train_members(members, around)
    assert f"{NAME.format(1)}: finished in an earlier session, with learning_rate = 0.001" in capsys.readouterr().out
    (model,) = trained_models(around.folder, members.seeds, members.folds)
    assert model.saved.finished


def test_the_same_training_under_two_numbers_of_epochs_becomes_one(settings, surroundings, tmp_path):
    """As sessions left it that began anew for other epochs: the one that is furthest goes on."""
    train_here(Members(settings(epochs=1), [1], [0]), surroundings(tmp_path / "short"))
    train_here(Members(settings(epochs=2), [1], [0]), surroundings(tmp_path / "out"))
    for path in (tmp_path / "short").iterdir():
        shutil.copy(path, tmp_path / "out")
    # As a session leaves it that is killed right after a checkpoint.
    last = tmp_path / "short" / f"{NAME.format(1)}.last.pt"
    shutil.copy(last, tmp_path / "out" / f"{NAME.format(1)}{BEFORE}")
    assert train_here(Members(settings(epochs=3), [1], [0]), surroundings(tmp_path / "out"))
    assert {path.name.split(".")[0] for path in (tmp_path / "out").iterdir()} == {NAME.format(3)}


def test_a_checkpoint_of_before_these_settings_goes_on(settings, surroundings, tmp_path):
    around = surroundings(tmp_path / "out", clock=StepsClock(2))
    assert not train_here(Members(settings(), [1], [0]), around)
    path = checkpoints_in(tmp_path / "out")[0]
    values = torch.load(path, weights_only=True)
    del values["settings"]["max_skipped"], values["front_end"]["normalisation"]
    del values["settings"]["stages"][0]["clip_norm"], values["settings"]["stages"][0]["betas"]
    torch.save(values, path)
    assert train_here(Members(settings(), [1], [0]), surroundings(tmp_path / "out"))


def test_nothing_to_take_up_is_one_line(tmp_path):
    with pytest.raises(BirdlibError, match=r"no \*.last.pt in it to go on from"):
        take_up(tmp_path, tmp_path / "out")
