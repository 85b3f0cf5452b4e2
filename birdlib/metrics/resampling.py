"""Intervals of the ranking metrics, for tables of thousands of rows and hundreds of classes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from birdlib.errors import BirdlibError

PADDING = 5
Ends = tuple[float | None, float | None]


class RankingIntervals(NamedTuple):
    """(low, high) of each metric; (None, None) where it has no interval."""

    padded_cmap: Ends
    macro_roc_auc: Ends


class RankingDraws(NamedTuple):
    """The value of each metric in every draw, float64 [draws]; NaN where it is undefined."""

    padded_cmap: np.ndarray
    macro_roc_auc: np.ndarray


def ranking_intervals(
    truth: np.ndarray,
    scores: np.ndarray,
    groups: Sequence[str] | Sequence[int],
    *,
    weights: np.ndarray | None = None,
    repeats: int = 200,
    seed: int = 0,
) -> RankingIntervals:
    """The 95 % intervals of padded cmAP (padding 5) and macro ROC-AUC over resampled groups.

    None where there is one group, or where a metric is undefined in most draws. Arguments as ``ranking_draws`` has
    them.
    """
    draws = ranking_draws(truth, scores, groups, weights=weights, repeats=repeats, seed=seed)
    return RankingIntervals(*map(interval_of, draws))


def ranking_draws(
    truth: np.ndarray,
    scores: np.ndarray,
    groups: Sequence[str] | Sequence[int],
    *,
    weights: np.ndarray | None = None,
    repeats: int = 200,
    seed: int = 0,
) -> RankingDraws:
    """Padded cmAP (padding 5) and macro ROC-AUC in resamples of the groups.

    The same draws as ``birdlib.metrics.ranking.bootstrap`` makes, but a class is sorted once for all of them: each
    draw is how often a row counts. The same groups give the same draws, whatever the scores, so that the draws of two
    tables can be compared one by one.

    Args:
        truth: 0/1 [rows, classes].
        scores: float [rows, classes], 0 to 1.
        groups: what each row belongs to: rows of one author, or of one soundscape, are far from independent.
        weights: float [rows, classes]; a cell of weight 0 is not there.

    Returns:
        No draw where there is one group.
    """
    truth, scores = np.asarray(truth, np.float64), np.asarray(scores, np.float64)
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if truth.shape != scores.shape or truth.ndim != 2 or len(member) != len(truth):
        raise BirdlibError(f"truth {truth.shape}, scores {scores.shape} and {len(member)} groups do not fit together")
    if len(names) < 2:
        return RankingDraws(np.empty(0), np.empty(0))
    counted = np.ones(truth.shape, bool) if weights is None else np.asarray(weights) > 0
    random = np.random.default_rng(seed)
    drawn = (random.integers(len(names), size=len(names)) for _ in range(repeats))
    draws = np.stack([np.bincount(one, minlength=len(names)) for one in drawn])
    copies = draws.T[member].astype(np.float32)  # whole numbers, which float32 adds exactly
    of_classes = [
        _of_class(truth[rows, c], scores[rows, c], copies if rows.all() else copies[rows])
        for c, rows in enumerate(counted.T)
        if rows.any()
    ]
    return RankingDraws(*(_macro(np.stack(values)) for values in zip(*of_classes, strict=True)))


def interval_of(draws: np.ndarray) -> Ends:
    """The 95 % interval of a metric's draws, float64 [draws]; None where most of them are undefined."""
    defined = ~np.isnan(draws)
    if not len(draws) or defined.mean() <= 0.5:
        return None, None
    low, high = np.quantile(draws[defined], [0.025, 0.975])
    return float(low), float(high)


def _of_class(truth: np.ndarray, scores: np.ndarray, copies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Padded average precision and area of one class in every draw, float64 [draws]; NaN where undefined.

    copies: float32 [rows, draws], how often a row is in a draw.
    """
    order = np.argsort(-scores)
    ranked, truth = scores[order], truth[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    taken = np.cumsum(copies[order], axis=0)[last_of_tie]
    # Only steps of the ranking with a positive add anything to either metric, and they are few.
    step_of_row = np.searchsorted(last_of_tie, np.arange(len(ranked)))
    heard = np.unique(step_of_row[truth > 0])
    gained = np.zeros((len(heard), copies.shape[1]))
    np.add.at(gained, np.searchsorted(heard, step_of_row[truth > 0]), copies[order[truth > 0]])
    hits = np.cumsum(gained, axis=0)
    positives = gained.sum(axis=0)
    negatives = taken[-1] - positives
    pairs = positives * negatives
    before = np.concatenate([np.zeros_like(taken[:1]), taken])[heard] - (hits - gained)  # negatives ranked above
    tied = taken[heard] - hits - before
    with np.errstate(invalid="ignore"):
        areas = np.where(pairs > 0, (gained * (negatives - before - tied / 2)).sum(axis=0) / pairs, np.nan)
    # The padding's scores are 1: it ties with rows of 1, else it comes first, each of its precisions being 1.
    summed = (gained * (hits + PADDING) / (taken[heard] + PADDING)).sum(axis=0)
    first = (hits[0] if len(heard) and heard[0] == 0 else 0) if ranked[0] >= 1 else None
    if first is None:
        summed += PADDING
    else:
        summed += PADDING * (first + PADDING) / (taken[0] + PADDING)
    return summed / (positives + PADDING), areas


def _macro(values: np.ndarray) -> np.ndarray:
    """The mean over the classes where a metric is defined; values float64 [classes, draws]."""
    means = np.full(values.shape[1], np.nan)
    defined = ~np.isnan(values).all(axis=0)
    means[defined] = np.nanmean(values[:, defined], axis=0)
    return means
