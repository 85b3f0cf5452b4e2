"""What a training does, held against the same computed another way."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from sklearn.metrics import average_precision_score, roc_auc_score

from birdlib.data.clips import Clips
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import MelSpectrogram
from birdlib.metrics.of_years import metric_of
from birdlib.scores.prediction_tables import read_predictions
from birdlib.training import safekeeping, stage_run, trainer
from birdlib.training.batches import read_batches
from birdlib.training.log import read_metrics
from birdlib.training.members import Members
from birdlib.training.resuming import take_up
from birdlib.training.teacher import build_teacher
from birdlib.training.trainer import Trainer
from birdlib.training.validation import Validation
from birdlib.weights.checkpoint import checkpoints_in, load_checkpoint

from ..known_soundscapes import known_soundscapes
from .conftest import ATTENTION, DISTILLATION, train_here


def train(settings, around, *, seeds=(1,), folds=(0,), teachers=()):
    """Trains to the end; the checkpoints by name."""
    assert train_here(Members(settings, list(seeds), list(folds), tuple(teachers)), around)
    return {path.name.removesuffix(".last.pt"): load_checkpoint(path) for path in checkpoints_in(around.folder)}


def only(checkpoints):
    (checkpoint,) = checkpoints.values()
    return checkpoint


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def files(folder):
    return {path.name.split(".", 1)[1] for path in folder.iterdir()}


@pytest.fixture
def session(surroundings, tmp_path):
    """The surroundings of a training that writes to a folder of this name, with a checkpoint per epoch."""
    return lambda name, **changes: surroundings(tmp_path / name, **{"checkpoint_minutes": 99.0} | changes)


# ---------------------------------------------------------------- the same numbers


def test_a_training_is_its_seed_however_the_clips_are_read(settings, session, tmp_path):
    first = only(train(settings(), session("first")))
    again = only(train(settings(), session("again")))
    read_ahead = only(train(settings(), session("read_ahead", workers=2)))
    for other in (again, read_ahead):
        assert same(first.model, other.model) and same(first.ema, other.ema) and first.scores == other.scores
    another = only(train(settings(), session("another"), seeds=[2]))
    weights = [key for key, value in first.model.items() if value.dim() > 1]
    assert not any(torch.equal(first.model[key], another.model[key]) for key in weights)


def test_the_log_says_how_long_the_steps_waited_for_clips(settings, session, monkeypatch, capsys):
    """By a clock that stands still but for three seconds of reading and one of learning in each step."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)

    def read_slowly(*arguments, **options):
        for batch in read_batches(*arguments, **options):
            clock.now += 3
            yield batch

    class SlowRun(stage_run.StageRun):
        def learn(self, step):
            clock.now += 1
            return super().learn(step)

    monkeypatch.setattr(stage_run, "read_batches", read_slowly)
    monkeypatch.setattr(trainer, "StageRun", SlowRun)
    for module in (stage_run, trainer):
        monkeypatch.setattr(module, "time", clock)
    around = session("out")
    checkpoint = only(train(settings(epochs=1), around))
    _, epochs = read_metrics(around.folder / f"{checkpoint.name}.metrics.jsonl")
    assert epochs["waiting"].tolist() == [0.75]
    assert "its steps waited for clips to be read 75% of the time" in capsys.readouterr().out


def test_epochs_in_between_go_without_validation_and_change_no_weights(settings, session):
    every, seldom = session("every"), session("seldom")
    checkpoints = [only(train(settings(epochs=3, validate_every=n), at)) for n, at in ((1, every), (2, seldom))]
    assert same(checkpoints[0].model, checkpoints[1].model) and checkpoints[0].scores == checkpoints[1].scores
    logs = [read_metrics(at.folder / f"{checkpoints[0].name}.metrics.jsonl")[1] for at in (every, seldom)]
    assert list(logs[1]["clips_loss"].isna()) == [True, False, False]
    np.testing.assert_array_equal(logs[0]["clips_loss"][1:], logs[1]["clips_loss"][1:])


def test_models_trained_in_one_session_are_those_trained_alone(settings, session, tmp_path):
    together = train(settings(epochs=1), session("together"), seeds=[1, 2], folds=[1, "full"])
    assert sorted(together) == [
        "test_resnet-wdfbn-ema-1-fold1-seed1",
        "test_resnet-wdfbn-ema-1-fold1-seed2",
        "test_resnet-wdfbn-ema-1-full-seed1",
        "test_resnet-wdfbn-ema-1-full-seed2",
    ]
    alone = only(train(settings(epochs=1), session("alone"), seeds=[2], folds=["full"]))
    assert same(together[alone.name].model, alone.model) and same(together[alone.name].ema, alone.ema)


# ---------------------------------------------------------------- learning


def test_what_is_heard_often_enough_is_learnt(settings, session, tmp_path):
    plain = settings(epochs=10, learning_rate=3e-3, augmentations=[])
    train(plain, session("out"), folds=["full"])
    steps, _ = read_metrics(next((tmp_path / "out").glob("*.metrics.jsonl")))
    first, last = steps["loss"].head(4).mean(), steps["loss"].tail(4).mean()
    assert last < 0.7 * first


def test_the_average_is_timms_with_warm_up_and_no_longer_the_initial_weights(settings, session, tmp_path, monkeypatch):
    """Recomputed in float64 from the weights after each step."""
    seen = []

    def note(checkpoint, path):
        seen.append((checkpoint.step, copy.deepcopy(checkpoint.model), copy.deepcopy(checkpoint.ema)))

    monkeypatch.setattr(safekeeping, "save_checkpoint", note)
    slow = settings(epochs=3, ema_decay=0.999)
    trainer = Trainer(
        slow, session("out", checkpoint_minutes=0.0), Accelerator(cpu=True), seed=1, fold="full", teachers=[]
    )
    initial = copy.deepcopy(trainer.model.state_dict())
    trainer.run()
    floating = [key for key, value in initial.items() if value.is_floating_point()]
    average = {key: initial[key].double() for key in floating}
    every_step = {step: (model, ema) for step, model, ema in seen}
    assert sorted(every_step) == list(range(1, trainer.stage_run.last_step + 1)) and len(every_step) > 8
    for step, (model, ema) in sorted(every_step.items()):
        decay = min(0.999, 1 - step ** -(3 / 4))
        for key in floating:
            average[key] = decay * average[key] + (1 - decay) * model[key].double()
            torch.testing.assert_close(ema[key].double(), average[key], rtol=1e-4, atol=1e-6, msg=f"{key}, step {step}")
    learnt = torch.cat([(model[key] - initial[key]).flatten() for key in floating]).norm()
    averaged = torch.cat([(ema[key] - initial[key]).flatten() for key in floating]).norm()
    assert averaged > 0.3 * learnt  # without warm-up a hundredth: 0.999 ** 12 of the initial weights would be left


def test_a_student_that_is_its_teacher_has_nothing_to_learn_from_it(settings, session, tmp_path):
    doubled = [{"name": "concatmix", "p": 1.0, "length": "doubled"}, {"name": "mixup", "p": 1.0, "alpha": 1.5}]
    teacher = only(train(settings(epochs=1, head=ATTENTION, augmentations=doubled), session("teacher")))
    around = session("student")

    def first_loss(weights, shares):
        loss = [{"name": "distillation", "shares": shares}]
        changed = settings(epochs=1, head=ATTENTION, augmentations=doubled, loss=loss)
        student = Trainer(changed, around, Accelerator(cpu=True), seed=1, fold=0, teachers=[teacher])
        if weights:
            student.model.load_state_dict(weights)
        student.model.eval()  # as the teacher is: no dropout, no batch statistics
        return student.stage_run.accumulate(student.stage_run.batches(0), 0, lambda: 0.0)[0]

    assert first_loss(teacher.ema, [0, 0.5, 0.5]) < 1e-9
    assert first_loss(teacher.model, [0, 0.5, 0.5]) > 1e-6
    assert first_loss(None, [0, 0.5, 0.5]) > 1e-6
    labels = first_loss(teacher.ema, [1, 0, 0])
    assert labels > 0.1
    assert first_loss(teacher.ema, [0.33, 0.34, 0.33]) == pytest.approx(0.33 * labels, rel=1e-5)


def test_a_student_can_begin_with_its_teachers_backbone(settings, session, tmp_path):
    teacher = only(train(settings(epochs=1), session("teacher")))
    recipe = settings(epochs=1, head=ATTENTION, start={"name": "teacher_backbone"}, loss=DISTILLATION)
    around = session("student")
    student = Trainer(recipe, around, Accelerator(cpu=True), seed=7, fold=0, teachers=[teacher])
    assert student.name == "rkl-test_resnet-time-wdfbn-test_resnet-ema-1-fold0-seed7"
    weights = student.model.state_dict()
    backbone = [key for key in weights if key.startswith("backbone.")]
    assert backbone and all(torch.equal(weights[key], teacher.ema[key]) for key in backbone)
    saved = only(train(recipe, around, seeds=[7], teachers=[tmp_path / "teacher"]))
    assert saved.teachers == (teacher.name,)


def test_several_teachers_of_one_fold_teach_their_mean(settings, session, tmp_path):
    train(settings(epochs=1), session("teachers"), seeds=[1, 2])
    saved = only(train(settings(epochs=1, loss=DISTILLATION), session("student"), teachers=[tmp_path / "teachers"]))
    assert saved.teachers == ("test_resnet-wdfbn-ema-1-fold0-seed1", "test_resnet-wdfbn-ema-1-fold0-seed2")
    teachers = [load_checkpoint(path) for path in checkpoints_in(tmp_path / "teachers")]
    mels = torch.rand(3, *teachers[0].front_end.shape)
    alone = [build_teacher([one])(mels).sigmoid() for one in teachers]
    torch.testing.assert_close(build_teacher(teachers)(mels).sigmoid(), (alone[0] + alone[1]) / 2)
    # Of their backbones the one of the same seed is taken, else the first.
    for seed, origin in ((2, teachers[1]), (9, teachers[0])):
        recipe = settings(epochs=1, start={"name": "teacher_backbone"}, loss=DISTILLATION)
        student = Trainer(recipe, session("other"), Accelerator(cpu=True), seed=seed, fold=0, teachers=teachers)
        assert torch.equal(next(student.model.backbone.parameters()), next(iter(origin.ema.values())))


# ---------------------------------------------------------------- validation


def by_hand(truth, scores):
    """Loss, padded cmAP and macro ROC-AUC by torch and scikit-learn."""
    loss = F.binary_cross_entropy(torch.from_numpy(scores).double(), torch.from_numpy(truth).double()).item()
    ones = np.ones((5, truth.shape[1]))
    cmap = average_precision_score(np.concatenate([truth, ones]), np.concatenate([scores, ones]), average="macro")
    heard = truth.any(axis=0) & ~truth.all(axis=0)
    return {"loss": loss, "padded_cmap": cmap, "macro_roc_auc": roc_auc_score(truth[:, heard], scores[:, heard])}


def test_the_log_the_checkpoint_and_the_predictions_tell_the_same_scores(settings, session, prepared, tmp_path):
    checkpoint = only(train(settings(), session("out")))
    assert files(tmp_path / "out") == {"last.pt", "best.pt", "metrics.jsonl", "oof.csv"}
    predictions = read_predictions(tmp_path / "out" / f"{checkpoint.name}.oof.csv")
    recordings = prepared.recordings
    held_back = recordings[recordings["fold"] == 0]
    assert sorted(predictions.filenames) == sorted(held_back["filename"])
    for filename, row in zip(predictions.filenames, predictions.truth, strict=True):
        labels = recordings.set_index("filename").loc[filename]
        expected = {labels["primary_label"], *labels["secondary_labels"].split()}
        assert {predictions.classes[place] for place in np.flatnonzero(row)} == expected
    authors = recordings.set_index("filename")["author"].loc[list(predictions.filenames)]
    assert authors.groupby(list(predictions.groups)).nunique().eq(1).all()
    assert len(set(predictions.groups)) == authors.nunique() > 1
    expected = by_hand(predictions.truth, predictions.scores)
    assert checkpoint.scores["clips"] == pytest.approx(expected, rel=1e-4)
    _, epochs = read_metrics(tmp_path / "out" / f"{checkpoint.name}.metrics.jsonl")
    assert epochs["epoch"].tolist() == [1, 2]
    logged = {name: epochs[f"clips_{name}"].iloc[-1] for name in expected}
    assert logged == pytest.approx(expected, rel=1e-4)
    best = load_checkpoint(tmp_path / "out" / f"{checkpoint.name}.best.pt")
    assert checkpoint.best_score == epochs["clips_macro_roc_auc"].max()
    assert best.epoch == checkpoint.best_epoch == epochs["epoch"][epochs["clips_macro_roc_auc"].idxmax()]


def test_predictions_are_those_of_the_averaged_weights_on_the_first_seconds(settings, session, prepared, tmp_path):
    around = session("out")
    checkpoint = only(train(settings(), around))
    predictions = read_predictions(tmp_path / "out" / f"{checkpoint.name}.oof.csv")
    model = checkpoint.build()
    model.load_state_dict(checkpoint.ema)
    samples = checkpoint.front_end.samples
    for filename, found in zip(predictions.filenames, predictions.scores, strict=True):
        wave, _ = soundfile.read(prepared.audio / filename, frames=samples, dtype="float32")
        wave = np.resize(wave, samples)  # repeats what is too short
        with torch.no_grad():
            expected = model.eval().scores(MelSpectrogram(around.front_end)(torch.from_numpy(wave)[None])).sigmoid()
        np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-5)


def test_a_training_on_all_data_hears_all_and_validates_on_nothing(settings, session, prepared, tmp_path):
    around = session("out")
    full = Trainer(settings(), around, Accelerator(cpu=True), seed=1, fold="full", teachers=[])
    assert sorted(full.stage_run.table.rows["number"]) == list(range(len(prepared.recordings)))
    checkpoint = only(train(settings(), around, folds=["full"]))
    assert files(tmp_path / "out") == {"last.pt", "metrics.jsonl"}  # no best epoch either
    assert checkpoint.scores == {"clips": None, "soundscapes": None} and checkpoint.best_score is None
    _, epochs = read_metrics(tmp_path / "out" / f"{checkpoint.name}.metrics.jsonl")
    assert len(epochs) == 2 and epochs["clips_loss"].isna().all() and epochs["train_loss"].notna().all()


@pytest.mark.parametrize("fold", [0, "full"])
def test_a_training_hears_nothing_that_its_fold_holds_back(settings, session, prepared, tmp_path, monkeypatch, fold):
    heard = set()
    read = Clips.__getitem__

    def note(self, key):
        item = read(self, key)
        if self.crop == "random":
            heard.add(self.table.rows["path"][item[3]])
        return item

    monkeypatch.setattr(Clips, "__getitem__", note)
    train(settings(), session("out"), folds=[fold])
    filenames = prepared.recordings["filename"][prepared.recordings["fold"] != fold]
    assert len(heard) >= 12 and heard <= {prepared.audio / filename for filename in filenames}


@pytest.fixture
def labelled(competition, prepared):
    """The labels of a soundscape: the first species in its first 5 s, the second one thereafter."""
    stem = next((competition.root / "test_soundscapes").iterdir()).stem
    labels = {f"{stem}_5": prepared.classes[0], f"{stem}_10": prepared.classes[1]}
    return known_soundscapes(competition.root / "test_soundscapes", labels, prepared.classes)


@pytest.mark.parametrize(
    ("fold", "metric", "key"), [(0, "padded cmAP", "padded_cmap"), ("full", "row-wise micro F1", "rowwise_f1")]
)
def test_where_labelled_soundscapes_exist_they_choose_the_best_epoch_by_the_competitions_metric(
    settings, session, prepared, labelled, tmp_path, fold, metric, key
):
    around = session("out")
    validation = Validation(
        prepared,
        around.front_end,
        metric=metric,
        soundscapes=labelled,
        batch_size=8,
        workers=0,
        padding="cyclic",
    )
    checkpoint = only(train(settings(), session("out", validation=validation), folds=[fold]))
    assert files(tmp_path / "out") >= {"last.pt", "best.pt", "metrics.jsonl", "soundscapes.csv"}
    predictions = read_predictions(tmp_path / "out" / f"{checkpoint.name}.soundscapes.csv")
    assert list(predictions.row_ids) == list(labelled.row_ids)
    found = checkpoint.scores["soundscapes"]
    expected = by_hand(predictions.truth, predictions.scores)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    _, epochs = read_metrics(tmp_path / "out" / f"{checkpoint.name}.metrics.jsonl")
    assert checkpoint.best_score == epochs[f"soundscapes_{key}"].max() and checkpoint.metric == key
    assert found[key] == metric_of(metric)(predictions.truth, predictions.scores)
    assert (checkpoint.scores["clips"] is None) == (fold == "full")


def test_a_metric_that_nobody_knows_is_refused_before_training(session, prepared):
    options = {"soundscapes": None, "batch_size": 8, "workers": 0, "padding": "cyclic"}
    with pytest.raises(BirdlibError, match="metric 'accuracy' is not known; expected one of row-wise micro F1"):
        Validation(prepared, session("out").front_end, metric="accuracy", **options)


# ---------------------------------------------------------------- several sessions


def test_a_third_session_still_has_what_the_first_one_finished(settings, session, tmp_path):
    """A kernel's output replaces its last one: what is finished has to be handed on each time."""
    recipe = settings(epochs=1)
    for number, seeds in enumerate(([1], [1, 2], [1, 2, 3])):
        around = session(str(number))
        if number:
            take_up(tmp_path / str(number - 1), around.folder)
        train(recipe, around, seeds=seeds)
    assert len(checkpoints_in(tmp_path / "2")) == 3
    first, handed_on = (
        load_checkpoint(tmp_path / folder / "test_resnet-wdfbn-ema-1-fold0-seed1.last.pt") for folder in "02"
    )
    assert same(first.model, handed_on.model)
    lines = (tmp_path / "2" / f"{first.name}.metrics.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["event"] == "epoch" for line in lines) == 1
