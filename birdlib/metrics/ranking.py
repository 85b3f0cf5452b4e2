"""The competitions' ranking metrics: padded cmAP and macro ROC-AUC."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from birdlib.errors import BirdlibError

Metric = Callable[[np.ndarray, np.ndarray], float]


def padded_cmap(truth: np.ndarray, scores: np.ndarray, padding: int = 5) -> float:
    """Macro average precision after `padding` rows of ones were added to both tables (BirdCLEF 2023).

    The padding gives classes without a positive a defined score, and rare ones a steadier one.
    truth: 0/1 [rows, classes]; scores: float [rows, classes], 0 to 1. Raises BirdlibError on other input.
    """
    return float(average_precision(truth, scores, padding).mean())


def macro_roc_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """The mean area under the ROC curve over the classes with a positive and a negative row (2024 to 2026).

    truth: 0/1 [rows, classes]; scores: float [rows, classes]. Raises BirdlibError on other input, and if no
    class has both.
    """
    areas = roc_auc(truth, scores)
    if np.isnan(areas).all():
        raise BirdlibError("macro ROC-AUC: no class has both a positive and a negative row")
    return float(np.nanmean(areas))


def average_precision(truth: np.ndarray, scores: np.ndarray, padding: int = 0) -> np.ndarray:
    """Average precision of each class, float64 [classes]; NaN where a class has no positive.

    As scikit-learn's average_precision_score: the sum over distinct scores of precision times gained recall.
    """
    truth, scores = _checked(truth, scores)
    values = np.full(truth.shape[1], np.nan)
    for c in range(len(values)):
        labels = np.concatenate([truth[:, c], np.ones(padding)])
        hits, taken = _cumulated(labels, np.concatenate([scores[:, c], np.ones(padding)]))
        if hits[-1]:
            values[c] = np.sum(np.diff(hits, prepend=0) * hits / taken) / hits[-1]
    return values


def roc_auc(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under each class's ROC curve, float64 [classes]; NaN where a class has no positive or no negative.

    As scikit-learn's roc_auc_score: tied pairs count one half.
    """
    truth, scores = _checked(truth, scores)
    values = np.full(truth.shape[1], np.nan)
    for c in range(len(values)):
        hits, taken = _cumulated(truth[:, c], scores[:, c])
        positives, negatives = hits[-1], taken[-1] - hits[-1]
        if positives and negatives:
            gained = np.diff(hits, prepend=0)
            misses = np.diff(taken, prepend=0) - gained
            values[c] = np.sum(misses * (hits - gained / 2)) / (positives * negatives)
    return values


def class_table(truth: np.ndarray, scores: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """A row per class: class, positives, roc_auc, average_precision, padded_ap. NaN where undefined."""
    if len(classes) != truth.shape[-1]:
        raise BirdlibError(f"{len(classes)} class names for {truth.shape[-1]} columns")
    return pd.DataFrame(
        {
            "class": list(classes),
            "positives": np.asarray(truth).sum(axis=0).astype(int),
            "roc_auc": roc_auc(truth, scores),
            "average_precision": average_precision(truth, scores),
            "padded_ap": average_precision(truth, scores, padding=5),
        }
    )


@dataclass(frozen=True)
class Interval:
    """A metric with its bootstrap interval (2.5 and 97.5 percent)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


def bootstrap(
    metric: Metric,
    truth: np.ndarray,
    scores: np.ndarray,
    groups: Sequence[str],
    repeats: int = 200,
    seed: int = 0,
) -> Interval:
    """A metric with the 95 percent interval over resampled groups, always the same for the same seed.

    groups: what each row belongs to, its soundscape for example; whole groups are drawn with replacement,
    since the windows of one recording are far from independent. Of few groups the interval is rough.
    A draw for which the metric is undefined is drawn again. Raises BirdlibError if there are less than
    two groups or the metric is hardly ever defined.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if member.shape != (len(truth),):
        raise BirdlibError(f"{member.size} group names for {len(truth)} rows")
    if len(names) < 2:
        raise BirdlibError("a bootstrap interval needs at least two groups")
    rows_of = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])
    random = np.random.default_rng(seed)
    value = metric(truth, scores)
    values: list[float] = []
    for _ in range(10 * repeats):
        if len(values) == repeats:
            break
        rows = np.concatenate([rows_of[g] for g in random.integers(len(names), size=len(names))])
        try:
            values.append(metric(truth[rows], scores[rows]))
        except BirdlibError:
            continue
    if len(values) < repeats:
        raise BirdlibError("a bootstrap interval cannot be had: too few groups hold a positive")
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _cumulated(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positives and rows with a score of at least each distinct score, from the highest down."""
    order = np.argsort(-scores)
    ranked = scores[order]
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    return np.cumsum(labels[order])[last_of_tie], last_of_tie + 1.0


def _checked(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, scores = np.asarray(truth), np.asarray(scores)
    if truth.shape != scores.shape or truth.ndim != 2 or 0 in truth.shape:
        raise BirdlibError(f"truth {truth.shape} and scores {scores.shape} are not tables of one shape [rows, classes]")
    if not ((truth == 0) | (truth == 1)).all():
        raise BirdlibError("truth holds values other than 0 and 1")
    scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        raise BirdlibError(f"{np.count_nonzero(~np.isfinite(scores))} scores are NaN or infinite")
    return truth.astype(np.float64), scores
