"""A small competition, prepared once, and trainings on it that take seconds."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from birdlib.clip_sources.clip_context import ClipContext
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.frontend.mel import FrontEnd
from birdlib.training.clock import SessionClock
from birdlib.training.members import Members, plan_members
from birdlib.training.process import Task, train
from birdlib.training.settings import TrainSettings, make_stages
from birdlib.training.surroundings import Surroundings
from birdlib.training.validation import Validation

FRONT_END = FrontEnd(32000, 5, 2048, 2000, 32, 50, 14000)

RECIPE = {
    "architecture": "test_resnet",
    "head": {"name": "pooled", "dropout": 0.1},
    "channels": 0,
    "drop_path": 0.0,
    "embedding_size": 0,
    "batch_size": 6,
    "secondary": "target",
    "padding": "cyclic",
    "precision": "auto",
    "max_skipped": 20,
    "validate_every": 1,
    "deterministic": True,
}
STAGE = {
    "start": {"name": "random"},
    "epochs": 2,
    "clips": [{"name": "focal_recordings"}],
    "sampler": {"name": "uniform"},
    "augmentations": [
        {"name": "concatmix", "p": 0.5, "length": "same"},
        {"name": "sumix", "p": 1.0, "low": 0.3, "high": 1.0},
        {"name": "mixup", "p": 1.0, "alpha": 1.5},
        {"name": "cutmix", "p": 0.5, "alpha": 1.5},
    ],
    "loss": [{"name": "bce"}],
    "learning_rate": 1e-3,
    "schedule": {"name": "constant"},
    "weight_decay": 1e-2,
    "betas": [0.9, 0.999],
    "clip_norm": 0.0,
    "ema_decay": 0.9,
    "ema_warm_up": True,
}
DISTILLATION = [{"name": "distillation", "shares": [0.33, 0.34, 0.33]}]
ATTENTION = {"name": "attention", "dropout": 0.1}


def make_settings(stages=({},), **changes) -> TrainSettings:
    """Settings of two epochs in one stage, with some changed: of the training, of all stages, or of single ones."""
    of_stages = STAGE | {name: value for name, value in changes.items() if name in STAGE}
    others = RECIPE | {name: value for name, value in changes.items() if name not in STAGE}
    return TrainSettings(**others, stages=make_stages(stages, **of_stages))


@pytest.fixture(scope="session")
def competition(tmp_path_factory, make_competition, prepare):
    """Four species, six recordings of each: the competition's folder, and the prepare kernel's output."""
    root = tmp_path_factory.mktemp("competition")
    make_competition(
        root, seed=5, species=4, recordings_per_species=6, soundscapes=1, soundscape_seconds=10, broken_files=0
    )
    output = tmp_path_factory.mktemp("prepared")
    prepare(CompetitionFiles(root, edition("demo")), output, n_folds=3, workers=1)
    return SimpleNamespace(root=root, output=output)


@pytest.fixture(scope="session")
def prepared(competition):
    return Prepared.read(competition.output, CompetitionFiles(competition.root, edition("demo")))


def surroundings_of(prepared, folder: Path, **changes) -> Surroundings:
    folder.mkdir(exist_ok=True)
    values = {
        "clips": ClipContext(prepared),
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
    return make_settings
