"""What trainings came to: a table of the models, what they heard together, and what is left to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from birdlib.metrics.intervals import ends_of, group_draws
from birdlib.metrics.metric import Metric
from birdlib.metrics.of_years import METRICS, USUAL
from birdlib.metrics.ranking import class_table
from birdlib.metrics.validation import validation_metrics
from birdlib.scores.prediction_tables import ON_SOUNDSCAPES, OUT_OF_FOLD, combine_out_of_fold, read_predictions
from birdlib.scores.predictions import CLIPS, SOUNDSCAPES, Predictions, mean_of
from birdlib.training.members import Members
from birdlib.weights.checkpoint import Checkpoint, checkpoints_in, load_checkpoint


@dataclass(frozen=True)
class ModelResult:
    """A model that was trained, or begun.

    Attributes:
        saved: its last checkpoint, without tensors.
        out_of_fold, on_soundscapes: its predictions, None before it is finished or where it had nothing to hear.
    """

    saved: Checkpoint
    out_of_fold: Path | None
    on_soundscapes: Path | None


def trained_models(folder: Path, members: Members) -> tuple[ModelResult, ...]:
    """Of the models that were to be trained those that were begun, by fold and seed.

    An earlier session for other seeds or folds may have left more in the folder; that is passed over.
    """
    models = []
    for path in checkpoints_in(folder):
        saved = load_checkpoint(path).without_tensors()
        if saved.fold in members.folds and saved.seed in members.seeds:
            beside = [path.with_name(saved.name + suffix) for suffix in (OUT_OF_FOLD, ON_SOUNDSCAPES)]
            models.append(ModelResult(saved, *(one if saved.finished and one.is_file() else None for one in beside)))
    return tuple(sorted(models, key=lambda model: (str(model.saved.fold), model.saved.seed)))


def models_table(models: Sequence[ModelResult]) -> pd.DataFrame:
    """A row per model: how far it is, and its last scores with their 95 % intervals, as text.

    The intervals of clips are over authors, and there once a model is finished; those of soundscapes over these.
    """
    rows = []
    for model in models:
        saved = model.saved
        row = {
            ("training", "epoch"): f"{saved.epoch}/{saved.settings['epochs']}",
            ("training", "finished"): "yes" if saved.finished else "no",
            ("training", "best epoch"): "" if saved.best_epoch is None else str(saved.best_epoch),
            ("training", "time"): _spoken(saved.seconds / 60),
        }
        heard = read_predictions(model.out_of_fold) if model.out_of_fold else None
        for where in (CLIPS, SOUNDSCAPES):
            scores = saved.scores.get(where) or {}
            for metric in METRICS:
                ends = (scores.get(f"{metric.key}_low"), scores.get(f"{metric.key}_high"))
                if where == CLIPS and heard and metric.key in scores:
                    ends = _ends(heard, metric)
                row[where, metric.title] = score_text(scores.get(metric.key), *ends)
        rows.append(row)
    columns = [("training", name) for name in ("epoch", "finished", "best epoch", "time")]
    columns += [(where, metric.title) for where in (CLIPS, SOUNDSCAPES) for metric in METRICS]
    columns = [column for column in columns if column[0] == "training" or any(row[column] for row in rows)]
    names = pd.Index([model.saved.name for model in models], name="model")
    return pd.DataFrame(
        [[row[column] for column in columns] for row in rows], names, pd.MultiIndex.from_tuples(columns)
    )


def out_of_fold(models: Sequence[ModelResult]) -> Predictions | None:
    """What the models' folds held back, all folds as one table; of several seeds the mean. None if there is none."""
    seeds = sorted({model.saved.seed for model in models if model.out_of_fold})
    return mean_of([_of_seed(models, seed) for seed in seeds]) if seeds else None


def on_soundscapes(models: Sequence[ModelResult]) -> Predictions | None:
    """What the models heard in the labelled soundscapes: their mean. None if there is none."""
    heard = [read_predictions(model.on_soundscapes) for model in models if model.on_soundscapes]
    return mean_of(heard) if heard else None


def together_table(models: Sequence[ModelResult]) -> pd.DataFrame:
    """Scores of several models as one, with their 95 % intervals, as text; empty where one model says it all.

    A row per seed for the clips that its folds held back, one for the mean of the seeds, and one for the mean of
    all models on the soundscapes.
    """
    rows = []
    by_seed: dict[int, list[ModelResult]] = {}
    for model in models:
        if model.out_of_fold:
            by_seed.setdefault(model.saved.seed, []).append(model)
    for seed, of_seed in by_seed.items():
        if len(of_seed) > 1:
            folds = ", ".join(str(model.saved.fold) for model in of_seed)
            rows.append((f"clips, seed {seed}, folds {folds}", _of_seed(models, seed)))
    if len(by_seed) > 1:
        seeds = ", ".join(map(str, by_seed))
        rows.append((f"clips, mean of seeds {seeds}", out_of_fold(models)))
    heard = sum(model.on_soundscapes is not None for model in models)
    if heard > 1:
        rows.append((f"soundscapes, mean of {heard} models", on_soundscapes(models)))
    metrics = [
        metric for metric in METRICS if metric in USUAL or any(metric.key == model.saved.metric for model in models)
    ]
    table = []
    for what, predictions in rows:
        scores = validation_metrics(predictions.truth, predictions.scores, predictions.weights, metrics)
        row = {"scored on": what, "windows": len(predictions.row_ids)}
        row |= {metric.title: score_text(scores[metric.key], *_ends(predictions, metric)) for metric in metrics}
        table.append(row)
    columns = ["scored on", "windows", *(metric.title for metric in metrics)]
    return pd.DataFrame(table, columns=columns).set_index("scored on")


def classes_of(predictions: Predictions) -> pd.DataFrame:
    """A row per class, as ``birdlib.metrics.ranking.class_table`` has it; masked cells do not count."""
    return class_table(predictions.truth, predictions.scores, predictions.classes, predictions.weights > 0)


def outcome(models: Sequence[ModelResult], members: Members, kernel: str, note: Path) -> str:
    """Whether all is finished, or what is left and how to go on; two lines at most.

    Args:
        members: the models that were to be trained.
        kernel: whose they are, by its name in the recipe.
        note: a file that says the same as long as something is left, and is not there afterwards.
    """
    wanted = len(members.folds) * len(members.seeds)
    done = sum(model.saved.finished for model in models)
    if done >= wanted:
        note.unlink(missing_ok=True)
        return f"FINISHED: {_count(done, 'model')}. Attach this output to a kernel that distils or exports."
    begun = [model.saved for model in models if not model.saved.finished]
    left = [f"{saved.name} is at epoch {saved.epoch} of {saved.settings['epochs']}" for saved in begun]
    if wanted > len(models):
        left.append(f"{_count(wanted - len(models), 'model')} not begun")
    said = f"NOT FINISHED: {done} of {_count(wanted, 'model')} done, {', '.join(left)}. All is saved."
    note.write_text(said + "\n", encoding="utf-8")
    return (
        f"{said}\nTo go on, run the next version with this output attached: build_kernels.py --target {kernel} "
        "--push --resume does, or attach it by hand and name it in EARLIER."
    )


def score_text(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A score with its interval: "0.924 (0.891–0.951)"; "" where there is none."""
    if value is None:
        return ""
    # A narrow table breaks lines after a dash, but for the word joiner.
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f}–\u2060{high:.3f})")


def _of_seed(models: Sequence[ModelResult], seed: int) -> Predictions:
    return combine_out_of_fold([one.out_of_fold for one in models if one.out_of_fold and one.saved.seed == seed])


def _ends(predictions: Predictions, metric: Metric) -> tuple[float | None, float | None]:
    """The 95 % interval over the predictions' groups."""
    copies = group_draws(predictions.groups)
    return ends_of(metric.draws(predictions.truth, predictions.scores, copies, predictions.weights > 0))


def _spoken(minutes: float) -> str:
    hours, rest = divmod(round(minutes), 60)
    return f"{hours}\u00a0h\u00a0{rest:02d}\u00a0min" if hours else f"{minutes:.1f}\u00a0min"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
