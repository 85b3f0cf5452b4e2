"""The cascade: windows in which the first models hear nothing at all are spared the others."""

from dataclasses import dataclass

import numpy as np

# Of the quiet windows one in so many is scored by all models, so that they say what silence is to them.
ONE_IN = 8


@dataclass(frozen=True)
class Cascade:
    """Which windows the later models hear.

    A quiet window is one in which no class reaches the threshold in the mean of the first models. Of the quiet ones
    every eighth, the controls, is scored by the later models all the same. What a later model would have said about
    the spared ones is read from a line fitted to the controls: for each class its mean there, and one slope for how
    far it goes along with the first models. So within a class the spared windows keep the order that the first
    models gave them, and against the windows that all models heard they are neither raised nor lowered: without this
    a model whose scores lie higher than the others' would push all that it heard above all that it did not.

    Attributes:
        heard: bool [rows], the windows that the later models score.
        spared, controls: int, rows.
        first: float [rows, classes], the mean of the first models.
        known: bool [classes], those that the first models know.
    """

    heard: np.ndarray
    spared: np.ndarray
    controls: np.ndarray
    first: np.ndarray
    known: np.ndarray

    def heard_by(self, columns: np.ndarray) -> np.ndarray | None:
        """bool [rows], the windows that a later model scores; None, all of them, where it knows a class that the
        first models do not: what is quiet to them may be that one's call.

        Args:
            columns: int [known classes], where they stand among the submission's.
        """
        return self.heard if self.known[columns].all() else None

    def fill(self, scores: np.ndarray, columns: np.ndarray) -> None:
        """Give a later model's spared rows their scores, in place.

        Args:
            scores: float32 [rows, known classes] of that model.
            columns: int [known classes], where they stand among the submission's.
        """
        if not len(self.spared):
            return
        heard_first = self.first[np.ix_(self.controls, columns)]
        mean, mean_first = scores[self.controls].mean(axis=0), heard_first.mean(axis=0)
        apart, apart_first = scores[self.controls] - mean, heard_first - mean_first
        spread = float(np.square(apart_first).sum())
        slope = float((apart * apart_first).sum()) / spread if spread else 0.0
        # A model that contradicts the first ones in silence has nothing to say about the order there.
        slope = max(slope, 0.0)
        line = mean + slope * (self.first[np.ix_(self.spared, columns)] - mean_first)
        scores[self.spared] = line.clip(0, 1)


def plan_cascade(scores: np.ndarray, scored: np.ndarray, threshold: float, known: np.ndarray | None = None) -> Cascade:
    """Which windows to spare; none where too few are quiet to take controls from.

    Args:
        scores: float [rows, classes] of the first models together.
        scored: bool [rows], those that have audio.
        threshold: a probability.
        known: bool [classes], those that the first models know; None for all of them.
    """
    known = np.ones(scores.shape[1], bool) if known is None else known
    quiet = np.flatnonzero(scored & (scores[:, known].max(axis=1) < threshold))
    if len(quiet) < 4 * ONE_IN:
        quiet = quiet[:0]
    controls = quiet[::ONE_IN]
    spared = np.setdiff1d(quiet, controls)
    heard = scored.copy()
    heard[spared] = False
    return Cascade(heard, spared, controls, scores, known)
