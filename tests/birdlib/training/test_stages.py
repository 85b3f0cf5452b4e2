"""Trainings of several stages, of other heads, losses and starts."""

import math
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator

from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.training.log import read_metrics
from birdlib.training.members import Members
from birdlib.training.settings import make_stages
from birdlib.training.trainer import Trainer
from birdlib.weights.checkpoint import checkpoints_in, load_checkpoint, save_checkpoint

from .conftest import STAGE, StepsClock, train_here

SED = {"name": "sed", "dropout": 0.1}
TWO = [
    {"epochs": 1, "loss": [{"name": "cross_entropy"}]},
    {
        "epochs": 2,
        "learning_rate": 3e-4,
        "loss": [{"name": "focal"}, {"name": "bce", "weight": 0.5}],
        "sampler": {"name": "balanced", "least": 9},
        "schedule": {"name": "cosine"},
        "augmentations": [],
    },
]


def train(settings, around, *, seeds=(1,), folds=(0,), teachers=()):
    """Whether it came to its end."""
    return train_here(Members(settings, list(seeds), list(folds), tuple(teachers)), around)


def only(folder):
    (path,) = checkpoints_in(folder)
    return load_checkpoint(path)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_two_stages_are_trained_one_after_the_other(settings, surroundings, tmp_path):
    recipe = settings(stages=TWO, head=SED)
    around = surroundings(tmp_path / "out", checkpoint_minutes=99.0)
    assert train(recipe, around)
    saved = only(tmp_path / "out")
    # 12 recordings of 18 are learnt from, in batches of 6; the second stage adds clips of rare classes.
    assert saved.finished and saved.epoch == 3 and saved.stage == 1 and saved.stage_first_epoch == 1
    assert saved.name == "test_resnet-sed-wdfbn-ema-3-fold0-seed1"
    steps, epochs = read_metrics(next((tmp_path / "out").glob("*.metrics.jsonl")))
    assert epochs["epoch"].tolist() == [1, 2, 3] and steps["step"].tolist() == list(range(1, saved.step + 1))
    assert steps["epoch"].iloc[-1] == 3 and (steps["epoch"].diff().dropna() > 0).all()


def test_a_session_may_end_at_any_step_of_any_stage(settings, surroundings, tmp_path):
    recipe = settings(stages=TWO)
    assert train(recipe, surroundings(tmp_path / "whole", checkpoint_minutes=99.0))
    whole = only(tmp_path / "whole")
    sessions = 0
    while not train(recipe, surroundings(tmp_path / "pieces", clock=StepsClock(1))):
        sessions += 1
        assert sessions < 50
    pieces = only(tmp_path / "pieces")
    assert sessions >= whole.step - 1
    assert same(whole.model, pieces.model) and same(whole.ema, pieces.ema) and whole.scores == pieces.scores


def test_a_stage_begins_with_the_averaged_weights_of_the_one_before(settings, surroundings, tmp_path):
    recipe = settings(stages=[{"epochs": 1}, {"epochs": 1}])
    around = surroundings(tmp_path / "out", checkpoint_minutes=99.0)
    trainer = Trainer(recipe, around, Accelerator(cpu=True), seed=1, fold=0, teachers=[])
    begun = {}
    original = trainer._next_stage

    def note():
        begun["average"] = {k: v.clone() for k, v in trainer.stage_run.average.module.state_dict().items()}
        original()
        begun["model"] = {k: v.clone() for k, v in trainer.model.state_dict().items()}

    trainer._next_stage = note
    trainer.run()
    assert same(begun["average"], begun["model"])


def test_a_stage_may_start_anew(settings, surroundings, tmp_path):
    anew = {"epochs": 1, "start": {"name": "random"}}
    assert train(settings(stages=[{"epochs": 1}, anew]), surroundings(tmp_path / "two", checkpoint_minutes=99.0))
    assert only(tmp_path / "two").stage == 1


def test_what_is_to_come_may_change_on_resume_and_what_is_done_may_not(settings, surroundings, tmp_path):
    around = surroundings(tmp_path / "out", clock=StepsClock(3))  # within the second stage
    assert not train(settings(stages=TWO), around)
    assert only(tmp_path / "out").stage == 1
    other_first = [TWO[0] | {"loss": [{"name": "bce"}]}, TWO[1]]
    with pytest.raises(BirdlibError, match=r"another training \(stage 1 loss was .*cross_entropy"):
        train(settings(stages=other_first), surroundings(tmp_path / "out"))
    with pytest.raises(BirdlibError, match=r"another training \(stage 2 sampler was"):
        train(settings(stages=[TWO[0], TWO[1] | {"sampler": {"name": "uniform"}}]), surroundings(tmp_path / "out"))
    gentler = [TWO[0], TWO[1] | {"learning_rate": 1e-5, "clip_norm": 1.0}, {"epochs": 1}]
    assert train(settings(stages=gentler), surroundings(tmp_path / "out"))


def test_a_stage_may_be_added_or_left_out_on_resume(settings, surroundings, tmp_path):
    first, second = {"epochs": 1}, {"epochs": 1, "learning_rate": 3e-4}
    assert train(settings(stages=[first, second]), surroundings(tmp_path / "at once", checkpoint_minutes=99.0))
    whole = only(tmp_path / "at once")
    # A finished training of one stage goes on to a second one.
    assert train(settings(stages=[first]), surroundings(tmp_path / "added"))
    assert train(settings(stages=[first, second]), surroundings(tmp_path / "added"))
    added = only(tmp_path / "added")
    assert (added.name, added.stage) == (whole.name, 1) and same(added.model, whole.model)
    # One that was to have two ends after the first.
    assert not train(settings(stages=[first, second]), surroundings(tmp_path / "left out", clock=StepsClock(1)))
    assert only(tmp_path / "left out").step == 1
    assert train(settings(stages=[first]), surroundings(tmp_path / "left out"))
    assert only(tmp_path / "left out").finished and only(tmp_path / "left out").epoch == 1


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([{"epoch": 3}], "STAGES: stage 1 has no setting 'epoch'; it may set epochs, clips"),
        ([{}, {"epochs": 0}], "stage 2: settings out of range: EPOCHS = 0"),
        ([{}, {"loss": [{"name": "focl"}]}], "stage 2: losses: unknown name 'focl'"),
        ([{"schedule": {"name": "cosine", "last": 2}}], "schedules: cosine: last = 2; expected a number from 0 to 1"),
    ],
)
def test_stages_that_cannot_be_are_one_line(stages, said):
    with pytest.raises(BirdlibError) as error:
        make_stages(stages, **STAGE)
    assert str(error.value).startswith(said)


# ---------------------------------------------------------------- schedules


def factors(epochs=10, **schedule):
    made = component("schedules", schedule)
    return [made.factor(done, epochs) for done in (0.5, 1, 2, 5.5, 10)]


def test_schedules_scale_the_learning_rate():
    assert factors(name="constant") == [1] * 5
    assert factors(name="warm_up", warm_up_epochs=2.0) == [0.25, 0.5, 1, 1, 1]
    half_way = factors(name="cosine", warm_up_epochs=1.0, last=0.1)
    assert half_way == pytest.approx([0.5, 1, 0.1 + 0.9 * (1 + math.cos(math.pi / 9)) / 2, 0.55, 0.1])


def test_the_optimiser_takes_the_scheduled_rate(settings, surroundings, tmp_path):
    recipe = settings(epochs=2, schedule={"name": "cosine", "last": 0.0})
    trainer = Trainer(recipe, surroundings(tmp_path / "out"), Accelerator(cpu=True), seed=1, fold=0, teachers=[])
    trainer.run()
    assert trainer.stage_run.optimiser.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


# ---------------------------------------------------------------- a start from another training


def test_a_model_starts_from_another_class_list_by_name(settings, surroundings, prepared, tmp_path):
    """Backbone and known classes are the other model's; the others' weights stay those of the seed."""
    for head in ({"name": "pooled"}, {"name": "attention"}, {"name": "sed"}):
        around = surroundings(tmp_path / head["name"], checkpoint_minutes=99.0)
        train(settings(epochs=1, head=head), around)
        saved = only(around.folder)
        # The same model as if it had been trained on other classes: two of ours, in another order, and a stranger.
        names = (saved.classes[2], "stranger", saved.classes[0], saved.classes[3])
        start = tmp_path / f"start-{head['name']}"
        start.mkdir()
        save_checkpoint(replace(saved, classes=names), start / f"{saved.name}.last.pt")
        recipe = settings(head=head, start={"name": "trained"})
        other = surroundings(tmp_path / f"other-{head['name']}", start=start)
        model = Trainer(recipe, other, Accelerator(cpu=True), seed=9, fold=0, teachers=[]).model
        mels = torch.rand(3, *saved.front_end.shape)
        theirs = saved.build()
        theirs.load_state_dict(saved.ema)
        with torch.no_grad():
            expected, found = theirs.eval().scores(mels), model.eval().scores(mels)
        torch.testing.assert_close(found[:, [2, 0, 3]], expected[:, [0, 2, 3]])
        assert not torch.allclose(found[:, 1], expected[:, 1])


def test_a_start_is_no_model_that_has_learnt_from_what_the_fold_holds_back(settings, surroundings, tmp_path, capsys):
    train(settings(epochs=1), surroundings(tmp_path / "out", checkpoint_minutes=99.0), folds=(1,))
    saved = only(tmp_path / "out")

    def start_from(fold, *models):
        folder = tmp_path / "-".join(["start", str(fold), *(name for name, _ in models)])
        folder.mkdir()
        for name, changes in models:
            save_checkpoint(replace(saved, name=name, **changes), folder / f"{name}.last.pt")
        around = surroundings(tmp_path / "new", start=folder)
        Trainer(settings(start={"name": "trained"}), around, Accelerator(cpu=True), seed=1, fold=fold, teachers=[])
        return capsys.readouterr().out

    one, zero, full = ("of-1", {}), ("of-0", {"fold": 0}), ("of-all", {"fold": "full"})
    assert "starts from of-0 (4 of 4 classes known)" in start_from(0, one, zero, full)
    assert "starts from of-1" in start_from(1, one, zero, full)
    for other in (one, full):
        with pytest.raises(
            BirdlibError, match=f"{other[0]} has learnt from what fold 0 holds back; start from a model"
        ):
            start_from(0, other)
    # A model of all data is judged by none of it, and other data has no part in the folds.
    assert "starts from of-1" in start_from("full", one)
    assert "starts from other" in start_from(0, ("other", {"data_version": "another"}))
    # Of one fold, the seed tells which.
    assert "starts from same" in start_from(1, ("another", {"seed": 2}), ("same", {}))
    with pytest.raises(BirdlibError, match="means 2 models of .* for fold 1 and seed 1"):
        start_from(1, ("same", {}), ("twin", {}))


def test_a_start_that_is_not_there_is_one_line(settings, surroundings, tmp_path):
    recipe = settings(start={"name": "trained", "model": "rx-*"})
    with pytest.raises(BirdlibError, match="start from trained: nothing is attached as the source `start`"):
        train(recipe, surroundings(tmp_path / "out"))
    (tmp_path / "start").mkdir()
    with pytest.raises(BirdlibError, match=r"'rx-\*' means 0 models of .*it has none"):
        train(recipe, surroundings(tmp_path / "out", start=tmp_path / "start"))
