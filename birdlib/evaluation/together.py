"""Several models judged as one: on what their folds held back, and on labelled soundscapes."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from birdlib.competition.rows import shown
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.metrics.of_years import METRICS, USUAL
from birdlib.metrics.ranking import class_table
from birdlib.metrics.validation import validation_metrics
from birdlib.scores.prediction_tables import read_predictions
from birdlib.scores.predictions import CLIPS, SOUNDSCAPES, Predictions, mean_of
from birdlib.training.results import ModelResult, interval_of, on_soundscapes, read_results, score_text
from birdlib.weights.found_checkpoints import find_checkpoints


def find_results(folders: Iterable[Path], prepared: Prepared) -> tuple[ModelResult, ...]:
    """The trained models in some folders and all folders below them, by fold and seed.

    Raises:
        BirdlibError: there is none, two differ under one name, or one was trained on another preparation.
    """
    models = read_results(find_checkpoints(folders))
    for model in models:
        if (model.saved.data_version, model.saved.classes) != (prepared.data_version, prepared.classes):
            raise BirdlibError(
                f"{model.saved.name}: trained on data version {model.saved.data_version}, and PREPARED is "
                f"{prepared.data_version}; attach the preparation that it was trained on"
            )
    return models


def trainings_of(models: Sequence[ModelResult]) -> dict[str, list[ModelResult]]:
    """The models with out-of-fold predictions by their names without the fold: the folds of one training."""
    trainings: dict[str, list[ModelResult]] = {}
    for model in models:
        if model.out_of_fold:
            trainings.setdefault(re.sub(r"-fold\d+(?=-seed\d+$)", "", model.saved.name), []).append(model)
    return trainings


def out_of_fold(models: Sequence[ModelResult]) -> Predictions | None:
    """Predictions on what the folds held back, as one table; of several trainings the mean. None if there are none."""
    tables = [_of_all_folds(folds) for folds in trainings_of(models).values()]
    return mean_of(tables) if tables else None


def together_table(models: Sequence[ModelResult]) -> pd.DataFrame:
    """Scores of several models as one, with their 95 % intervals, as text; empty where one model says it all.

    A row per training for the clips that its folds held back, one for the mean of the trainings, and one for the
    mean of all models on the soundscapes.
    """
    rows = []
    trainings = trainings_of(models)
    for name, folds in trainings.items():
        if len(folds) > 1:
            numbers = ", ".join(str(model.saved.fold) for model in folds)
            rows.append((f"{CLIPS}, {name}, folds {numbers}", _of_all_folds(folds)))
    if len(trainings) > 1:
        rows.append((f"{CLIPS}, mean of {len(trainings)} trainings", out_of_fold(models)))
    count = sum(model.on_soundscapes is not None for model in models)
    if count > 1:
        rows.append((f"{SOUNDSCAPES}, mean of {count} models", on_soundscapes(models)))
    judged_by = {model.saved.metric for model in models}
    metrics = [metric for metric in METRICS if metric in USUAL or metric.key in judged_by]
    table = []
    for what, predictions in rows:
        scores = validation_metrics(predictions.truth, predictions.scores, predictions.weights, metrics)
        row = {"scored on": what, "windows": len(predictions.row_ids)}
        row |= {metric.title: score_text(scores[metric.key], *interval_of(predictions, metric)) for metric in metrics}
        table.append(row)
    columns = ["scored on", "windows", *(metric.title for metric in metrics)]
    return pd.DataFrame(table, columns=columns).set_index("scored on")


def classes_of(predictions: Predictions) -> pd.DataFrame:
    """A row per class, as ``birdlib.metrics.ranking.class_table`` has it; masked cells do not count."""
    return class_table(predictions.truth, predictions.scores, predictions.classes, predictions.weights > 0)


def combine_out_of_fold(paths: Sequence[Path | str]) -> Predictions:
    """The predictions of several folds as one.

    Raises:
        BirdlibError: no file, other classes in one of them, or a row in two: then the folds were not of one split.
    """
    if not paths:
        raise BirdlibError("no out-of-fold predictions to combine; name a .oof.csv of each fold")
    tables = [read_predictions(path) for path in paths]
    first = tables[0]
    where: dict[str, Path | str] = {}
    for path, table in zip(paths, tables, strict=True):
        if table.classes != first.classes:
            raise BirdlibError(f"{path}: other classes than {paths[0]}; these models are not of one recipe")
        if shared := [row_id for row_id in table.row_ids if row_id in where]:
            raise BirdlibError(
                f"{path}: {shown(shared, 'row')} in {where[shared[0]]} too; name one model of each fold of one split"
            )
        where |= dict.fromkeys(table.row_ids, path)
    return mean_of(tables)  # no row is in two


def _of_all_folds(models: Sequence[ModelResult]) -> Predictions:
    return combine_out_of_fold([model.out_of_fold for model in models])
