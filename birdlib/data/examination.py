"""Decodes every recording once: its length, its faults, and a hash of its audio."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from birdlib.audio.recordings import probe
from birdlib.data.cache import CachePlan, CacheWriter, plan_cache
from birdlib.data.reading import Decoded, Resampled, decode
from birdlib.errors import BirdlibError
from birdlib.progress import progress_bar

Result = TypeVar("Result")
_COLUMNS = (
    "seconds",
    "sample_rate",
    "channels",
    "audio_sha256",
    "fault",
    "cache_start",
    "cache_samples",
    "cut",
    "silent",
)


def probe_lengths(filenames: Sequence[str], audio: Path, workers: int = 0) -> np.ndarray:
    """Seconds of the recordings by their headers, float64 [recordings]; 0 where a header cannot be read."""

    def length(filename: str) -> float:
        try:
            return probe(audio / filename).seconds
        except BirdlibError:
            return 0.0  # the reason is found when it is decoded

    return np.array(list(_in_threads(length, filenames, workers, "read headers")), dtype=np.float64)


def examine(
    filenames: Sequence[str],
    audio: Path,
    *,
    folder: Path,
    sample_rate: int,
    cache_gigabytes: float = 0.0,
    cache_seconds: float = 60.0,
    max_unreadable: float = 0.01,
    workers: int = 0,
) -> pd.DataFrame:
    """Decodes all recordings, on threads, a piece at a time: memory does not grow with their length.

    Args:
        folder: where the cache is written, if there is to be one.
        sample_rate: of the cache, in Hz.
        cache_gigabytes: at most so many 10^9 bytes; 0 for no cache.
        cache_seconds: more of one recording is never kept.
        max_unreadable: share of the recordings that may be unreadable.
        workers: threads; 0 for one per core.

    Returns:
        A row per recording, in their order: seconds (float), sample_rate, channels, audio_sha256 ("" where
        unreadable), fault ("" or the reason), cache_start (-1 where not cached), cache_samples, cut ("" or what of
        the file is missing), silent (bool).

    Raises:
        BirdlibError: more than ``max_unreadable`` cannot be read (said as soon as it is certain), or the cache
            does not fit on the disk.
    """
    if not 0 <= max_unreadable < 1:
        raise BirdlibError(f"max_unreadable = {max_unreadable}: expected a share from 0 to below 1")
    nothing = np.zeros(len(filenames), dtype=np.int64)
    plan, writer = CachePlan(nothing - 1, nothing, sample_rate), None
    if cache_gigabytes:
        lengths = probe_lengths(filenames, audio, workers)
        plan = plan_cache(lengths, sample_rate, cache_gigabytes, cache_seconds)
        writer = CacheWriter(folder, plan)

    def look_at(position: int) -> tuple[Decoded | str, int]:
        first = Resampled(int(plan.samples[position]), sample_rate)
        try:
            decoded = decode(audio / filenames[position], first)
        except BirdlibError as error:
            return str(error), 0
        return decoded, writer.write(position, first.pieces) if first.pieces else 0

    rows, faults = [], []
    try:
        with closing(_in_threads(look_at, range(len(filenames)), workers, "decode")) as results:
            for position, (found, cached) in enumerate(results):
                if isinstance(found, str):
                    faults.append(f"{filenames[position]}: {found}")
                    if len(faults) > max_unreadable * len(filenames):
                        raise BirdlibError(_too_many(faults, position + 1, len(filenames), audio, max_unreadable))
                rows.append(_row(found, int(plan.starts[position]), cached))
    finally:
        if writer is not None:
            writer.close()
    return pd.DataFrame(rows, columns=_COLUMNS)


def _row(found: Decoded | str, cache_start: int, cache_samples: int) -> tuple:
    """What is found of a recording, or why nothing is, in the order of the columns."""
    if isinstance(found, str):
        return 0.0, 0, 0, "", found, -1, 0, "", False
    cached = (cache_start, cache_samples) if cache_samples else (-1, 0)
    return found.seconds, found.sample_rate, found.channels, found.sha256, "", *cached, found.cut, found.silent


def _too_many(faults: list[str], done: int, total: int, audio: Path, max_unreadable: float) -> str:
    return (
        f"{audio}: {len(faults)} of the first {done} recordings of {total} cannot be read "
        f"({'; '.join(faults[:3])}{'; …' if len(faults) > 3 else ''}), and more than {max_unreadable:.2%} of all is "
        "too many; attach the whole competition, or raise max_unreadable"
    )


def _in_threads(work: Callable[..., Result], items: Sequence, workers: int, description: str) -> Iterator[Result]:
    """Results in the items' order, with a progress bar; decoders work outside Python's lock, so threads do."""
    if workers < 0:
        raise BirdlibError(f"workers = {workers}: expected a number of threads, or 0 for one per core")
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        results = pool.map(work, items)
        yield from progress_bar(results, description, total=len(items), unit="file")
    finally:
        pool.shutdown(cancel_futures=True)  # or an error would wait for thousands of recordings
