"""Slow, literal versions of metrics and of the bootstrap, to hold the library's against."""

import numpy as np


def draws(metric, truth, scores, groups, counted=None, repeats=200, seed=0):
    """A metric in resamples of whole groups, each made row by row; None where it is undefined."""
    random, names = np.random.default_rng(seed), np.unique(groups)
    values = []
    for _ in range(repeats):
        drawn = names[random.integers(len(names), size=len(names))]
        rows = np.concatenate([np.flatnonzero(np.asarray(groups) == name) for name in drawn])
        values.append(metric(truth[rows], scores[rows], None if counted is None else counted[rows]))
    return values


def ends(values):
    """Their 95 % interval."""
    return tuple(np.quantile([value for value in values if value is not None], [0.025, 0.975]))
