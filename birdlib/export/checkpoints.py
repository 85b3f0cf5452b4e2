"""From checkpoints to a weight dataset: which models, what each is worth, their weights."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from birdlib.audio.padding import CYCLIC
from birdlib.competition.editions import check_window_seconds
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.metrics.metric import Metric
from birdlib.metrics.of_years import metric_of
from birdlib.models.architectures import BirdModel
from birdlib.scores.prediction_tables import ON_SOUNDSCAPES, OUT_OF_FOLD, read_predictions
from birdlib.scores.predictions import CLIPS, SOUNDSCAPES, Predictions, mean_of
from birdlib.weights.checkpoint import BEST, LAST, Checkpoint, load_checkpoint
from birdlib.weights.found_checkpoints import find_checkpoints

FULL = "full"
EMA, BEST_EPOCH, PLAIN = "ema", "best", "model"
# What can be exported of a training, and what that is called where its score is told.
WEIGHTS = {EMA: "", BEST_EPOCH: ", best epoch", PLAIN: ", of the averaged weights"}
# The stored predictions are those of the weights after the last epoch, averaged.
_WHOSE = {EMA: "", BEST_EPOCH: "after the last epoch", PLAIN: "of the averaged weights"}
_HEARD = {SOUNDSCAPES: "on labelled soundscapes", CLIPS: "on clips out of fold"}
_FILES = {SOUNDSCAPES: ON_SOUNDSCAPES, CLIPS: OUT_OF_FOLD}


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
        siblings: of a model of all data, checkpoints of one seed that learnt by its recipe, but a fold each.
    """

    path: Path
    checkpoint: Checkpoint
    weights: str
    score: float | None = None
    score_name: str = "no score"
    siblings: tuple[Path, ...] = ()

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

    def predictions(self) -> dict[str, Predictions]:
        """What its training left of its last validation, by "soundscapes" and "clips".

        Of a model of all data, for which nothing was held back, its fold siblings' stand in.

        Raises:
            BirdlibError: a file cannot be read.
        """
        predictions = {}
        for kind, suffix in _FILES.items():
            if (own := _beside(self.path, self.checkpoint.name, suffix)).is_file():
                predictions[kind] = replace(read_predictions(own), note=_WHOSE[self.weights])
                continue
            parts: list[Predictions] = []
            for path in self.siblings:
                file = _beside(path, path.name.removesuffix(LAST), suffix)
                part = read_predictions(file) if file.is_file() else None
                # Where each has heard all soundscapes one is enough: their mean would be better than the model.
                if part and not any(set(part.row_ids) & set(other.row_ids) for other in parts):
                    parts.append(part)
            if parts:
                note = f"of {len(parts)} fold sibling{'s' if len(parts) > 1 else ''}"
                predictions[kind] = replace(mean_of(parts), note=note)
        return predictions

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
            "predictions": self.predictions(),
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
    everything = {path.name.removesuffix(LAST): _facts(path) for path in find_checkpoints(folders)}
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
    finished = [trained for trained in everything.values() if trained[0].finished or allow_unfinished]
    return _scored(models, finished, metric_of(metric))


def export_table(models: Sequence[TrainedModel]) -> pd.DataFrame:
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


def _facts(path: Path) -> tuple[Checkpoint, Path]:
    saved = load_checkpoint(path)
    if path.name != f"{saved.name}{LAST}":
        raise BirdlibError(f"{path}: holds the model {saved.name}; give the file its name, {saved.name}{LAST}")
    check_window_seconds(saved.front_end.window_seconds, saved.name)
    return saved.without_tensors(), path


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
    return TrainedModel(best, load_checkpoint(best).without_tensors(), BEST_EPOCH)


def _scored(models: list[TrainedModel], others: list[tuple[Checkpoint, Path]], metric: Metric) -> list[TrainedModel]:
    """The models with scores of one kind, or their order would mean nothing: on soundscapes if all have it."""
    heard = CLIPS
    if all(_score(model.checkpoint, SOUNDSCAPES, metric) is not None for model in models):
        heard = SOUNDSCAPES
    scored = []
    for model in models:
        score, whose, siblings = _score(model.checkpoint, heard, metric), WEIGHTS[model.weights], []
        if model.checkpoint.fold == FULL:
            recipe = _recipe(model.checkpoint)
            siblings = [(saved, path) for saved, path in others if saved.fold != FULL and _recipe(saved) == recipe]
            values = [value for saved, _ in siblings if (value := _score(saved, heard, metric)) is not None]
            if score is None and values:
                plural = "s" if len(values) > 1 else ""
                score, whose = float(np.mean(values)), f", mean of {len(values)} fold sibling{plural}"
        name = "no score" if score is None else f"{metric.title} {_HEARD[heard]}{whose}"
        # Several seeds' mean would be better than the model.
        seed = min((saved.seed != model.checkpoint.seed, saved.seed) for saved, _ in siblings)[1] if siblings else 0
        paths = tuple(path for saved, path in siblings if saved.seed == seed)
        scored.append(replace(model, score=score, score_name=name, siblings=paths))
    return scored


def _score(saved: Checkpoint, heard: str, metric: Metric) -> float | None:
    return (saved.scores.get(heard) or {}).get(metric.key)


def _beside(path: Path, name: str, suffix: str) -> Path:
    return path.with_name(f"{name}{suffix}")


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
