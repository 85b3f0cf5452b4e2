"""Continuing where an earlier session of the same kernel ended."""

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

from birdlib.errors import BirdlibError
from birdlib.training.log import SUFFIX
from birdlib.training.safekeeping import BEFORE
from birdlib.training.settings import CHANGEABLE, TrainSettings
from birdlib.training.surroundings import Surroundings
from birdlib.training.validation import ON_SOUNDSCAPES, OUT_OF_FOLD
from birdlib.weights.checkpoint import BEST, LAST, Checkpoint, load_checkpoint, save_checkpoint

_KINDS = (BEST, SUFFIX, OUT_OF_FOLD, ON_SOUNDSCAPES)


def take_up(earlier: Path, folder: Path) -> list[str]:
    """Copy what an earlier session left into the folder that this one writes to.

    A session's output on Kaggle replaces the last one: what is finished has to be carried along, too. What already
    lies in the folder stays as it is, since it is newer.

    Args:
        earlier: the output of the earlier session, read-only.
        folder: where this session writes.

    Returns:
        The names of the trainings that were taken up.

    Raises:
        BirdlibError: there is nothing to take up, or the disk is full.
    """
    checkpoints = sorted(earlier.glob(f"*{LAST}"))
    if not checkpoints:
        raise BirdlibError(f"{earlier}: no *{LAST} in it to go on from; attach an earlier output, or EARLIER = None")
    names = [path.name.removesuffix(LAST) for path in checkpoints]
    for name in names:
        # The checkpoint last: where it lies, all that belongs to it does.
        for suffix in (*_KINDS, LAST):
            source, target = earlier / f"{name}{suffix}", folder / f"{name}{suffix}"
            if source.exists() and not (folder / f"{name}{LAST}").exists():
                _copy(source, target)
    print(f"taken up from an earlier session: {', '.join(names)}")
    return names


def check_continues(
    saved: Checkpoint, settings: TrainSettings, around: Surroundings, teachers: tuple[str, ...] | None
) -> None:
    """Check that a checkpoint can be continued under these settings, but for its seed and fold.

    Args:
        teachers: names of the teachers of the checkpoint's fold; None where they do not matter.

    Raises:
        BirdlibError: it is of another training, or has done more epochs than are wanted; the text says what differs.
    """
    mine = {
        **settings.recipe(),
        **around.front_end.as_dict(),
        "classes": around.prepared.classes,
        "data_version": around.prepared.data_version,
        "metric": around.validation.metric if saved.metric else "",  # or the best epoch would be of no metric
        "teachers": saved.teachers if teachers is None else teachers,
    }
    theirs = {
        **saved.settings,
        **saved.front_end.as_dict(),
        "classes": saved.classes,
        "data_version": saved.data_version,
        "metric": saved.metric,
        "teachers": saved.teachers,
    }
    names = [name for name in mine | theirs if name not in CHANGEABLE and mine.get(name) != theirs.get(name)]
    if names:
        shown = [f"{name} was {_short(theirs.get(name))}, is {_short(mine.get(name))}" for name in names[:3]]
        changeable = ", ".join(name.upper() for name in CHANGEABLE)
        raise BirdlibError(
            f"{saved.name}{LAST}: the checkpoint is of another training ({'; '.join(shown)}); resume with the same "
            f"settings and data, or train anew without this checkpoint (EARLIER = None); only {changeable} may "
            "change on resume"
        )
    steps_per_epoch = len(around.prepared.training_rows(saved.fold)) // settings.batch_size
    done = saved.step / max(steps_per_epoch, 1)
    if done > settings.epochs:
        raise BirdlibError(
            f"{saved.name}{LAST}: {done:.4g} epochs are done, and EPOCHS is {settings.epochs}; "
            f"resume with EPOCHS = {math.ceil(done)} or more, or train anew (EARLIER = None)"
        )


def rename_training(old: str, new: str, settings: TrainSettings, folder: Path) -> None:
    """Give a training that continues for another number of epochs its new name, in its checkpoints too.

    Its predictions are deleted, since those of the new last epoch take their place. After a kill in between, both
    names are there, with the same state.
    """
    for suffix in (BEST, LAST):
        path = folder / f"{old}{suffix}"
        if path.exists():
            saved = load_checkpoint(path)
            finished = suffix == BEST and saved.epoch == settings.epochs  # the last has predictions to make still
            renamed = replace(saved, name=new, settings=settings.recipe(), finished=finished)
            save_checkpoint(renamed, folder / f"{new}{suffix}")
        if suffix == BEST and (folder / f"{old}{SUFFIX}").exists():
            _copy(folder / f"{old}{SUFFIX}", folder / f"{new}{SUFFIX}")
    remove_training(old, folder)
    print(f"{old}: continues as {new}")


def remove_training(name: str, folder: Path) -> None:
    """Delete all files of a training; the checkpoint, without which the others mean nothing, first."""
    for suffix in (LAST, BEFORE, *_KINDS):
        (folder / f"{name}{suffix}").unlink(missing_ok=True)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BirdlibError(f"{target}: cannot be copied ({error.strerror})") from None
