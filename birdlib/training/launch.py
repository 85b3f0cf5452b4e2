"""Trains the members of a recipe, each in processes of its own.

A process that has run torch must not be forked: libgomp's threads do not survive it, and the child waits for them for
ever. A notebook has run torch before its training begins. So it starts every training as a new process, also where
one process does it: there is one way for all, the notebook's memory and GPUs stay free, and what hangs can be ended.
"""

import os
import time
from collections import deque
from dataclasses import dataclass

import torch

from birdlib.errors import BirdlibError
from birdlib.training.following import Training
from birdlib.training.members import Members, Planned, plan_members
from birdlib.training.process import Task
from birdlib.training.resuming import flat_recipes
from birdlib.training.surroundings import Surroundings
from birdlib.weights.checkpoint import checkpoints_in

_SECONDS = 0.2  # between two looks at the processes


@dataclass(frozen=True)
class Place:
    """Where one model at a time is trained. devices: as CUDA_VISIBLE_DEVICES has them; None for a CPU."""

    processes: int
    devices: str | None


def train_members(
    members: Members,
    around: Surroundings,
    processes: int = 0,
    *,
    threads: int = 0,
    stall_minutes: float = 15.0,
) -> bool:
    """Train every member; those that are finished are passed over, one that was begun goes on.

    Several models are trained side by side, as many as there are GPUs for; a CPU trains one after another. Where one
    fails, the others go on to their end, and the fault is raised then.

    Args:
        processes: that train one model together; 0 for all GPUs where there is one model, else 1.
        threads: of the CPU, for each process; 0 for torch's own choice.
        stall_minutes: without a batch that is learnt from or validated, until a training's stacks are printed and it
            is ended. Until its first batch it has five minutes more.

    Returns:
        Whether all are finished; if not, the session had to close.

    Raises:
        BirdlibError: what the training processes said, a model after the other.
    """
    if stall_minutes <= 0 or threads < 0:
        raise BirdlibError(f"STALL_MINUTES = {stall_minutes}, THREADS = {threads}: expected more than 0, and 0 or more")
    planned = plan_members(members, around)
    free = places_for(len(planned), processes, _gpus())
    for plan in planned:
        if plan.finished:
            print(f"{plan.name}: finished in an earlier session{_other_settings(plan, members)}")
    waiting = deque(plan for plan in planned if not plan.finished)
    running, faults = dict[Training, Place](), dict[str, str]()
    begun, all_finished = False, True
    try:
        while True:
            # The first model makes at least one step, so that every session gets on.
            while waiting and free and (not begun or around.clock.left() > 0):
                plan, place, begun = waiting.popleft(), free.pop(0), True
                task = Task(members, around, plan.seed, plan.fold, threads)
                training = Training(plan.name, task, processes=place.processes, devices=place.devices)
                running[training] = place
            if not running:
                break  # those that still wait have no time
            time.sleep(_SECONDS)
            for training in list(running):
                _look(training, around, stall_minutes)
                if training.has_ended:
                    all_finished &= training.finish()
                    if training.fault:
                        faults[training.name] = training.fault
                    free.append(running.pop(training))
    finally:
        for training in running:  # where this process is interrupted
            training.end()
            training.finish()
    if faults:
        raise BirdlibError(_together(faults, len(planned)))
    return not waiting and all_finished


def _look(training: Training, around: Surroundings, stall_minutes: float) -> None:
    """Print what there is to read, and end what hangs or is late."""
    training.relay()
    if training.has_ended:
        return
    if training.seconds_without_life > 60 * stall_minutes:
        training.end_stalled(stall_minutes)
    elif around.clock.left() < -around.clock.closing_seconds / 2:
        training.end()
        if checkpoints_in(around.folder):
            print(f"{training.name}: the session closes before the next save: its last checkpoint counts")
        else:  # or session after session would begin anew
            training.fault = "the session closed before the first step was saved; give it more SESSION_MINUTES"


def places_for(models: int, processes: int, gpus: list[str]) -> list[Place]:
    """Where to train so many models.

    It follows from the recipe and the machine alone, so that a training resumes as it began.

    Args:
        processes: that train one model together; 0 for all GPUs where there is one model, else 1.
        gpus: their numbers, as CUDA_VISIBLE_DEVICES has them.
    """
    if processes < 0 or (gpus and processes > len(gpus)):
        raise BirdlibError(f"PROCESSES = {processes}: expected 0 to {len(gpus)}, one per GPU for each model")
    if not gpus:
        return [Place(processes or 1, None)]
    each = processes or (len(gpus) if models == 1 else 1)
    starts = range(0, len(gpus) - each + 1, each)
    return [Place(each, ",".join(gpus[start : start + each])) for start in starts]


def _gpus() -> list[str]:
    # device_count asks the driver; the notebook's process takes no memory of theirs.
    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (visible.split(",") if visible else [str(number) for number in range(count)])[:count]


def _other_settings(plan: Planned, members: Members) -> str:
    earlier, wanted = flat_recipes(plan.earlier.settings, members.settings.recipe())
    others = {name: value for name, value in earlier.items() if wanted.get(name) != value}
    return f", with {', '.join(f'{name} = {value}' for name, value in others.items())}" if others else ""


def _together(faults: dict[str, str], count: int) -> str:
    """The faults as one line, each text once."""
    models: dict[str, list[str]] = {}
    for name, fault in faults.items():
        models.setdefault(fault.removeprefix(f"{name}: "), []).append(name)
    lines = [f"{', '.join(names)}: {fault}" for fault, names in models.items()]
    return (f"{len(faults)} of {count} models failed: " if count > 1 else "") + "; ".join(lines)
