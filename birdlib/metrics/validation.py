"""What a validation says: loss and metrics, on clips and on labelled soundscapes."""

from collections.abc import Sequence

import numpy as np

from birdlib.competition.rows import split_row_id
from birdlib.errors import BirdlibError
from birdlib.metrics.intervals import check_groups, ends_of, group_draws
from birdlib.metrics.metric import Metric, checked
from birdlib.metrics.of_years import USUAL

LOSS = "loss"


def validation_metrics(
    truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None, metrics: Sequence[Metric] = USUAL
) -> dict[str, float | None]:
    """Loss and metrics of a validation, by their keys; None where one is undefined.

    The loss is binary cross entropy, its mean over the cells that count, as torch's ``binary_cross_entropy`` has it
    (no cell costs more than 100). A cell of weight 0 counts in nothing. Without any row (a model of all data) all are
    None.

    Args:
        truth: 0/1 [rows, classes].
        scores: float [rows, classes], probabilities. Of float32 logits beyond 17 the sigmoid is 1: take it in
            float64 where the loss of such cells matters.
        weights: float [rows, classes], 0 or more; None: every cell counts as 1.

    Raises:
        BirdlibError: shapes differ, truth is not of 0 and 1, or scores are no probabilities.
    """
    truth, scores, _ = checked(truth, scores, None)
    weights = np.ones(truth.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != truth.shape or not ((weights >= 0) & np.isfinite(weights)).all():
        raise BirdlibError(f"weights {weights.shape} of a validation: expected {truth.shape}, finite, 0 or more")
    counted = weights > 0
    return {LOSS: _cross_entropy(truth, scores, weights)} | {
        metric.key: metric(truth, scores, counted) for metric in metrics
    }


def soundscape_metrics(
    truth: np.ndarray,
    scores: np.ndarray,
    row_ids: Sequence[str],
    *,
    metrics: Sequence[Metric] = USUAL,
    repeats: int = 100,
) -> dict[str, float | None]:
    """The same of labelled soundscapes, with intervals: padded_cmap_low, padded_cmap_high and so on.

    The intervals (95 %) come from a bootstrap over whole soundscapes, the same at every call. They are None where
    there is one soundscape or no positive, where the metric is undefined for most draws, and with ``repeats = 0``.

    Args:
        truth: 0/1 [rows, classes].
        scores: float [rows, classes], probabilities.
        row_ids: a row's soundscape and second: "soundscape_29201_5".
    """
    values = validation_metrics(truth, scores, metrics=metrics)
    soundscapes = [split_row_id(row_id)[0] for row_id in row_ids]
    check_groups(soundscapes, len(np.asarray(truth)))
    copies = group_draws(soundscapes, repeats if np.asarray(truth).any() else 0)
    for metric in metrics:
        low, high = ends_of(metric.draws(truth, scores, copies))
        values |= {f"{metric.key}_low": low, f"{metric.key}_high": high}
    return values


def _cross_entropy(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float | None:
    if not weights.any():
        return None
    with np.errstate(divide="ignore"):
        hit, miss = np.maximum(np.log(scores), -100.0), np.maximum(np.log1p(-scores), -100.0)
    return float(np.average(-(truth * hit + (1 - truth) * miss), weights=weights))
