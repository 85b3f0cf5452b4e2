"""The arrangement: how many requests run side by side on this machine, each of how many windows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from birdlib.ensemble.members import CompiledMember, Member
from birdlib.inference.requests import usable_cores

# Windows of a request where nothing is measured. On two quiet AVX2 cores, rexnet150, CPU time: 12 and 24 cost 7 % more
# than 4, 1 costs 10 % more; see benchmarks/submission.py.
USUAL_BATCH = 4
# Two arrangements that differ by less are taken for alike: other work on the machine moves a measurement as much.
TELLING = 0.05
# Windows of noise that one measured round takes at least, all streams together.
ROUND = 24
# Rounds in which arrangements are compared, by turns.
ROUNDS = 3


@dataclass(frozen=True)
class Arrangement:
    """How a model is run: ``streams`` requests side by side, of ``batch_size`` windows each, on all usable cores."""

    streams: int
    batch_size: int

    def __str__(self) -> str:
        return f"{self.streams} streams, batches of {self.batch_size}"


def usual_arrangement(streams: int = 0, batch_size: int = 0) -> Arrangement:
    """What is taken where nothing is measured; a value of 0 leaves the choice.

    A stream for each core: on a shared machine a request spread over two threads waits for the slower one.
    """
    return Arrangement(streams or usable_cores(), batch_size or USUAL_BATCH)


def arrangements_to_try(streams: int = 0, batch_size: int = 0) -> list[Arrangement]:
    """The usual arrangement first, then the others that may suit a machine; what is given is kept.

    Half as many streams of two threads each suit cores that are halves of one (hyper-threading), as Kaggle's are.
    """
    cores = usable_cores()
    usual = usual_arrangement(streams, batch_size)
    tried = [usual]
    for count in [streams] if streams else [cores, max(1, cores // 2)]:
        for size in [batch_size] if batch_size else [USUAL_BATCH, 12]:
            tried.append(Arrangement(count, size))
    return list(dict.fromkeys(tried))


def seconds_per_window(compiled: CompiledMember, seconds: float = 0.5) -> float:
    """Wall time of one window on this machine, all streams busy with it, measured on noise."""
    round_of = _noise(compiled)
    _run(compiled, round_of)  # the first requests allocate
    return _timed(compiled, round_of, seconds)


def trial_windows(arrangements: Sequence[Arrangement]) -> int:
    """How many windows ``measure_arrangements`` scores: a round that allocates, and those that are timed."""
    return sum((1 + ROUNDS) * _round_size(one.streams, one.batch_size) for one in arrangements)


def measure_arrangements(
    member: Member, arrangements: Sequence[Arrangement], *, precision: str
) -> tuple[Arrangement, pd.DataFrame]:
    """Try a model in several arrangements by turns; the first of them stays unless another is clearly faster.

    Returns:
        The choice, and the windows per second of each, the best round of several.
    """
    compiled = {
        one: CompiledMember(member, precision=precision, streams=one.streams, batch_size=one.batch_size)
        for one in arrangements
    }
    noise = {one: _noise(model) for one, model in compiled.items()}
    for one, model in compiled.items():
        _run(model, noise[one])
    best = dict.fromkeys(compiled, np.inf)
    for _ in range(ROUNDS):
        for one, model in compiled.items():
            best[one] = min(best[one], _timed(model, noise[one], seconds=0.0))
    fastest = min(best, key=best.__getitem__)
    chosen = fastest if best[fastest] < (1 - TELLING) * best[arrangements[0]] else arrangements[0]
    rows = [
        {
            "streams": one.streams,
            "windows in a batch": one.batch_size,
            "windows per second": 1 / seconds,
            "chosen": "yes" if one == chosen else "",
        }
        for one, seconds in best.items()
    ]
    return chosen, pd.DataFrame(rows).set_index("streams")


def _timed(compiled: CompiledMember, round_of: tuple[np.ndarray, np.ndarray, np.ndarray], seconds: float) -> float:
    """Wall time of one window, over about the given time, one round at least."""
    started, done = time.perf_counter(), 0
    while not done or time.perf_counter() - started < seconds:
        done += _run(compiled, round_of)
    return (time.perf_counter() - started) / done


def _round_size(streams: int, batch_size: int) -> int:
    """Windows that keep every stream busy with whole batches twice."""
    return batch_size * max(2 * streams, -(-ROUND // batch_size))


def _noise(compiled: CompiledMember) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, mels and scores of a round: the same window so many times, which lies in memory once."""
    size, shape = _round_size(compiled.streams, compiled.batch_size), compiled.member.entry.front_end.shape
    window = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    return (
        np.arange(size),
        np.broadcast_to(window, (size, *shape)),
        np.empty((size, len(compiled.member.columns)), np.float32),
    )


def _run(compiled: CompiledMember, round_of: tuple[np.ndarray, np.ndarray, np.ndarray]) -> int:
    rows, mels, scores = round_of
    return sum(compiled.predict([(rows, mels)], scores))
