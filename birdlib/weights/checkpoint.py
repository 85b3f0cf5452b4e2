"""Checkpoints: what training writes, and what resuming, distillation and export read."""

import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import torch

from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.models.architectures import BirdModel, build_model
from birdlib.models.variant import variant

SCHEMA = 2
LAST = ".last.pt"  # the whole state, from which training goes on
BEST = ".best.pt"  # averaged weights of the best epoch only


@dataclass(frozen=True)
class Checkpoint:
    """A model in training.

    Attributes:
        name: as ``birdlib.weights.names`` builds it, and the stem of its files.
        architecture, head, channels, embedding_size: as ``birdlib.models.architectures.build_model`` takes them.
        classes: labels of the outputs, in order.
        front_end: the parameters of its mel spectrograms.
        seed, fold: of its training; fold "full" means all data.
        epoch, step: epochs done, with their validation, and optimiser steps done in all.
        stage, stage_first_step, stage_first_epoch: the stage that it is in, and where that began.
        steps_per_epoch: of that stage.
        finished: whether all epochs are done.
        data_version: of the prepared data that it learns from.
        settings: the recipe; what has to be the same for training to go on.
        scores: of the last validation, by what was listened to, then by metric.
        best_score, best_epoch: the best epoch so far; None before the first validation.
        metric: by which it is the best; "" where that is not known.
        commit: of the source that built the kernel.
        epoch_loss: sum of the losses of the epoch begun.
        epoch_skipped: its steps that were skipped, since their loss or gradients were not finite.
        skipped: such steps of the whole training.
        seconds: of training so far, over all sessions.
        teachers: names of the models that it is distilled from.
        model, ema: state dicts of the weights and of their moving average.
        optimiser, scaler: their states; empty in a checkpoint of the best epoch.
    """

    name: str
    architecture: str
    head: dict
    channels: int
    classes: tuple[str, ...]
    front_end: FrontEnd
    seed: int
    fold: int | str
    epoch: int
    step: int
    finished: bool
    data_version: str
    settings: dict
    scores: dict
    best_score: float | None
    best_epoch: int | None
    commit: str
    embedding_size: int = 0
    stage: int = 0
    stage_first_step: int = 0
    stage_first_epoch: int = 0
    steps_per_epoch: int = 1
    metric: str = ""
    epoch_loss: float = 0.0
    epoch_skipped: int = 0
    skipped: int = 0
    seconds: float = 0.0
    teachers: tuple[str, ...] = ()
    model: dict = field(default_factory=dict, repr=False)
    ema: dict = field(default_factory=dict, repr=False)
    optimiser: dict = field(default_factory=dict, repr=False)
    scaler: dict = field(default_factory=dict, repr=False)

    @property
    def variant(self) -> str:
        """The network and its head as one name, such as "rexnet150-time"."""
        return variant(self.architecture, self.head["name"])

    @property
    def clips(self) -> list[dict]:
        """The clip sources of all stages of its training."""
        return [table for stage in self.settings["stages"] for table in stage["clips"]]

    def build(self) -> BirdModel:
        """A model of this kind, with other weights."""
        return build_model(
            self.architecture,
            self.head,
            len(self.classes),
            channels=self.channels,
            embedding_size=self.embedding_size,
        )

    def without_tensors(self) -> "Checkpoint":
        """What it says of the model, without the model."""
        return replace(self, model={}, ema={}, optimiser={}, scaler={})

    def weights_only(self) -> "Checkpoint":
        """The averaged weights and what they are, without what only training needs."""
        return replace(self, model={}, optimiser={}, scaler={})


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint whole or not at all; the one that it replaces stays until then.

    Raises:
        BirdlibError: the disk is full, or cannot be written.
    """
    values = {item.name: getattr(checkpoint, item.name) for item in fields(checkpoint)}
    values |= {
        "schema": SCHEMA,
        "classes": list(checkpoint.classes),
        "teachers": list(checkpoint.teachers),
        "front_end": checkpoint.front_end.as_dict(),
    }
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            torch.save(values, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    # torch's zip writer turns a full disk into a RuntimeError.
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        cause = error if isinstance(error, OSError) else error.__context__
        reason = getattr(cause, "strerror", None) or str(error).splitlines()[0]
        kept = f"the one of before is kept ({path.name})" if path.exists() else "there is none of before"
        raise BirdlibError(f"{path}: the checkpoint cannot be written ({reason}); {kept}; free some space") from None


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint into memory (on the CPU).

    Raises:
        BirdlibError: the file is missing, damaged, or no checkpoint of ours.
    """
    if not path.is_file():
        raise BirdlibError(f"{path}: no such checkpoint")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each have their own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BirdlibError(f"{path}: cannot be read as a checkpoint ({reason[:120]})") from None
    if not isinstance(values, dict) or "schema" not in values:
        raise BirdlibError(f"{path}: not a checkpoint of this library")
    if values["schema"] != SCHEMA:
        raise BirdlibError(f"{path}: a checkpoint of schema {values['schema']}, not {SCHEMA}; train the model anew")
    names = {item.name for item in fields(Checkpoint)}
    if missing := sorted(names - values.keys()):
        raise BirdlibError(f"{path}: the checkpoint lacks {', '.join(missing)}")
    return Checkpoint(
        **{name: values[name] for name in names & values.keys()}
        | {
            "classes": tuple(values["classes"]),
            "teachers": tuple(values["teachers"]),
            "front_end": FrontEnd.from_dict(values["front_end"]),
        }
    )


def checkpoints_in(folder: Path, suffix: str = LAST) -> tuple[Path, ...]:
    """The checkpoints that lie directly in a folder, by name."""
    return tuple(sorted(path for path in folder.glob(f"*{suffix}") if path.is_file()))


def first_not_finite(tensors: dict[str, torch.Tensor]) -> str | None:
    """The name of the first tensor with a value that is NaN or infinite; None if there is none."""
    return next((name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()), None)
