"""The models that one kernel trains, and what an earlier session has already done of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from birdlib.errors import BirdlibError
from birdlib.training.resuming import check_continues, remove_training, rename_training
from birdlib.training.settings import TrainSettings
from birdlib.training.surroundings import Surroundings
from birdlib.training.teacher import find_teachers
from birdlib.weights.checkpoint import LAST, Checkpoint, checkpoints_in, load_checkpoint


@dataclass(frozen=True)
class Members:
    """The models that one kernel trains: every fold with every seed.

    Attributes:
        teachers: folders of the teachers' checkpoints, () for a training without one.
    """

    settings: TrainSettings
    seeds: list[int]
    folds: list[int | str]
    teachers: tuple[Path, ...] = ()

    def teachers_of(self, fold: int | str, around: Surroundings) -> list[Checkpoint]:
        """The teachers of a fold's models. Raises BirdlibError where those attached may not teach it."""
        if bool(self.teachers) != self.settings.needs_teacher:
            told = "attached, but no loss learns from them" if self.teachers else "needed by a loss or a start"
            raise BirdlibError(
                f'TEACHERS: they are {told}; for distillation attach them and set loss = [{{ name = "distillation" }}]'
            )
        if not self.teachers:
            return []
        return find_teachers(
            self.teachers,
            fold=fold,
            classes=around.clips.prepared.classes,
            front_end=around.front_end,
            data_version=around.clips.prepared.data_version,
        )


@dataclass(frozen=True)
class Planned:
    """A model that is to be trained.

    Attributes:
        earlier: what an earlier session saved of it, without tensors; None before the first.
    """

    name: str
    seed: int
    fold: int | str
    earlier: Checkpoint | None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.earlier is not None and self.earlier.finished and self.earlier.name == self.name


def plan_members(members: Members, around: Surroundings) -> list[Planned]:
    """The models in the order of their training. Those that continue for other epochs get their new names.

    Raises:
        BirdlibError: the folder holds a checkpoint of another training, or teachers do not fit. The folder is then as
            it was.
    """
    saved = [load_checkpoint(path).without_tensors() for path in checkpoints_in(around.folder)]
    planned, teachers = [], {}
    for fold in members.folds:
        of_fold = members.teachers_of(fold, around)
        teachers[fold] = tuple(teacher.name for teacher in of_fold)
        for seed in members.seeds:
            name = members.settings.model_name(fold=fold, seed=seed, teachers=of_fold)
            planned.append(Planned(name, seed, fold, _furthest(name, seed, fold, saved)))
    for checkpoint in saved:
        check_continues(checkpoint, members.settings, around, teachers.get(checkpoint.fold))
        # A model of another seed or fold of the same recipe stays: it is as good a member.
        epochs, wanted = checkpoint.settings["epochs"], members.settings.epochs
        if epochs != wanted and (checkpoint.seed, checkpoint.fold) not in {(plan.seed, plan.fold) for plan in planned}:
            raise BirdlibError(
                f"{checkpoint.name}{LAST}: a model of {epochs} epochs beside those of EPOCHS = {wanted}; name its seed "
                "in SEEDS and its fold in FOLDS to continue it, too, or train anew without it (EARLIER = None)"
            )
    for plan in planned:
        if plan.earlier is not None:
            if plan.earlier.name != plan.name:
                rename_training(plan.earlier.name, plan.name, members.settings, around.folder)
            for checkpoint in saved:
                if (checkpoint.seed, checkpoint.fold) == (plan.seed, plan.fold) and checkpoint.name != plan.name:
                    remove_training(checkpoint.name, around.folder)
    return planned


def _furthest(name: str, seed: int, fold: int | str, saved: Sequence[Checkpoint]) -> Checkpoint | None:
    """The model's checkpoint; where there are several, of different numbers of epochs, the one with the most steps."""
    own = [checkpoint for checkpoint in saved if (checkpoint.seed, checkpoint.fold) == (seed, fold)]
    return max(own, key=lambda checkpoint: (checkpoint.step, checkpoint.name == name), default=None)
