"""What trainings came to: the table of models, their mean predictions, and what is left to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from birdlib.metrics.intervals import ends_of, group_draws
from birdlib.metrics.metric import Metric
from birdlib.metrics.of_years import METRICS
from birdlib.scores.prediction_tables import ON_SOUNDSCAPES, OUT_OF_FOLD, read_predictions
from birdlib.scores.predictions import CLIPS, SOUNDSCAPES, Predictions, mean_of
from birdlib.weights.checkpoint import Checkpoint, checkpoints_in, load_checkpoint


@dataclass(frozen=True)
class ModelResult:
    """A model that was trained, or begun.

    Attributes:
        saved: its last checkpoint, without tensors.
        out_of_fold, on_soundscapes: its predictions; None before it is finished, or where there was nothing to predict.
    """

    saved: Checkpoint
    out_of_fold: Path | None
    on_soundscapes: Path | None


def read_results(checkpoints: Iterable[Path]) -> tuple[ModelResult, ...]:
    """The models of some checkpoints, with the predictions that lie beside them, by fold and seed."""
    models = []
    for path in checkpoints:
        saved = load_checkpoint(path).without_tensors()
        files = [path.with_name(saved.name + suffix) for suffix in (OUT_OF_FOLD, ON_SOUNDSCAPES)]
        models.append(ModelResult(saved, *(file if saved.finished and file.is_file() else None for file in files)))
    return tuple(sorted(models, key=lambda model: (str(model.saved.fold), model.saved.seed)))


def trained_models(folder: Path, seeds: Sequence[int], folds: Sequence[int | str]) -> tuple[ModelResult, ...]:
    """Of the models of these seeds and folds those that were begun, by fold and seed.

    An earlier session for other seeds or folds may have left more in the folder; that is passed over.
    """
    models = read_results(checkpoints_in(folder))
    return tuple(model for model in models if model.saved.fold in folds and model.saved.seed in seeds)


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
        on_clips = read_predictions(model.out_of_fold) if model.out_of_fold else None
        for where in (CLIPS, SOUNDSCAPES):
            scores = saved.scores.get(where) or {}
            for metric in METRICS:
                ends = (scores.get(f"{metric.key}_low"), scores.get(f"{metric.key}_high"))
                if where == CLIPS and on_clips and metric.key in scores:
                    ends = interval_of(on_clips, metric)
                row[where, metric.title] = score_text(scores.get(metric.key), *ends)
        rows.append(row)
    columns = [("training", name) for name in ("epoch", "finished", "best epoch", "time")]
    columns += [(where, metric.title) for where in (CLIPS, SOUNDSCAPES) for metric in METRICS]
    columns = [column for column in columns if column[0] == "training" or any(row[column] for row in rows)]
    names = pd.Index([model.saved.name for model in models], name="model")
    return pd.DataFrame(
        [[row[column] for column in columns] for row in rows], names, pd.MultiIndex.from_tuples(columns)
    )


def interval_of(predictions: Predictions, metric: Metric) -> tuple[float | None, float | None]:
    """The ends of a metric's 95 % interval, over the predictions' groups."""
    copies = group_draws(predictions.groups)
    return ends_of(metric.draws(predictions.truth, predictions.scores, copies, predictions.weights > 0))


def on_soundscapes(models: Sequence[ModelResult]) -> Predictions | None:
    """The mean of the models' predictions on labelled soundscapes; None if there are none."""
    tables = [read_predictions(model.on_soundscapes) for model in models if model.on_soundscapes]
    return mean_of(tables) if tables else None


def outcome(models: Sequence[ModelResult], wanted: int, kernel: str, note: Path) -> str:
    """Whether all is finished, or what is left and how to continue; two lines at most.

    Args:
        wanted: how many models were to be trained.
        kernel: whose they are, by its name in the recipe.
        note: a file that says the same as long as something is left, and is not there afterwards.
    """
    done = sum(model.saved.finished for model in models)
    if done >= wanted:
        note.unlink(missing_ok=True)
        return f"FINISHED: {_count(done, 'model')}. Attach this output to a kernel that distils, exports or evaluates."
    begun = [model.saved for model in models if not model.saved.finished]
    left = [f"{saved.name} is at epoch {saved.epoch} of {saved.settings['epochs']}" for saved in begun]
    if wanted > len(models):
        left.append(f"{_count(wanted - len(models), 'model')} not begun")
    text = f"NOT FINISHED: {done} of {_count(wanted, 'model')} done, {', '.join(left)}. All is saved."
    note.write_text(text + "\n", encoding="utf-8")
    return (
        f"{text}\nTo continue, run the next version with this output attached: build_kernels.py --target {kernel} "
        "--push --resume does, or attach it by hand and name it in EARLIER."
    )


def score_text(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A score with its interval: "0.924 (0.891–0.951)"; "" where there is none."""
    if value is None:
        return ""
    # A narrow table breaks lines after a dash, but for the word joiner.
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f}–\u2060{high:.3f})")


def _spoken(minutes: float) -> str:
    hours, rest = divmod(round(minutes), 60)
    return f"{hours}\u00a0h\u00a0{rest:02d}\u00a0min" if hours else f"{minutes:.1f}\u00a0min"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
