"""Outside models: trained by somebody else, with classes, a sample rate and a window of their own."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from birdlib.competition.class_lists import ClassList
from birdlib.errors import BirdlibError


class Outputs(NamedTuple):
    """What an outside model gives for windows of audio, or for rows.

    Attributes:
        logits: float32 [windows, classes].
        embedding: float32 [windows, size]; the size is 0 where the model gives none.
    """

    logits: np.ndarray
    embedding: np.ndarray


@dataclass(frozen=True)
class OutsideModel:
    """A loaded outside model.

    Attributes:
        name: of its tables and files.
        sample_rate: Hz, of the waves that it takes.
        window_seconds: of a wave.
        classes: of its logits.
        run: takes waves, float32 [windows, samples] in [-1, 1]. What it gives for a window does not depend on the
            others, nor on the number of cores.
        peak: to which the loudest sample of each window is brought; 0 leaves the windows as they are.
    """

    name: str
    sample_rate: int
    window_seconds: float
    classes: ClassList
    run: Callable[[np.ndarray], Outputs]
    peak: float = 0.0

    @property
    def samples(self) -> int:
        """Samples of a window."""
        return round(self.sample_rate * self.window_seconds)

    def predict(self, waves: np.ndarray) -> Outputs:
        """Logits and embeddings of windows.

        Args:
            waves: float32 [windows, samples] in [-1, 1].

        Raises:
            BirdlibError: the waves have another length, or the model gives other shapes or numbers that are not finite.
        """
        if waves.ndim != 2 or waves.shape[1] != self.samples:
            raise BirdlibError(f"{self.name}: waves {waves.shape}; expected [windows, {self.samples}]")
        if self.peak:
            loudest = np.abs(waves).max(axis=1, keepdims=True)
            waves = (waves * (self.peak / np.maximum(loudest, 1e-9))).astype(np.float32)
        outputs = self.run(waves)
        if outputs.logits.shape != (len(waves), len(self.classes)) or len(outputs.embedding) != len(waves):
            raise BirdlibError(
                f"{self.name}: gives logits {outputs.logits.shape} and embeddings {outputs.embedding.shape} for "
                f"{len(waves)} windows; expected {len(self.classes)} classes, as its labels say"
            )
        if not all(np.isfinite(values).all() for values in outputs):
            raise BirdlibError(f"{self.name}: gives NaN or infinity for finite audio; do not use it on this machine")
        return outputs


class WindowByWindow:
    """Runs windows one by one, as many at once as there are usable cores, each on one core.

    So a window's numbers do not depend on how many cores there are, nor on which windows share a batch.

    Args:
        make: makes a function from a wave, float32 [samples], to its logits [classes] and embedding [size]; it is
            called once for each thread.
    """

    def __init__(self, make: Callable[[], Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]) -> None:
        self._make = make
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="outside")

    def __call__(self, waves: np.ndarray) -> Outputs:
        """As ``OutsideModel.run``; there has to be one window at least."""
        logits, embeddings = zip(*self._threads.map(self._run, waves), strict=True)
        return Outputs(np.stack(logits), np.stack(embeddings))

    def _run(self, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not hasattr(self._own, "run"):
            self._own.run = self._make()
        return self._own.run(wave)
