"""A competition's metric: its value, and its value in resamples of the rows."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from birdlib.errors import BirdlibError


class Metric(ABC):
    """A metric of a truth and probabilities; more is better.

    Attributes:
        title: the name that people and ``birdlib.competition.editions`` use.
        key: the name in logs, checkpoints and manifests.
    """

    title: ClassVar[str]
    key: ClassVar[str]

    def __call__(self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray | None = None) -> float | None:
        """The value on probabilities; None where it is undefined. Arguments as ``draws`` takes them."""
        return defined(self.draws(truth, scores, np.ones((len(truth), 1), np.float32), counted)[0])

    def draws(
        self, truth: np.ndarray, scores: np.ndarray, copies: np.ndarray, counted: np.ndarray | None = None
    ) -> np.ndarray:
        """The value in several resamples of the rows.

        Args:
            truth: 0/1 [rows, classes].
            scores: float [rows, classes], probabilities.
            copies: float32 [rows, draws], how often a row is in a draw, as ``group_draws`` makes them.
            counted: bool [rows, classes]; a cell that does not count is not there. None: every cell counts.

        Returns:
            float64 [draws]; NaN where the metric is undefined.

        Raises:
            BirdlibError: shapes differ, truth is not of 0 and 1, or scores are no probabilities.
        """
        return self._draws(*checked(truth, scores, counted), copies)

    @abstractmethod
    def _draws(self, truth: np.ndarray, scores: np.ndarray, counted: np.ndarray, copies: np.ndarray) -> np.ndarray: ...


def checked(
    truth: np.ndarray, scores: np.ndarray, counted: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth and counted as bool and scores as float64, [rows, classes] each; BirdlibError where they are none."""
    truth, scores = np.asarray(truth), np.asarray(scores)
    if truth.shape != scores.shape or truth.ndim != 2 or not truth.shape[1]:
        raise BirdlibError(f"truth {truth.shape} and scores {scores.shape} are not tables of one shape [rows, classes]")
    if not ((truth == 0) | (truth == 1)).all():
        raise BirdlibError("truth holds values other than 0 and 1")
    if wrong := np.count_nonzero(~((scores >= 0) & (scores <= 1))):
        raise BirdlibError(f"{wrong} scores are NaN or not between 0 and 1; give probabilities")
    counted = np.ones(truth.shape, bool) if counted is None else np.asarray(counted)
    if counted.shape != truth.shape or counted.dtype != bool:
        raise BirdlibError(f"counted {counted.dtype} {counted.shape}: expected bool {truth.shape}")
    return truth.astype(bool), scores.astype(np.float64), counted


def mean_of_classes(values: np.ndarray) -> np.ndarray:
    """The mean over the classes where a metric is defined, float64 [draws]; values float64 [classes, draws]."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)


def defined(value: float) -> float | None:
    """A number for logs and people: None for NaN."""
    return None if np.isnan(value) else float(value)
