"""From checkpoints to a weight dataset: which models, what each is worth, their weights."""

import filecmp
import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from birdlib.audio.padding import CYCLIC
from birdlib.competition.editions import MACRO_ROC_AUC, check_window_seconds
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.metrics.validation import AUC, KEYS
from birdlib.models.architectures import BirdModel
from birdlib.weights.checkpoint import BEST, LAST, Checkpoint, load_checkpoint

FULL = "full"
EMA, BEST_EPOCH, PLAIN = "ema", "best", "model"
# What can be exported of a training, and what that is called where its score is told.
WEIGHTS = {EMA: "", BEST_EPOCH: ", best epoch", PLAIN: ", of the averaged weights"}
_HEARD = {"soundscapes": "on labelled soundscapes", "clips": "on clips out of fold"}


@dataclass(frozen=True)
class TrainedModel:
    """A trained model that can be exported, its tensors still on disk.

    Attributes:
        path: the checkpoint that holds its weights.
        checkpoint: what that says, without any tensors.
        weights: which weights: "ema" after the last epoch, "best", the same after the best one, or "model", those
            that the optimiser moved.
        score: by which the ensemble is ordered; None where there is none.
        score_name: which score that is, and whose.
    """

    path: Path
    checkpoint: Checkpoint
    weights: str
    score: float | None = None
    score_name: str = "no score"

    @property
    def hearing(self) -> tuple[FrontEnd, str]:
        """The front end, and the padding of windows that are short of audio."""
        return self.checkpoint.front_end, self.checkpoint.settings.get("padding", CYCLIC)

    def load(self) -> BirdModel:
        """The model on the CPU, in evaluation mode.

        Raises:
            BirdlibError: the weights are not its architecture's, or some are not finite.
        """
        saved = load_checkpoint(self.path)
        state = saved.model if self.weights == PLAIN else saved.ema
        model = saved.build()
        try:
            model.load_state_dict(state)
        except (RuntimeError, AttributeError, TypeError) as error:  # torch has several for what is no state dict
            first = re.sub(r"\s+", " ", str(error).partition(":")[2] or str(error)).strip()
            raise BirdlibError(
                f"{self.path}: its weights are not those of {saved.variant} with {len(saved.classes)} classes "
                f"({first[:160]}); train it anew with this version"
            ) from None
        broken = [name for name, value in model.state_dict().items() if not torch.isfinite(value).all()]
        if broken:
            raise BirdlibError(f"{self.path}: {broken[0]} is not finite; export an earlier checkpoint")
        return model.eval()

    def facts(self) -> dict:
        """What the manifest says of it, as ``WeightDataset.add`` takes it."""
        saved = self.checkpoint
        return {
            "name": saved.name,
            "architecture": saved.variant,
            "front_end": saved.front_end,
            "classes": saved.classes,
            "seed": saved.seed,
            "fold": saved.fold,
            "score": self.score,
            "score_name": self.score_name,
            "padding": self.hearing[1],
            "recipe": {
                **saved.settings,
                "weights": self.weights,
                "epoch": saved.epoch,
                "step": saved.step,
                "teachers": list(saved.teachers),
                "data_version": saved.data_version,
                "trained_by": saved.commit,
            },
        }


def find_models(
    folders: Iterable[Path],
    *,
    metric: str,
    wanted: Sequence[str] = ("*",),
    weights: str = EMA,
    allow_unfinished: bool = False,
) -> list[TrainedModel]:
    """The trained models in some folders and all folders below them, by name.

    Args:
        folders: outputs of train kernels, or any folders with checkpoints.
        metric: the competition's, as ``birdlib.competition.editions`` names it; by it models are scored.
        wanted: names of models, or globs. The others lend their scores: a model of all data (fold "full") has held
            nothing back to be scored on, so the mean of its fold siblings stands in, the models of the same recipe
            but for fold and seed.
        weights: "ema", "best" or "model"; see ``TrainedModel``.
        allow_unfinished: whether a training that was not brought to its end may be exported.

    Raises:
        BirdlibError: there is no checkpoint, one cannot be read or is unfinished, two differ under one name, or a
            wanted name is not there.
    """
    if weights not in WEIGHTS:
        raise BirdlibError(f"WEIGHTS = {weights!r}: expected one of {', '.join(map(repr, WEIGHTS))}")
    everything = {path.name.removesuffix(LAST): _facts(path) for path in _checkpoints(folders)}
    chosen = _chosen(everything, wanted)
    models = []
    for name in chosen:
        last, path = everything[name]
        if not last.finished and not allow_unfinished:
            raise BirdlibError(
                f"{path}: not finished (epoch {last.epoch} of {last.settings.get('epochs', '?')}); train it to its "
                "end, or set allow_unfinished"
            )
        if weights == BEST_EPOCH:
            models.append(_of_best_epoch(last, path))
        else:
            models.append(TrainedModel(path, last, weights))
    finished = [saved for saved, _ in everything.values() if saved.finished or allow_unfinished]
    return _scored(models, finished, KEYS.get(metric, AUC), metric if metric in KEYS else MACRO_ROC_AUC)


def models_table(models: Sequence[TrainedModel]) -> pd.DataFrame:
    """A row per model, for people."""
    rows = [
        {
            "model": model.checkpoint.name,
            "architecture": model.checkpoint.variant,
            "fold": str(model.checkpoint.fold),
            "seed": model.checkpoint.seed,
            "epochs": model.checkpoint.epoch,
            "score": model.score,
            "which score": model.score_name,
        }
        for model in models
    ]
    return pd.DataFrame(rows).set_index("model")


def _checkpoints(folders: Iterable[Path]) -> list[Path]:
    """Each checkpoint once: a session that went on from another holds copies of what was finished there."""
    folders = list(folders)
    found: dict[str, Path] = {}
    for path in sorted(path for folder in folders for path in folder.rglob(f"*{LAST}") if path.is_file()):
        other = found.setdefault(path.name, path)
        if other is not path and not filecmp.cmp(other, path, shallow=False):
            raise BirdlibError(f"{other} and {path} are two trainings of one name; attach one of them")
    if not found:
        raise BirdlibError(
            f"no *{LAST} in {', '.join(map(str, folders)) or 'no folder'}; attach the output of a train kernel"
        )
    return [found[name] for name in sorted(found)]


def _facts(path: Path) -> tuple[Checkpoint, Path]:
    saved = load_checkpoint(path)
    if path.name != f"{saved.name}{LAST}":
        raise BirdlibError(f"{path}: holds the model {saved.name}; give the file its name, {saved.name}{LAST}")
    check_window_seconds(saved.front_end.window_seconds, saved.name)
    return _without_tensors(saved), path


def _without_tensors(saved: Checkpoint) -> Checkpoint:
    return replace(saved, model={}, ema={}, optimiser={}, scaler={})


def _chosen(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    names = list(names)
    for pattern in wanted:
        if not fnmatch.filter(names, pattern):
            shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
            raise BirdlibError(f"MODELS: {pattern!r} is none of the trained models ({shown})")
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)]


def _of_best_epoch(last: Checkpoint, path: Path) -> TrainedModel:
    best = path.with_name(f"{last.name}{BEST}")
    if not best.is_file():
        raise BirdlibError(
            f"{best}: there is none: a training without a validation has no best epoch; set weights to {EMA!r}"
        )
    return TrainedModel(best, _without_tensors(load_checkpoint(best)), BEST_EPOCH)


def _scored(models: list[TrainedModel], others: list[Checkpoint], key: str, metric: str) -> list[TrainedModel]:
    """The models with scores of one kind, or their order would mean nothing: on soundscapes if all have it."""
    heard = "clips"
    if all(_score(model.checkpoint, "soundscapes", key) is not None for model in models):
        heard = "soundscapes"
    scored = []
    for model in models:
        score, whose = _score(model.checkpoint, heard, key), WEIGHTS[model.weights]
        if score is None and model.checkpoint.fold == FULL:
            recipe = _recipe(model.checkpoint)
            siblings = [one for one in others if one.fold != FULL and _recipe(one) == recipe]
            values = [value for one in siblings if (value := _score(one, heard, key)) is not None]
            if values:
                plural = "s" if len(values) > 1 else ""
                score, whose = float(np.mean(values)), f", mean of {len(values)} fold sibling{plural}"
        name = "no score" if score is None else f"{metric} {_HEARD[heard]}{whose}"
        scored.append(replace(model, score=score, score_name=name))
    return scored


def _score(saved: Checkpoint, heard: str, key: str) -> float | None:
    return (saved.scores.get(heard) or {}).get(key)


def _recipe(saved: Checkpoint) -> tuple:
    """What siblings share: everything but fold and seed, of the teachers too."""
    teachers = sorted({re.sub(r"-(full|fold\d+)-seed\d+$", "", name) for name in saved.teachers})
    return (
        saved.architecture,
        saved.channels,
        saved.classes,
        saved.front_end,
        saved.settings,
        saved.data_version,
        teachers,
    )
