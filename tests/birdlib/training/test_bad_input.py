"""What goes wrong in a training is one line that says what, where and what to do; and nothing is lost."""

import gc
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
import torch

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.training.clock import SessionClock
from birdlib.training.members import Members
from birdlib.training.settings import read_members
from birdlib.weights.checkpoint import LAST, checkpoints_in, load_checkpoint, save_checkpoint

from .conftest import DISTILLATION, StepsClock, make_settings, surroundings_of, train_here


def train(settings, around, *, seed=1, fold=0, teachers=()):
    return train_here(Members(settings, [seed], [fold], tuple(teachers)), around)


def fault(settings, around, **members):
    """The line of a training that cannot go on."""
    with pytest.raises(BirdlibError) as caught:
        train(settings, around, **members)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
    return str(caught.value)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ---------------------------------------------------------------- weights to start from


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start": {"name": "imagenet"}}, "start from imagenet: no weights are attached; attach the dataset"),
        ({"start": {"name": "teacher_backbone"}}, "TEACHERS: they are needed by a loss or a start"),
        ({"architecture": "resnet_of_nobody"}, "timm has no model 'resnet_of_nobody'"),
        ({"batch_size": 600}, "training recordings do not fill one batch of BATCH_SIZE = 600"),
    ],
)
def test_what_cannot_begin_says_why_before_anything_is_written(settings, surroundings, tmp_path, changes, said):
    around = surroundings(tmp_path / "out")
    assert said in fault(settings(**changes), around)
    assert content(around.folder) == {}


def test_imagenet_weights_of_another_network_are_refused(settings, surroundings, tmp_path):
    (tmp_path / "pretrained").mkdir()
    torch.save({"conv1.weight": torch.zeros(3, 3)}, tmp_path / "pretrained" / "test_resnet.pth")
    said = fault(
        settings(start={"name": "imagenet"}), surroundings(tmp_path / "out", pretrained=tmp_path / "pretrained")
    )
    assert "test_resnet.pth" in said
    said = fault(
        settings(start={"name": "imagenet"}, architecture="test_efficientnet"),
        surroundings(tmp_path / "out", pretrained=tmp_path / "pretrained"),
    )
    assert "no file test_efficientnet.safetensors or test_efficientnet.pth" in said
    assert content(tmp_path / "out") == {}


# ---------------------------------------------------------------- teachers


@pytest.fixture(scope="module")
def taught(competition, tmp_path_factory):
    """A finished teacher of fold 0."""
    prepared = Prepared.read(competition.output, CompetitionFiles(competition.root, edition("demo")))
    folder = tmp_path_factory.mktemp("taught")
    train(make_settings(epochs=1), surroundings_of(prepared, folder))
    return load_checkpoint(checkpoints_in(folder)[0])


OTHER_EAR = FrontEnd(32000, 5, 2048, 2000, 48, 50, 14000)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finished": False, "epoch": 0}, "is not finished (epoch 0); train it to its end"),
        ({"classes": ("a", "b", "c", "d")}, "knows other classes; train it on this competition"),
        ({"front_end": OTHER_EAR}, "hears through another front end"),
        ({"data_version": "0123456789abcdef"}, "learnt from another version of the prepared data"),
        ({"fold": 1}, "no teacher of fold 0: those attached are of 1, and a teacher of another fold has heard"),
        ({"fold": "full"}, "no teacher of fold 0: those attached are of full"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_teacher_that_may_not_teach_is_refused(settings, surroundings, taught, tmp_path, changes, said):
    (tmp_path / "teacher").mkdir()
    save_checkpoint(replace(taught, **changes), tmp_path / "teacher" / f"{taught.name}{LAST}")
    around = surroundings(tmp_path / "out")
    assert said in fault(settings(loss=DISTILLATION), around, teachers=[tmp_path / "teacher"])
    assert content(around.folder) == {}


def test_among_teachers_of_all_folds_only_the_students_own_is_listened_to(settings, surroundings, taught, tmp_path):
    (tmp_path / "teachers").mkdir()
    other = replace(taught, name=taught.name.replace("fold0", "full"), fold="full")
    for one in (taught, other):
        save_checkpoint(one, tmp_path / "teachers" / f"{one.name}{LAST}")
    around = surroundings(tmp_path / "out")
    assert train(settings(epochs=1, loss=DISTILLATION), around, teachers=[tmp_path / "teachers"])
    assert load_checkpoint(checkpoints_in(around.folder)[0]).teachers == (taught.name,)


def test_a_teachers_folder_without_a_teacher_is_named(settings, surroundings, tmp_path):
    (tmp_path / "empty").mkdir()
    said = fault(settings(loss=DISTILLATION), surroundings(tmp_path / "out"), teachers=[tmp_path / "empty"])
    assert "no teacher: there is no *.last.pt in" in said and str(tmp_path / "empty") in said


def test_a_student_does_not_go_on_under_another_teacher(settings, surroundings, taught, tmp_path):
    teachers = {}
    for seed in (1, 2):
        teachers[seed] = tmp_path / f"teacher{seed}"
        teachers[seed].mkdir()
        one = replace(taught, name=taught.name.replace("seed1", f"seed{seed}"), seed=seed)
        save_checkpoint(one, teachers[seed] / f"{one.name}{LAST}")
    around = surroundings(tmp_path / "out", clock=StepsClock(1))
    assert not train(settings(loss=DISTILLATION), around, teachers=[teachers[1]])
    before = content(around.folder)
    said = fault(settings(loss=DISTILLATION), surroundings(tmp_path / "out"), teachers=[teachers[2]])
    assert "the checkpoint is of another training (teachers was" in said
    assert content(around.folder) == before


# ---------------------------------------------------------------- data


def test_a_checkpoint_of_another_version_of_the_folds_is_refused_and_kept(
    settings, surroundings, competition, prepare, tmp_path
):
    around = surroundings(tmp_path / "out")
    train(settings(epochs=1), around)
    before = content(around.folder)
    prepare(CompetitionFiles(competition.root, edition("demo")), tmp_path, n_folds=3, fold_seed=1, workers=1)
    other = Prepared.read(tmp_path, CompetitionFiles(competition.root, edition("demo")))
    said = fault(settings(epochs=1), surroundings_of(other, tmp_path / "out"))
    assert "the checkpoint is of another training (data_version was" in said
    assert content(around.folder) == before


@pytest.fixture
def no_waiting_for_workers(monkeypatch):
    """After a fault in a worker torch's loader is part of a cycle, and waits for its workers 5 s each in vain."""
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.1)
    yield
    gc.collect()


@pytest.fixture
def broken(competition, tmp_path):
    """The competition with one recording, of fold 0, that broke after the preparation, and its file."""
    root = tmp_path / "competition"
    shutil.copytree(competition.root, root)
    prepared = Prepared.read(competition.output, CompetitionFiles(root, edition("demo")))
    path = prepared.audio / prepared.recordings["filename"][int(prepared.validation_rows(0)[0])]
    path.write_bytes(path.read_bytes()[:100])
    return prepared, path


@pytest.mark.parametrize("workers", [0, 2])
def test_a_recording_that_breaks_after_the_preparation_is_named_and_the_state_is_kept(
    settings, broken, tmp_path, no_waiting_for_workers, workers
):
    """In this process, or in one that reads ahead."""
    prepared, path = broken
    around = surroundings_of(prepared, tmp_path / "out", workers=workers)
    said = fault(settings(epochs=2), around, fold="full")
    assert str(path) in said and "Traceback" not in said
    if saved := checkpoints_in(around.folder):
        assert load_checkpoint(saved[0]).step >= 1


def test_a_competition_with_all_that_is_odd_is_trained_on(settings, competition, prepare, tmp_path, capsys):
    """A class without a recording, a secondary label of no class, and a stereo recording at another rate."""
    root, output = tmp_path / "competition", tmp_path / "prepared"
    shutil.copytree(competition.root, root)
    output.mkdir()
    sample = pd.read_csv(root / "sample_submission.csv")
    sample.insert(2, "silent1", 0.0)
    sample.to_csv(root / "sample_submission.csv", index=False)
    metadata = pd.read_csv(root / "train_metadata.csv")
    metadata.loc[0, "secondary_labels"] = "['stranger1']"
    metadata.to_csv(root / "train_metadata.csv", index=False)
    path = root / "train_audio" / metadata["filename"][1]
    wave, rate = soundfile.read(path, dtype="float32")
    stereo = np.stack([soxr.resample(wave, rate, 44100)] * 2, axis=1)
    with soundfile.SoundFile(path, "w", 44100, 2, format="FLAC") as file:
        file.write(stereo)
    prepare(CompetitionFiles(root, edition("demo")), output, n_folds=3, workers=1)
    prepared = Prepared.read(output, CompetitionFiles(root, edition("demo")))
    said = capsys.readouterr().out
    assert "silent1" in said and "stranger1" in said
    around = surroundings_of(prepared, tmp_path / "out")
    assert train(settings(epochs=1), around)
    checkpoint = load_checkpoint(checkpoints_in(around.folder)[0])
    assert "silent1" in checkpoint.classes and len(checkpoint.classes) == 5
    assert all(value is not None for value in checkpoint.scores["clips"].values())


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 2},
        {"drop_path": -0.1},
        {"epochs": 0},
        {"batch_size": 1},
        {"learning_rate": 0.0},
        {"weight_decay": 2.0},
        {"ema_decay": 1.0},
        {"clips": []},
        {"precision": "int8"},
        {"betas": [0.9, 1.0]},
        {"betas": [0.9]},
        {"clip_norm": -1.0},
        {"clip_norm": float("nan")},
        {"max_skipped": 0},
        {"validate_every": 0},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_setting_out_of_range_is_named_as_in_the_notebook(settings, changes):
    ((name, value),) = changes.items()
    with pytest.raises(BirdlibError, match=rf"{name.upper()} = {re.escape(repr(value))}"):
        settings(**changes)


def test_all_settings_out_of_range_are_named_at_once(settings):
    with pytest.raises(BirdlibError, match="EPOCHS = 0; LEARNING_RATE = 9"):
        settings(epochs=0, learning_rate=9)


def test_members_are_all_seeds_of_all_folds():
    assert read_members([1, 2], ["0", "4", "full"], 5) == ([1, 2], [0, 4, "full"])


@pytest.mark.parametrize(
    ("seeds", "folds", "said"),
    [
        ([1], ["5"], 'FOLDS: \'5\' is none; expected "0" to "4", or "full"'),
        ([1], ["all"], "FOLDS: 'all' is none"),
        ([-1], ["0"], "SEEDS: -1 is not a whole number"),
        ([True], ["0"], "SEEDS: True is not"),
        (["1"], ["0"], "SEEDS: '1' is not"),
        ([1, 1], ["0"], "none twice"),
        ([1], ["0", "0"], "none twice"),
        ([], ["0"], "at least one of each"),
        ([1], [], "at least one of each"),
    ],
)
def test_members_that_cannot_be_are_one_line(seeds, folds, said):
    with pytest.raises(BirdlibError, match=re.escape(said)):
        read_members(seeds, folds, 5)


@pytest.mark.parametrize(
    ("minutes", "closing", "said"),
    [(0, 0, "SESSION_MINUTES = 0"), (721, 15, "SESSION_MINUTES = 721"), (60, 60, "CLOSING_MINUTES = 60")],
)
def test_a_session_without_time_is_refused(minutes, closing, said):
    with pytest.raises(BirdlibError, match=said):
        SessionClock(minutes, closing)
