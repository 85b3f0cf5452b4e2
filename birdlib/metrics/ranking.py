"""The ranking metrics: padded cmAP and macro ROC-AUC, and both class by class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from birdlib.errors import BirdlibError
from birdlib.metrics.metric import Metric, checked, mean_of_classes

PADDING = 5


class PaddedCmap(Metric):
    """Macro average precision after five rows of ones were added to both tables (BirdCLEF 2023).

    The padding gives classes without a positive a defined score, and rare ones a steadier one. A class without any
    cell that counts is left out.
    """

    title, key = "padded cmAP", "padded_cmap"

    def _draws(self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray, copies: np.ndarray) -> np.ndarray:
        return mean_of_classes(_precisions(truth, scores, counted, copies, PADDING))


class MacroRocAuc(Metric):
    """The mean area under the ROC curve over the classes with a positive and a negative row (2024 to 2026)."""

    title, key = "macro ROC-AUC", "macro_roc_auc"

    def _draws(self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray, copies: np.ndarray) -> np.ndarray:
        return mean_of_classes(_areas(truth, scores, counted, copies))


PADDED_CMAP, MACRO_ROC_AUC = PaddedCmap(), MacroRocAuc()


def average_precision(
    truth: np.ndarray, scores: np.ndarray, padding: int = 0, counted: np.ndarray | None = None
) -> np.ndarray:
    """Average precision of each class, float64 [classes]; NaN where a class has no positive and no padding.

    As scikit-learn's average_precision_score: the sum over distinct scores of precision times gained recall.
    Arguments as ``Metric.draws`` takes them.
    """
    truth, scores, counted = checked(truth, scores, counted)
    return _precisions(truth, scores, counted, np.ones((len(truth), 1), np.float32), padding)[:, 0]


def roc_auc(truth: np.ndarray, scores: np.ndarray, counted: np.ndarray | None = None) -> np.ndarray:
    """Area under each class's ROC curve, float64 [classes]; NaN where a class has no positive or no negative.

    As scikit-learn's roc_auc_score: tied pairs count one half. Arguments as ``Metric.draws`` takes them.
    """
    truth, scores, counted = checked(truth, scores, counted)
    return _areas(truth, scores, counted, np.ones((len(truth), 1), np.float32))[:, 0]


def class_table(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str], counted: np.ndarray | None = None
) -> pd.DataFrame:
    """A row per class: class, positives, roc_auc, average_precision, padded_ap. NaN where undefined."""
    if len(classes) != truth.shape[-1]:
        raise BirdlibError(f"{len(classes)} class names for {truth.shape[-1]} columns")
    positives = np.asarray(truth) > 0
    return pd.DataFrame(
        {
            "class": list(classes),
            "positives": (positives if counted is None else positives & counted).sum(axis=0),
            "roc_auc": roc_auc(truth, scores, counted),
            "average_precision": average_precision(truth, scores, counted=counted),
            "padded_ap": average_precision(truth, scores, PADDING, counted),
        }
    )


class _Steps(NamedTuple):
    """A class's rows from the highest score down, tied rows as one step; only steps with a positive are kept.

    Only these add anything to either metric, and they are few. gained, hits, taken: float [steps, draws], positives of
    a step, positives down to it and rows down to it. above: float [steps, draws], rows before it. rows: float [draws],
    all of them. top: the highest score. top_rows, top_hits: float [draws], its rows and their positives.
    """

    gained: np.ndarray
    hits: np.ndarray
    taken: np.ndarray
    above: np.ndarray
    rows: np.ndarray
    top: float
    top_rows: np.ndarray
    top_hits: np.ndarray


def _steps(truth: np.ndarray, scores: np.ndarray, copies: np.ndarray) -> _Steps:
    """One class; truth bool [rows], scores float64 [rows], copies float32 [rows, draws]."""
    order = np.argsort(-scores)
    ranked, truth = scores[order], truth[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    taken = np.cumsum(copies[order], axis=0)[last_of_tie]  # whole numbers, which float32 adds exactly
    step_of_row = np.searchsorted(last_of_tie, np.flatnonzero(truth))
    kept = np.unique(step_of_row)
    gained = np.zeros((len(kept), copies.shape[1]))
    np.add.at(gained, np.searchsorted(kept, step_of_row), copies[order[truth]])
    above = np.concatenate([np.zeros_like(taken[:1]), taken])[kept]
    top_hits = copies[order[: last_of_tie[0] + 1]][truth[: last_of_tie[0] + 1]].sum(axis=0, dtype=np.float64)
    return _Steps(gained, gained.cumsum(axis=0), taken[kept], above, taken[-1], ranked[0], taken[0], top_hits)


def _areas(truth: np.ndarray, scores: np.ndarray, counted: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Areas under the ROC curves, float64 [classes, draws]; NaN where undefined."""
    areas = np.full((truth.shape[1], copies.shape[1]), np.nan)
    for c, rows in enumerate(counted.T):
        if rows.any():
            steps = _steps(truth[rows, c], scores[rows, c], copies if rows.all() else copies[rows])
            positives = steps.gained.sum(axis=0)
            negatives = steps.rows - positives
            above = steps.above - (steps.hits - steps.gained)  # negatives
            tied = steps.taken - steps.hits - above
            pairs = positives * negatives
            right = (steps.gained * (negatives - above - tied / 2)).sum(axis=0)
            areas[c] = np.divide(right, pairs, out=areas[c], where=pairs > 0)
    return areas


def _precisions(
    truth: np.ndarray, scores: np.ndarray, counted: np.ndarray, copies: np.ndarray, padding: int
) -> np.ndarray:
    """Average precisions after padding, float64 [classes, draws]; NaN where undefined."""
    values = np.full((truth.shape[1], copies.shape[1]), np.nan)
    for c, rows in enumerate(counted.T):
        if rows.any():
            steps = _steps(truth[rows, c], scores[rows, c], copies if rows.all() else copies[rows])
            taken = np.maximum(steps.taken + padding, 1)  # of no row in a draw there is no positive either
            summed = (steps.gained * (steps.hits + padding) / taken).sum(axis=0)
            # The padding's scores are 1: it ties with rows of 1, else it comes first, each of its precisions being 1.
            if padding and steps.top >= 1:
                summed += padding * (steps.top_hits + padding) / (steps.top_rows + padding)
            else:
                summed += padding
            positives = steps.gained.sum(axis=0) + padding
            values[c] = np.divide(summed, positives, out=values[c], where=positives > 0)
    return values
