"""Continuing where an earlier session of the same kernel ended."""

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

from birdlib.errors import BirdlibError
from birdlib.scores.prediction_tables import ON_SOUNDSCAPES, OUT_OF_FOLD
from birdlib.training.log import SUFFIX
from birdlib.training.safekeeping import BEFORE
from birdlib.training.settings import CHANGEABLE, CHANGEABLE_IN_STAGE, TrainSettings
from birdlib.training.surroundings import Surroundings
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
    wanted, done = flat_recipes(settings.recipe(), saved.settings)
    mine = {
        **wanted,
        **around.front_end.as_dict(),
        "classes": around.clips.prepared.classes,
        "data_version": around.clips.prepared.data_version,
        "metric": around.validation.metric if saved.metric else "",  # or the best epoch would be of no metric
        "teachers": saved.teachers if teachers is None else teachers,
    }
    theirs = {
        **done,
        **saved.front_end.as_dict(),
        "classes": saved.classes,
        "data_version": saved.data_version,
        "metric": saved.metric,
        "teachers": saved.teachers,
    }
    names = [name for name in mine | theirs if mine.get(name) != theirs.get(name) and not _may_change(name, saved)]
    if names:
        shown = [f"{name} was {_short(theirs.get(name))}, is {_short(mine.get(name))}" for name in names[:3]]
        changeable = ", ".join(name.upper() for name in (*CHANGEABLE_IN_STAGE, *CHANGEABLE))
        raise BirdlibError(
            f"{saved.name}{LAST}: the checkpoint is of another training ({'; '.join(shown)}); resume with the same "
            f"settings and data, or train anew without this checkpoint (EARLIER = None); only {changeable} may "
            "change on resume, and what is to come of later stages"
        )
    if saved.stage >= len(settings.stages):
        raise BirdlibError(
            f"{saved.name}{LAST}: is in stage {saved.stage + 1}, and there are {len(settings.stages)}; resume with "
            "as many, or train anew (EARLIER = None)"
        )
    epochs = (saved.step - saved.stage_first_step) / saved.steps_per_epoch
    of_stage = settings.stages[saved.stage].epochs
    if epochs > of_stage:
        raise BirdlibError(
            f"{saved.name}{LAST}: {epochs:.4g} epochs are done, and EPOCHS is {of_stage}; "
            f"resume with EPOCHS = {math.ceil(epochs)} or more, or train anew (EARLIER = None)"
        )


def flat_recipes(*recipes: dict) -> list[dict]:
    """Recipes with the settings of their stages side by side, under names that can be compared.

    "loss" where each has one stage; "stage 1 loss" and "stage 2 loss" where any has more.
    """
    several = any(len(recipe["stages"]) > 1 for recipe in recipes)
    flat = []
    for recipe in recipes:
        flat.append({name: value for name, value in recipe.items() if name not in ("stages", "epochs")})
        for number, stage in enumerate(recipe["stages"], 1):
            stage = {"betas": [0.9, 0.999]} | stage  # AdamW's own, before they were a setting
            prefix = f"stage {number} " if several else ""
            flat[-1] |= {f"{prefix}{name}": _plain(value) for name, value in stage.items()}
    return flat


def _may_change(name: str, saved: Checkpoint) -> bool:
    """Whether a setting may differ from the checkpoint's: of the stage in progress some, of later ones all."""
    if name.startswith("stage "):
        _, number, setting = name.split(" ", 2)
        stage = int(number) - 1
        return stage > saved.stage or (stage == saved.stage and setting in CHANGEABLE_IN_STAGE)
    return name in CHANGEABLE or name in CHANGEABLE_IN_STAGE


def _plain(value: object) -> object:
    """Lists and tuples are alike in a recipe."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


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
