"""Trains the members of a recipe one after another, on however many devices there are."""

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator, notebook_launcher
from accelerate.utils import InitProcessGroupKwargs

from birdlib.errors import BirdlibError
from birdlib.training.precision import capability_here, mixed_precision
from birdlib.training.settings import TrainSettings
from birdlib.training.teacher import find_teachers
from birdlib.training.trainer import Surroundings, Trainer

_OUTCOME, _FINISHED = ".training-outcome", "finished"


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


def train_members(members: Members, around: Surroundings, processes: int = 0) -> bool:
    """Train every member; those that are finished are passed over, one that was begun goes on.

    Args:
        processes: how many train together; 0 for one per GPU, or one on a CPU. Under ``accelerate launch`` this
            process is one of those that were started, whatever is said here.

    Returns:
        Whether all are finished; if not, the session had to close and the next one goes on.

    Raises:
        BirdlibError: what the training process said.
    """
    launched = "WORLD_SIZE" in os.environ
    # device_count asks the driver; CUDA must stay untouched in a process that forks the training ones.
    processes = processes or max(1, torch.cuda.device_count())
    if launched or processes == 1:
        return _train(members, around)
    outcome = around.folder / _OUTCOME
    outcome.unlink(missing_ok=True)
    try:
        notebook_launcher(_train_in_child, (members, around), num_processes=processes, use_port=_free_port())
    except Exception as error:
        if outcome.exists():
            raise BirdlibError(outcome.read_text(encoding="utf-8")) from None
        raise BirdlibError(f"a training process died ({str(error).splitlines()[0]}); its output is above") from error
    else:
        return outcome.read_text(encoding="utf-8") == _FINISHED
    finally:
        outcome.unlink(missing_ok=True)


def _train_in_child(members: Members, around: Surroundings) -> None:
    """What the parent cannot see comes back through a file: how it ended, or the line of a fault."""
    outcome = around.folder / _OUTCOME
    try:
        finished = _train(members, around)
    except BirdlibError as error:
        outcome.write_text(str(error), encoding="utf-8")
        raise
    if int(os.environ.get("RANK", "0")) == 0:
        outcome.write_text(_FINISHED if finished else "the session closed", encoding="utf-8")


def _free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def _train(members: Members, around: Surroundings) -> bool:
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),  # or processes that a notebook forks would not find each other
        mixed_precision=mixed_precision(members.settings.precision, capability_here()),
        # The others wait while the first process validates.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(hours=2))],
    )
    # Going on to the same numbers needs a GPU that gives the same sums twice.
    torch.backends.cudnn.deterministic = True
    for fold in members.folds:
        for seed in members.seeds:
            teachers = []
            if members.teachers:
                teachers = find_teachers(
                    members.teachers,
                    fold=fold,
                    classes=around.prepared.classes,
                    front_end=around.front_end,
                    data_version=around.prepared.data_version,
                )
            trainer = Trainer(members.settings, around, accelerator, seed=seed, fold=fold, teachers=teachers)
            accelerator.print(f"{trainer.name}: {_where(trainer)}")
            if not trainer.run():
                accelerator.print(
                    f"{trainer.name}: the session closes at epoch {trainer.epoch} of {members.settings.epochs}, all "
                    "saved; attach this output to the next version and run it to go on"
                )
                return False
            del trainer
            accelerator.free_memory()
    return True


def _where(trainer: Trainer) -> str:
    if trainer.finished:
        return "finished in an earlier session"
    begun = f"goes on after step {trainer.step}" if trainer.step else "begins"
    plan = trainer.plan
    return (
        f"{begun}; {trainer.last_step} steps of {plan.batch_size} clips ({plan.steps_per_epoch} an epoch), "
        f"{plan.processes} process(es) x {plan.parts} part(s) of {plan.device_batch}, on {trainer.accelerator.device}"
    )
