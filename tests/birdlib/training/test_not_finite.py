"""Losses, gradients and weights that are not finite: skipped, counted, named, and never saved."""

import json
import re

import numpy as np
import pytest
import torch

from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.training import safekeeping
from birdlib.training import stage_run as stage_module
from birdlib.training.log import read_metrics
from birdlib.training.members import Members
from birdlib.training.optimiser import gradient_norm
from birdlib.weights.checkpoint import LAST, checkpoints_in, load_checkpoint, save_checkpoint

from .conftest import DISTILLATION, StepsClock, train_here


def train(settings, around, **changes):
    return train_here(Members(settings, [1], ["full"], **changes), around)


def fault(settings, around, **changes):
    """The line of a training that cannot go on."""
    with pytest.raises(BirdlibError) as caught:
        train(settings, around, **changes)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
    return str(caught.value)


def skipped(folder):
    """The log's records of steps that were skipped."""
    (path,) = folder.glob("*.metrics.jsonl")
    return [one for one in map(json.loads, path.read_text().splitlines()) if one["event"] == "skipped"]


def finite(checkpoint):
    return all(torch.isfinite(one).all() for part in (checkpoint.model, checkpoint.ema) for one in part.values())


@pytest.fixture
def states(monkeypatch):
    """Every checkpoint that is written, by its step."""
    states = {}

    def note(checkpoint, path):
        save_checkpoint(checkpoint, path)
        states[checkpoint.step] = load_checkpoint(path)

    monkeypatch.setattr(safekeeping, "save_checkpoint", note)
    return states


@pytest.fixture
def poisoned(prepared, monkeypatch):
    """The numbers of the recordings whose targets are NaN: one, and those that a test adds."""
    rows = [5]
    clip_table = Prepared.clip_table

    def with_nan(self, wanted):
        table = clip_table(self, wanted)
        table.targets[[row in rows for row in wanted]] = np.nan
        return table

    monkeypatch.setattr(Prepared, "clip_table", with_nan)
    return rows


# ---------------------------------------------------------------- one batch


def test_a_batch_without_a_finite_loss_is_skipped_counted_and_named(
    settings, surroundings, prepared, poisoned, states, tmp_path, capsys
):
    around = surroundings(tmp_path / "out")
    assert train(settings(epochs=2, augmentations=[]), around)
    records = skipped(around.folder)
    assert len(records) == 2  # once an epoch
    name = prepared.recordings["filename"][5]
    assert all(name in one["files"] and len(one["files"]) == 6 and one["loss"] is None for one in records)
    said = capsys.readouterr().out
    assert f"the loss is nan at epoch {records[0]['epoch']:.2f}, step {records[0]['step']} (batch of" in said
    assert "2 of 8 steps were skipped" in said
    (last,) = checkpoints_in(around.folder)
    checkpoint = load_checkpoint(last)
    assert checkpoint.finished and checkpoint.skipped == 2 and finite(checkpoint)
    # Nothing at all came of those steps: no weights, no average, no statistics of batch norms, no optimiser's moments.
    assert set(states) == set(range(1, 9))
    for record in records:
        after, before = states[record["step"]], states.get(record["step"] - 1)
        if before:
            for part in ("model", "ema"):
                old, new = getattr(before, part), getattr(after, part)
                assert all(torch.equal(old[key], new[key]) for key in old)
            assert str(before.optimiser["state"]) == str(after.optimiser["state"])
    # An epoch's loss is the mean of the steps that were learnt from.
    steps, epochs = read_metrics(next(around.folder.glob("*.jsonl")))
    for epoch in (1, 2):
        learnt = steps["loss"][np.ceil(steps["epoch"]) == epoch]
        assert len(learnt) == 3 and epochs["train_loss"][epoch - 1] == pytest.approx(learnt.mean())


def test_of_a_large_batch_only_some_files_are_named(settings, surroundings, poisoned, tmp_path, capsys):
    poisoned.extend(range(24))
    said = fault(settings(batch_size=12, max_skipped=1), surroundings(tmp_path / "out", device_batch=4))
    assert said.count(".ogg") == 8 and "and 4 more" in said


@pytest.mark.parametrize("session_steps", [3, 99])
def test_a_resumed_training_skips_the_same_steps(settings, surroundings, poisoned, tmp_path, session_steps):
    whole = surroundings(tmp_path / "whole")
    assert train(settings(), whole)
    while not train(settings(), surroundings(tmp_path / "parts", clock=StepsClock(session_steps))):
        pass
    one, other = (load_checkpoint(checkpoints_in(tmp_path / name)[0]) for name in ("whole", "parts"))
    assert one.skipped == other.skipped > 0
    assert all(torch.equal(one.model[key], other.model[key]) for key in one.model)
    assert [r["step"] for r in skipped(tmp_path / "whole")] == [r["step"] for r in skipped(tmp_path / "parts")]


def test_gradients_that_are_not_finite_are_skipped_though_the_loss_is(settings, surroundings, states, tmp_path):
    class Backwards(torch.autograd.Function):
        @staticmethod
        def forward(context, value):
            return value.clone()

        @staticmethod
        def backward(context, gradient):
            return gradient * float("inf")

    calls = iter(range(99))
    objective = stage_module.Objective.__call__

    def overflowing(self, *arguments, **options):
        loss = objective(self, *arguments, **options)
        return Backwards.apply(loss) if next(calls) == 2 else loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage_module.Objective, "__call__", overflowing)
        assert train(settings(), surroundings(tmp_path / "out"))
    (record,) = skipped(tmp_path / "out")
    assert record["step"] == 3 and record["loss"] is not None
    assert all(torch.equal(states[2].ema[key], states[3].ema[key]) for key in states[2].ema)
    assert finite(states[8])


# ---------------------------------------------------------------- all batches


def test_a_training_whose_every_loss_is_not_finite_stops_with_its_good_state_and_resumes(
    settings, surroundings, poisoned, tmp_path, monkeypatch
):
    poisoned.clear()
    assert not train(settings(epochs=3), surroundings(tmp_path / "out", clock=StepsClock(5)))
    good = load_checkpoint(checkpoints_in(tmp_path / "out")[0])
    poisoned.extend(range(24))
    said = fault(settings(epochs=3, max_skipped=3), surroundings(tmp_path / "out"))
    assert re.search(
        rf"the loss is nan at epoch \S+, step {good.step + 3} \(batch of .*\); stopped, since 3 steps", said
    )
    kept = load_checkpoint(checkpoints_in(tmp_path / "out")[0])
    assert [key for key in good.model if not torch.equal(good.model[key], kept.model[key])] == []
    monkeypatch.undo()
    assert train(settings(epochs=3, learning_rate=1e-4), surroundings(tmp_path / "out"))


def test_weights_that_give_no_finite_loss_do_not_replace_the_checkpoint_of_before(
    settings, surroundings, tmp_path, monkeypatch
):
    """The loss tells of it only a step after such weights were saved."""
    build = stage_module.build_optimiser

    def too_large(model, **arguments):
        optimiser = build(model, **arguments)
        steps = iter(range(1, 99))

        def enlarge(*_):
            if next(steps) == 3:
                with torch.no_grad():
                    for one in model.parameters():
                        one.mul_(1e30)

        optimiser.register_step_post_hook(enlarge)
        return optimiser

    with monkeypatch.context() as patch:
        patch.setattr(stage_module, "build_optimiser", too_large)
        said = fault(settings(max_skipped=2), surroundings(tmp_path / "out"))
    name = f"test_resnet-wdfbn-ema-2-full-seed1{LAST}"
    assert f"{name} is the state before; resume with a lower LEARNING_RATE, or with CLIP_NORM = 1.0" in said
    assert [one.name for one in (tmp_path / "out").glob("*.pt")] == [name]
    assert load_checkpoint(tmp_path / "out" / name).step == 2
    assert train(settings(learning_rate=1e-4), surroundings(tmp_path / "out"))
    assert not skipped(tmp_path / "out") and finite(load_checkpoint(tmp_path / "out" / name))


def test_weights_beyond_float32_are_not_saved(settings, surroundings, tmp_path, monkeypatch):
    """Gradients that overflow in the optimiser, though they were finite."""
    around = surroundings(tmp_path / "out", clock=StepsClock(2))
    assert not train(settings(), around)
    (path,) = checkpoints_in(around.folder)
    before, step = path.read_bytes(), load_checkpoint(path).step
    build = stage_module.build_optimiser

    def far_too_large(model, **arguments):
        optimiser = build(model, **arguments)

        def overflow(*_):
            for one in model.parameters():
                one.grad.mul_(1e38).mul_(1e38)

        optimiser.register_step_pre_hook(overflow)
        return optimiser

    monkeypatch.setattr(stage_module, "build_optimiser", far_too_large)
    said = fault(settings(), surroundings(tmp_path / "out"))
    assert f"no longer finite at step {step + 1}" in said and "a lower LEARNING_RATE" in said
    assert path.read_bytes() == before


# ---------------------------------------------------------------- from the start


def test_imagenet_weights_with_a_nan_are_named_at_once(settings, surroundings, tmp_path):
    import timm

    state = timm.create_model("test_resnet").state_dict()
    state["layer1.0.conv1.weight"][0, 0] = np.nan
    (tmp_path / "pretrained").mkdir()
    torch.save(state, tmp_path / "pretrained" / "test_resnet.pth")
    said = fault(
        settings(start={"name": "imagenet"}), surroundings(tmp_path / "out", pretrained=tmp_path / "pretrained")
    )
    assert "test_resnet.pth: backbone.layer1.0.conv1.weight is not finite (NaN or infinite)" in said
    assert not list((tmp_path / "out").iterdir())


def test_a_teacher_with_a_nan_is_named_at_once(settings, surroundings, tmp_path):
    assert train(settings(epochs=1), surroundings(tmp_path / "teacher"))
    (path,) = checkpoints_in(tmp_path / "teacher")
    teacher = load_checkpoint(path)
    teacher.ema["head.linear.weight"][0] = np.inf
    save_checkpoint(teacher, path)
    around = surroundings(tmp_path / "out")
    said = fault(settings(loss=DISTILLATION), around, teachers=(tmp_path / "teacher",))
    assert f"teacher {teacher.name}: has weights that are not finite" in said


# ---------------------------------------------------------------- clipping


def test_gradients_are_scaled_down_to_the_norm_that_is_asked_for():
    weights = [
        torch.nn.Parameter(torch.zeros(2)),
        torch.nn.Parameter(torch.zeros(1)),
        torch.nn.Parameter(torch.ones(9)),
    ]
    weights[0].grad, weights[1].grad = torch.tensor([2.0, 3.0]), torch.tensor([6.0])
    assert gradient_norm(weights, 0) == pytest.approx(7) and weights[1].grad.item() == 6
    assert gradient_norm(weights, 10) == pytest.approx(7) and weights[1].grad.item() == pytest.approx(6)
    assert gradient_norm(weights, 0.7) == pytest.approx(7)
    torch.testing.assert_close(weights[0].grad, torch.tensor([0.2, 0.3]))


def test_clipping_is_off_unless_asked_for(settings, surroundings, tmp_path):
    first = {}
    for name, clip_norm in (("off", 0.0), ("far", 1e9), ("near", 1e-3)):
        assert train(settings(epochs=1, clip_norm=clip_norm), surroundings(tmp_path / name))
        first[name] = load_checkpoint(checkpoints_in(tmp_path / name)[0]).optimiser["state"][0]["exp_avg"]
    assert torch.equal(first["off"], first["far"])
    assert first["near"].norm() <= 1e-3 < first["off"].norm()
