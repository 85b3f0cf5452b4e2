"""Thresholds: from probabilities to labels that are there or not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import DecisionMetric, RowwiseF1, best_cut
from birdlib.metrics.metric import checked

ONE, PER_CLASS = "one", "per_class"
_HEIGHTS = np.linspace(0.1, 0.9, 9)  # shares of the rows that have no label, which are tried
FOLDS = 5  # of groups, where decisions are judged on rows that their thresholds have not seen


@dataclass(frozen=True)
class Thresholds:
    """What a score needs to be a label.

    Attributes:
        values: float64 [classes]; a score of at least its class's value is a label.
        nocall: a row whose highest score is below it has no label at all; 0 where every row may have some.
    """

    values: np.ndarray
    nocall: float = 0.0

    @classmethod
    def constant(cls, classes: int | Sequence[str], value: float) -> "Thresholds":
        """The same value for all classes (or for so many)."""
        return cls(np.full(classes if isinstance(classes, int) else len(classes), float(value)))

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """The labels of scores float [rows, classes], bool [rows, classes]; NaN is no label."""
        scores = np.asarray(scores, np.float64)
        highest = np.nan_to_num(scores, nan=-np.inf).max(axis=1, initial=-np.inf)
        return (scores >= self.values) & (highest >= self.nocall)[:, None]


def check_kind(kind: str) -> None:
    """Raise BirdlibError unless it is a kind of thresholds."""
    if kind not in ("", ONE, PER_CLASS):
        raise BirdlibError(f'THRESHOLDS = {kind!r}: expected "one", "per_class", or "" for what the metric usually has')


def fit_thresholds(
    metric: DecisionMetric,
    truth: np.ndarray,
    scores: np.ndarray,
    kind: str = "",
    counted: np.ndarray | None = None,
) -> Thresholds:
    """The thresholds by which the metric is best on some rows; never worse there than 0.5 for all.

    One threshold is the best there is; of several heights for nocall, each with the one threshold that suits it, the
    best is taken. Thresholds per class begin with the one, and each is then the best for its class, the others as they
    are. A class without rows of both kinds keeps the one threshold.

    Args:
        truth: 0/1 [rows, classes].
        scores: float [rows, classes], probabilities.
        kind: "one" or "per_class"; "" for what the metric usually has.
        counted: bool [rows, classes]; a cell that does not count is not there.
    """
    check_kind(kind)
    truth, scores, counted = checked(truth, scores, counted)
    if not counted.any():
        return Thresholds.constant(truth.shape[1], 0.5)
    thresholds = Thresholds.constant(truth.shape[1], metric.best_threshold(truth, scores, counted))
    highest = scores.max(axis=1)
    if isinstance(metric, RowwiseF1):
        value = metric.of_decisions(truth, thresholds.decide(scores), counted)
        for height in np.unique(np.quantile(highest, _HEIGHTS)):
            loud = highest >= height
            single = metric.best_threshold(truth[loud], scores[loud], counted[loud])
            other = replace(Thresholds.constant(truth.shape[1], single), nocall=float(height))
            if (better := metric.of_decisions(truth, other.decide(scores), counted)) > value:
                thresholds, value = other, better
    if (kind or metric.thresholds) == PER_CLASS:
        loud = highest >= thresholds.nocall
        truth, scores, counted = truth[loud], scores[loud], counted[loud]
        decisions = thresholds.decide(scores)
        for column in range(truth.shape[1]):
            gains = metric.class_gains(truth, decisions, counted, column)
            if gains is not None:
                thresholds.values[column] = best_cut(scores[gains[0], column], gains[1])
                decisions[:, column] = scores[:, column] >= thresholds.values[column]
    return thresholds


def unseen_decisions(
    metric: DecisionMetric,
    truth: np.ndarray,
    scores: np.ndarray,
    groups: Sequence[str],
    kind: str = "",
    counted: np.ndarray | None = None,
) -> np.ndarray:
    """Decide each group of rows by thresholds that were fitted on other groups, bool [rows, classes].

    What fitted thresholds score on their own rows says too much of them.

    Args:
        groups: what each row belongs to, such as its soundscape.
        others: as ``fit_thresholds`` takes them.
    """
    truth, scores, counted = checked(truth, scores, counted)
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    decisions = np.zeros(truth.shape, bool)
    for fold in np.unique(member % FOLDS):
        rows = member % FOLDS == fold
        fitted = fit_thresholds(metric, truth[~rows], scores[~rows], kind, counted[~rows])
        decisions[rows] = fitted.decide(scores[rows])
    return decisions
