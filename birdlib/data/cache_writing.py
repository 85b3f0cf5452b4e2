"""Writing the cache: how much of each recording it keeps, and where."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdlib.data.cache import BYTES, CACHE_FILE, MARK, SCALE
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class CachePlan:
    """Where each recording's start lies in the cache, in samples.

    Attributes:
        starts: of their samples, in samples of the file, int64 [recordings]; -1 where nothing of it is kept.
        samples: int64 [recordings].
    """

    starts: np.ndarray
    samples: np.ndarray
    sample_rate: int

    @property
    def bytes(self) -> int:
        kept = np.count_nonzero(self.samples)
        return int(self.samples.sum() + kept * SCALE) * BYTES + len(MARK) if kept else 0


def plan_cache(seconds: np.ndarray, sample_rate: int, gigabytes: float, cache_seconds: float) -> CachePlan:
    """Shares a budget out: each recording keeps its first seconds, as many as all others or all that it has.

    Args:
        seconds: float [recordings]; 0 where a recording cannot be read.
        gigabytes: of 10^9 bytes.
        cache_seconds: more of one recording is never kept.
    """
    if gigabytes < 0 or cache_seconds <= 0:
        raise BirdlibError(
            f"cache_gigabytes = {gigabytes}, cache_seconds = {cache_seconds}: expected at least 0 and more than 0"
        )
    lengths = np.ceil(np.minimum(seconds, cache_seconds) * sample_rate).astype(np.int64)
    overhead = len(MARK) // BYTES + np.count_nonzero(lengths) * SCALE
    samples = np.minimum(lengths, _fair_share(lengths, int(gigabytes * 1e9) // BYTES - overhead))
    ends = len(MARK) // BYTES + np.cumsum(np.where(samples > 0, samples + SCALE, 0))
    return CachePlan(np.where(samples > 0, ends - samples, -1), samples, sample_rate)


def _fair_share(lengths: np.ndarray, budget: int) -> int:
    """The largest length to which all may be cut so that their sum fits the budget."""
    budget = max(budget, 0)
    ordered = np.sort(lengths)
    before = np.cumsum(ordered) - ordered  # of all that are shorter
    left = np.arange(len(ordered), 0, -1)
    # Cut to the length of the i-th shortest, all together take this much.
    sums = before + ordered * left
    fitting = int(np.searchsorted(sums, budget, side="right"))
    if fitting == len(ordered):
        return int(ordered[-1]) if len(ordered) else 0
    return int((budget - before[fitting]) // left[fitting])


class CacheWriter:
    """Writes recordings' starts to their places, from any thread; nothing of it is kept in memory."""

    def __init__(self, folder: Path, plan: CachePlan) -> None:
        free = shutil.disk_usage(folder).free
        if plan.bytes > free:
            raise BirdlibError(
                f"{folder}: the cache needs {plan.bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
                "lower cache_gigabytes"
            )
        self.path = folder / CACHE_FILE
        self.plan = plan
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.ftruncate(self._file, plan.bytes)
        if plan.bytes:
            os.pwrite(self._file, MARK, 0)

    def write(self, position: int, pieces: list[np.ndarray]) -> int:
        """Writes the start of the recording at this position of the plan, float32 pieces; returns its samples.

        Raises BirdlibError where the disk is full.
        """
        wave = np.concatenate(pieces)
        scale = _scale_of(wave)
        rounded = np.clip(np.rint(wave / scale), -32768, 32767).astype("<i2")
        data = memoryview(np.float32(scale).astype("<f4").tobytes() + rounded.tobytes())
        offset = (int(self.plan.starts[position]) - SCALE) * BYTES
        try:
            while data:
                done = os.pwrite(self._file, data, offset)
                offset += done
                data = data[done:]
        except OSError as error:
            raise BirdlibError(f"{self.path}: cannot be written ({error.strerror}); lower cache_gigabytes") from error
        return len(wave)

    def close(self) -> None:
        os.close(self._file)


def _scale_of(wave: np.ndarray) -> np.float32:
    """The smallest power of two by which the loudest sample becomes 2^15 or less; of silence, of 1.0."""
    peak = float(np.abs(wave).max(initial=0.0)) or 1.0
    return np.exp2(np.ceil(np.log2(peak)) - 15).astype(np.float32)
