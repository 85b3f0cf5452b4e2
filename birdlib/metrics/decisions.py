"""The metrics of labels that are there or not: row-wise F1 and weighted accuracy."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from birdlib.metrics.metric import Metric, checked, defined, mean_of_classes


class DecisionMetric(Metric):
    """A metric of decisions; probabilities are judged at their best single threshold.

    Attributes:
        thresholds: what its submissions usually decide by: "one" threshold, or one "per_class".
    """

    thresholds: ClassVar[str]

    def of_decisions(self, truth: np.ndarray, decisions: np.ndarray, counted: np.ndarray | None = None) -> float | None:
        """The value on decisions, bool [rows, classes]; None where it is undefined. The rest as ``draws`` takes it."""
        return defined(self.draws_of_decisions(truth, decisions, np.ones((len(truth), 1), np.float32), counted)[0])

    def draws_of_decisions(
        self, truth: np.ndarray, decisions: np.ndarray, copies: np.ndarray, counted: np.ndarray | None = None
    ) -> np.ndarray:
        """The value on decisions, bool [rows, classes], in resamples of the rows, float64 [draws]; see ``draws``."""
        truth, decisions, counted = checked(truth, decisions, counted)
        return self._draws_of_decisions(truth, decisions > 0, counted, copies)

    def best_threshold(self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray | None = None) -> float:
        """The single threshold whose labels (scores of at least it) score best on these rows."""
        return best_cut(*self.single_threshold_gains(*checked(truth, scores, counted)))

    def _draws(self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray, copies: np.ndarray) -> np.ndarray:
        # The same threshold in all draws: it is the decisions whose worth varies with the rows.
        threshold = best_cut(*self.single_threshold_gains(truth, scores, counted))
        return self._draws_of_decisions(truth, scores >= threshold, counted, copies)

    @abstractmethod
    def _draws_of_decisions(
        self, truth: np.ndarray, decisions: np.ndarray, counted: np.ndarray, copies: np.ndarray
    ) -> np.ndarray: ...

    @abstractmethod
    def single_threshold_gains(
        self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What each cell adds when one threshold comes down to its score: scores and gains, float64 [cells] each."""

    @abstractmethod
    def class_gains(
        self, truth: np.ndarray, decisions: np.ndarray, counted: np.ndarray, column: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """What a class's label adds in each row, the other classes' decisions as they are.

        Returns:
            The rows that count for it, int64 [n], and their gains, float64 [n]; None where rows of one kind only would
            choose its threshold: they would say "always" or "never".
        """


class RowwiseF1(DecisionMetric):
    """The mean over rows of the F1 score of a row's two sets of labels (BirdCLEF 2021, "row-wise micro F1").

    A row without labels has the one label "nocall". It is scikit-learn's f1_score with average="samples" and a column
    for nocall. Rows without a cell that counts are left out.
    """

    title, key = "row-wise micro F1", "rowwise_f1"
    thresholds = "one"

    def _draws_of_decisions(
        self, truth: np.ndarray, decisions: np.ndarray, counted: np.ndarray, copies: np.ndarray
    ) -> np.ndarray:
        decided, there = decisions & counted, truth & counted
        values = _f1((decided & there).sum(axis=1), decided.sum(axis=1), there.sum(axis=1))
        copies = copies * counted.any(axis=1)[:, None]
        with np.errstate(invalid="ignore"):
            return (copies * values[:, None]).sum(axis=0) / copies.sum(axis=0, dtype=np.float64)

    def single_threshold_gains(
        self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        scores, there = np.where(counted, scores, -np.inf), truth & counted
        order = np.argsort(-scores, axis=1)
        hits = np.take_along_axis(there, order, axis=1).cumsum(axis=1)
        wanted = there.sum(axis=1, keepdims=True)
        values = _f1(hits, np.arange(1, truth.shape[1] + 1), wanted)
        gains = np.diff(values, axis=1, prepend=_f1(np.zeros_like(wanted), np.zeros_like(wanted), wanted))
        ranked = np.take_along_axis(scores, order, axis=1)
        cells = np.isfinite(ranked)
        return ranked[cells], gains[cells]

    def class_gains(
        self, truth: np.ndarray, decisions: np.ndarray, counted: np.ndarray, column: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        rows = np.flatnonzero(counted[:, column])
        if len(np.unique(truth[rows, column])) < 2:
            return None
        decided, there = (decisions & counted)[rows], (truth & counted)[rows]
        decided[:, column] = False
        hits, labels, wanted = (decided & there).sum(axis=1), decided.sum(axis=1), there.sum(axis=1)
        return rows, _f1(hits + there[:, column], labels + 1, wanted) - _f1(hits, labels, wanted)


class WeightedAccuracy(DecisionMetric):
    """The mean over classes of the share of right rows, where the true and the false rows of a class weigh the same.

    It is BirdCLEF 2022's metric by its host's text: the mean balanced accuracy. A class with rows of one kind only
    counts by these (as in scikit-learn's balanced_accuracy_score), one without any row that counts is left out.
    """

    title, key = "weighted accuracy", "weighted_accuracy"
    thresholds = "per_class"

    def _draws_of_decisions(
        self, truth: np.ndarray, decisions: np.ndarray, counted: np.ndarray, copies: np.ndarray
    ) -> np.ndarray:
        shares = np.full((truth.shape[1], 2, copies.shape[1]), np.nan)
        for c in range(truth.shape[1]):
            for kind in (False, True):
                rows = counted[:, c] & (truth[:, c] == kind)
                of_kind, right = copies[rows], copies[rows & (decisions[:, c] == kind)]
                total = of_kind.sum(axis=0, dtype=np.float64)
                shares[c, int(kind)] = np.divide(right.sum(axis=0), total, out=shares[c, int(kind)], where=total > 0)
        return mean_of_classes(np.stack([mean_of_classes(both) for both in shares]))

    def single_threshold_gains(
        self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return scores[counted], self._gains(truth, counted)[counted]

    def class_gains(
        self, truth: np.ndarray, decisions: np.ndarray, counted: np.ndarray, column: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        rows = np.flatnonzero(counted[:, column])
        if len(np.unique(truth[rows, column])) < 2:
            return None
        return rows, self._gains(truth[rows, column, None], counted[rows, column, None])[:, 0]

    @staticmethod
    def _gains(truth: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """What a label adds in each cell to the sum over classes, float64 [rows, classes]."""
        there, absent = truth & counted, ~truth & counted
        positives, negatives = there.sum(axis=0), absent.sum(axis=0)
        kinds = np.maximum((positives > 0).astype(int) + (negatives > 0), 1)
        return (there / np.maximum(positives, 1) - absent / np.maximum(negatives, 1)) / kinds


ROWWISE_F1, WEIGHTED_ACCURACY = RowwiseF1(), WeightedAccuracy()


def best_cut(scores: np.ndarray, gains: np.ndarray) -> float:
    """The threshold that gains most if all cells whose score is at least it are taken.

    It lies midway between two scores, so that a small difference of a score does not decide; above all scores where
    taking none is best.

    Args:
        scores, gains: float64 [cells].
    """
    if not len(scores):
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    totals = np.concatenate([[0.0], np.cumsum(gains[order])[ends]])
    best = int(totals.argmax())
    if best == 0:
        return float(np.nextafter(ranked[0], np.inf))
    lowest = ranked[ends[best - 1]]
    next_lower = ranked[ends[best]] if best < len(ends) else min(0.0, lowest)
    middle = next_lower + (lowest - next_lower) / 2
    return float(middle if middle > next_lower else lowest)


def _f1(hits: np.ndarray, labels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """F1 of label sets of so many hits, labels and wanted labels; no label is the one label nocall."""
    both_empty, total = (labels + wanted) == 0, np.maximum(labels + wanted, 1)
    # Of a set without labels and one with some, nothing is shared either way.
    return np.where(both_empty, 1.0, 2.0 * hits / total)
