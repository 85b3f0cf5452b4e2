"""What a validation says: loss, padded cmAP and macro ROC-AUC, on clips and on labelled soundscapes."""

from collections.abc import Sequence

import numpy as np

from birdlib.competition.editions import MACRO_ROC_AUC, PADDED_CMAP
from birdlib.competition.rows import split_row_id
from birdlib.errors import BirdlibError
from birdlib.metrics.ranking import average_precision, roc_auc
from birdlib.metrics.resampling import ranking_intervals

LOSS, CMAP, AUC = "loss", "padded_cmap", "macro_roc_auc"
# How logs and checkpoints call the competitions' metrics.
KEYS = {PADDED_CMAP: CMAP, MACRO_ROC_AUC: AUC}
PADDING = 5


def validation_metrics(
    truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float | None]:
    """Loss, padded cmAP (padding 5) and macro ROC-AUC of a validation; None where one is undefined.

    The loss is binary cross entropy, its mean over the cells that count, as torch's ``binary_cross_entropy`` has it
    (no cell costs more than 100). A cell of weight 0 counts in nothing: for the ranking of its class its row is not
    there. A class without a positive counts as the padding alone in padded cmAP and is left out of macro ROC-AUC;
    one without any cell that counts is left out of both. Without any row (a model of all data) all three are None.

    Args:
        truth: 0/1 [rows, classes].
        scores: float [rows, classes], probabilities. Of float32 logits beyond 17 the sigmoid is 1: take it in
            float64 where the loss of such cells matters.
        weights: float [rows, classes], 0 or more; None: every cell counts as 1.

    Raises:
        BirdlibError: shapes differ, truth is not of 0 and 1, or scores are no probabilities.
    """
    truth, scores = np.asarray(truth), np.asarray(scores)
    if truth.shape == scores.shape and truth.ndim == 2 and not len(truth):
        return {LOSS: None, CMAP: None, AUC: None}
    weights = _checked_weights(truth, scores, weights)
    if (weights > 0).all():
        precisions, areas = average_precision(truth, scores, PADDING), roc_auc(truth, scores)
    else:
        precisions, areas = _of_counted_rows(truth, scores, weights > 0)
    return {
        LOSS: _cross_entropy(truth, scores, weights),
        CMAP: _mean(precisions),
        AUC: _mean(areas),
    }


def soundscape_metrics(
    truth: np.ndarray, scores: np.ndarray, row_ids: Sequence[str], *, repeats: int = 100
) -> dict[str, float | None]:
    """The same of labelled soundscapes, with intervals: padded_cmap_low, padded_cmap_high and so on.

    The intervals (95 %) come from a bootstrap over whole soundscapes, the same at every call. They are None where
    there is one soundscape or no positive, where the metric is undefined for most draws, and with ``repeats = 0``.

    Args:
        truth: 0/1 [rows, classes].
        scores: float [rows, classes], probabilities.
        row_ids: a row's soundscape and second: "soundscape_29201_5".
    """
    metrics = validation_metrics(truth, scores)
    truth, scores = np.asarray(truth), np.asarray(scores)
    soundscapes = [split_row_id(row_id)[0] for row_id in row_ids]
    if len(soundscapes) != len(truth):
        raise BirdlibError(f"{len(soundscapes)} row ids for {len(truth)} rows of soundscapes")
    low_high = dict.fromkeys((CMAP, AUC), (None, None))
    if repeats and truth.any():
        low_high = ranking_intervals(truth, scores, soundscapes, repeats=repeats)._asdict()
    for name, (low, high) in low_high.items():
        metrics |= {f"{name}_low": low, f"{name}_high": high}
    return metrics


def _of_counted_rows(truth: np.ndarray, scores: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    precisions, areas = np.full((2, truth.shape[1]), np.nan)
    for c in range(truth.shape[1]):
        rows = counted[:, c]
        if rows.any():
            column = truth[rows, c : c + 1], scores[rows, c : c + 1]
            precisions[c], areas[c] = average_precision(*column, PADDING)[0], roc_auc(*column)[0]
    return precisions, areas


def _cross_entropy(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float | None:
    if not weights.any():
        return None
    truth, scores = truth.astype(np.float64), scores.astype(np.float64)
    with np.errstate(divide="ignore"):
        hit, miss = np.maximum(np.log(scores), -100.0), np.maximum(np.log1p(-scores), -100.0)
    return float(np.average(-(truth * hit + (1 - truth) * miss), weights=weights))


def _mean(values: np.ndarray) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))


def _checked_weights(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    if truth.shape != scores.shape or truth.ndim != 2:
        raise BirdlibError(f"truth {truth.shape} and scores {scores.shape} are not tables of one shape [rows, classes]")
    if not ((truth == 0) | (truth == 1)).all():
        raise BirdlibError("truth holds values other than 0 and 1")
    if not ((scores >= 0) & (scores <= 1)).all():
        wrong = np.count_nonzero(~((scores >= 0) & (scores <= 1)))
        raise BirdlibError(f"{wrong} scores of a validation are NaN or not between 0 and 1; give probabilities")
    if weights is None:
        return np.ones(truth.shape)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != truth.shape or not ((weights >= 0) & np.isfinite(weights)).all():
        raise BirdlibError(f"weights {weights.shape} of a validation: expected {truth.shape}, finite, 0 or more")
    return weights
