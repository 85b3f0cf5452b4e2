"""A small competition, prepared once, and trainings on it that take seconds."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.frontend.mel import FrontEnd
from birdlib.training.clock import SessionClock
from birdlib.training.members import Members, plan_members
from birdlib.training.process import Task, train
from birdlib.training.settings import TrainSettings
from birdlib.training.surroundings import Surroundings
from birdlib.training.validation import Validation

FRONT_END = FrontEnd(32000, 5, 2048, 2000, 32, 50, 14000)

SETTINGS = TrainSettings(
    architecture="test_resnet",
    channels=0,
    dropout=0.1,
    drop_path=0.0,
    pretrained=False,
    backbone_from_teacher=False,
    epochs=2,
    batch_size=6,
    learning_rate=1e-3,
    weight_decay=1e-2,
    ema_decay=0.9,
    augmentations=[
        {"name": "concatmix", "p": 0.5, "reading": "halves"},
        {"name": "sumix", "p": 1.0, "low": 0.3, "high": 1.0},
        {"name": "mixup", "p": 1.0, "alpha": 1.5},
        {"name": "cutmix", "p": 0.5, "alpha": 1.5},
    ],
    secondary="target",
    padding="cyclic",
    loss_shares=[0.33, 0.34, 0.33],
    divergence="bernoulli",
    precision="auto",
)


@pytest.fixture(scope="session")
def competition(tmp_path_factory, make_competition, prepare):
    """Four species, six recordings of each: the competition's folder, and the prepare kernel's output."""
    root = tmp_path_factory.mktemp("competition")
    make_competition(
        root, seed=5, species=4, recordings_per_species=6, soundscapes=1, soundscape_seconds=10, broken_files=0
    )
    output = tmp_path_factory.mktemp("prepared")
    prepare(CompetitionFiles(root), output, n_folds=3, workers=1)
    return SimpleNamespace(root=root, output=output)


@pytest.fixture(scope="session")
def prepared(competition):
    return Prepared.read(competition.output, CompetitionFiles(competition.root))


def surroundings_of(prepared, folder: Path, **changes) -> Surroundings:
    folder.mkdir(exist_ok=True)
    values = {
        "prepared": prepared,
        "front_end": FRONT_END,
        "validation": Validation(
            prepared,
            FRONT_END,
            metric="macro ROC-AUC",
            soundscapes=None,
            batch_size=8,
            workers=0,
            padding="cyclic",
        ),
        "folder": folder,
        "pretrained": None,
        "device_batch": 6,
        "workers": 0,
        "checkpoint_minutes": 0.0,  # after every step
        "clock": SessionClock(minutes=60, closing_minutes=1),
        "commit": "c0ffee",
    }
    return Surroundings(**values | changes)


class StepsClock(SessionClock):
    """A session that has time for some steps."""

    def __init__(self, steps):
        self.steps = steps

    def left(self):
        self.steps -= 1
        return 1e9 if self.steps > 0 else -1.0


def train_here(members: Members, around: Surroundings) -> bool:
    """What ``train_members`` does, in this process and one model after another; whether all are finished."""
    for plan in plan_members(members, around):
        if not plan.finished and not train(Task(members, around, plan.seed, plan.fold)):
            return False
    return True


@pytest.fixture
def surroundings(prepared):
    """Makes the surroundings of a training that writes to a folder: surroundings(folder, workers=1)."""
    return lambda folder, **changes: surroundings_of(prepared, folder, **changes)


@pytest.fixture
def settings():
    """Makes settings: settings(epochs=1)."""
    return lambda **changes: replace(SETTINGS, **changes)
