"""A training process: ``python -m birdlib.training.process FOLDER``.

The folder holds the task, and takes the outcome and the signs of life.
"""

import faulthandler
import json
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

from birdlib.errors import BirdlibError
from birdlib.training.life import show_life_by
from birdlib.training.members import Members
from birdlib.training.precision import capability_here, mixed_precision
from birdlib.training.settings import TrainSettings
from birdlib.training.surroundings import Surroundings
from birdlib.training.trainer import Trainer

TASK, LIFE = "task.pkl", "life"


@dataclass(frozen=True)
class Task:
    """One model to train. threads: of the CPU, for each process; 0 for torch's own choice."""

    members: Members
    around: Surroundings
    seed: int
    fold: int | str
    threads: int = 0


def outcome_file(folder: Path, rank: int) -> Path:
    """Where the process of this rank says how it ended, in JSON: whether the model is finished, and its fault."""
    return folder / f"outcome{rank}.json"


def train(task: Task) -> bool:
    """Train a model in this process, as one of those that ``torch.distributed`` knows of.

    Returns:
        Whether it is finished; if not, the session had to close and the next one continues.

    Raises:
        BirdlibError: it cannot begin or go on; what was saved stays.
    """
    settings = task.members.settings
    accelerator = accelerator_for(settings)
    # Going on to the same numbers needs a GPU that gives the same sums twice.
    torch.backends.cudnn.deterministic = settings.deterministic
    torch.backends.cudnn.benchmark = not settings.deterministic
    teachers = task.members.teachers_of(task.fold, task.around)
    trainer = Trainer(settings, task.around, accelerator, seed=task.seed, fold=task.fold, teachers=teachers)
    run = trainer.stage_run
    plan = run.plan
    stage = f"stage {trainer.stage + 1} of {len(settings.stages)}: " if len(settings.stages) > 1 else ""
    begins = f"goes on after step {trainer.step}" if trainer.step else "begins"
    accelerator.print(
        f"{trainer.name}: {begins}; {stage}{run.last_step - run.first_step} steps of {plan.batch_size} clips "
        f"({plan.steps_per_epoch} an epoch), {plan.processes} process(es) x {plan.micro_batches} micro-batch(es) of "
        f"{plan.device_batch}, on {accelerator.device}",
        flush=True,
    )
    finished = trainer.run()
    if not finished:
        accelerator.print(
            f"{trainer.name}: the session closes at epoch {trainer.epoch} of {settings.epochs}, all saved; attach this "
            "output to the next version and run it to go on"
        )
    accelerator.end_training()
    return finished


def accelerator_for(settings: TrainSettings) -> Accelerator:
    """Of this process, as one of those that ``torch.distributed`` knows of."""
    return Accelerator(
        cpu=not torch.cuda.is_available(),  # or processes without GPUs would not find each other
        mixed_precision=mixed_precision(settings.precision, capability_here()),
        kwargs_handlers=[
            # The others wait while the first process validates.
            InitProcessGroupKwargs(timeout=timedelta(hours=2)),
            # A stage whose loss asks for no embedding gives its layer no gradient.
            DistributedDataParallelKwargs(find_unused_parameters=settings.embedding_size > 0),
        ],
    )


def main(folder: Path) -> None:
    """Train the folder's task, and leave the outcome there."""
    threading.Thread(target=_end_with_the_starter, name="starter's pipe", daemon=True).start()
    if hasattr(signal, "SIGUSR1"):  # not on Windows
        # Written without Python's help, so also where a thread hangs in torch. Readers of data inherit it.
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    task = pickle.loads((folder / TASK).read_bytes())
    if task.threads:
        torch.set_num_threads(task.threads)
    show_life_by(folder / LIFE)
    finished, fault = False, ""
    try:
        finished = train(task)
    except BirdlibError as error:
        fault = str(error)
    except torch.OutOfMemoryError as error:
        fault = f"{str(error).splitlines()[0]}; lower DEVICE_BATCH, which changes nothing but memory and time"
    outcome = outcome_file(folder, int(os.environ.get("RANK", "0")))
    temporary = outcome.with_suffix(".part")
    temporary.write_text(json.dumps([finished, fault]), encoding="utf-8")
    os.replace(temporary, outcome)
    if fault:
        _exit_at_once()  # since the other processes of this model wait for this one


def _end_with_the_starter() -> None:
    """Its end of the pipe closes when it ends, however it does."""
    while os.read(0, 1):
        pass
    _exit_at_once()


def _exit_at_once() -> None:
    """Wait for nobody; readers of data end as well."""
    sys.stdout.flush()
    for reader in multiprocessing.active_children():
        reader.kill()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
