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
from birdlib.data.cache_writing import CachePlan, CacheWriter, plan_cache
from birdlib.data.decoding import Decoded, Resampled, decode, write_copy
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
    "copy",
)
_COPIES = "copies"  # the folder of copies of recordings that libsndfile does not read as they are


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
        folder: where the cache is written, and copies of recordings that libsndfile misreads.
        sample_rate, cache_gigabytes: of the cache, in Hz and 10^9 bytes at most; 0 for no cache.
        cache_seconds: more of one recording is never kept.
        max_unreadable: share of the recordings that may be unreadable.
        workers: threads; 0 for one per core.

    Returns:
        A row per recording, in their order: seconds (float), sample_rate, channels, audio_sha256 ("" where
        unreadable), fault ("" or the reason), cache_start (-1 where not cached), cache_samples, cut ("" or what of
        the file is missing), silent (bool), copy ("" or its path below the folder).

    Raises:
        BirdlibError: more than ``max_unreadable`` cannot be read, or the cache does not fit on the disk.
    """
    if not 0 <= max_unreadable < 1:
        raise BirdlibError(f"max_unreadable = {max_unreadable}: expected a share from 0 to below 1")
    nothing = np.zeros(len(filenames), dtype=np.int64)
    plan = CachePlan(nothing - 1, nothing, sample_rate)
    if cache_gigabytes:
        plan = plan_cache(probe_lengths(filenames, audio, workers), sample_rate, cache_gigabytes, cache_seconds)
    writer = CacheWriter(folder, plan) if cache_gigabytes else None

    def look_at(position: int) -> tuple[Decoded | str, int, str]:
        path, first = audio / filenames[position], Resampled(int(plan.samples[position]), sample_rate)
        try:
            decoded = decode(path, first)
        except BirdlibError as error:
            return str(error), 0, ""
        copy = "" if decoded.is_ordinary else copy_of(filenames[position])
        if copy:
            write_copy(path, folder / copy)
        return decoded, writer.write(position, first.pieces) if first.pieces else 0, copy

    rows, faults = [], []
    try:
        with closing(_in_threads(look_at, range(len(filenames)), workers, "decode")) as results:
            for position, (result, cached, copy) in enumerate(results):
                if isinstance(result, str):
                    faults.append(f"{filenames[position]}: {result}")
                    if len(faults) > max_unreadable * len(filenames):
                        raise BirdlibError(_too_many(faults, position + 1, len(filenames), audio, max_unreadable))
                rows.append(_row(result, int(plan.starts[position]), cached, copy))
    finally:
        if writer is not None:
            writer.close()
    return pd.DataFrame(rows, columns=_COLUMNS)


def copy_of(filename: str) -> str:
    """Where the copy of a recording lies below the preparation's folder, if it has one."""
    return f"{_COPIES}/{filename}.w64"


def _row(result: Decoded | str, cache_start: int, cache_samples: int, copy: str) -> tuple:
    """What is known of a recording, or why nothing is, in the order of the columns."""
    if isinstance(result, str):
        return 0.0, 0, 0, "", result, -1, 0, "", False, ""
    cached = (cache_start, cache_samples) if cache_samples else (-1, 0)
    known = result.seconds, result.sample_rate, 1 if copy else result.channels, result.sha256
    return *known, "", *cached, result.cut, result.silent, copy


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
