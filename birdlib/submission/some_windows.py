"""Scoring some of the windows, evenly spread, where no model has the time for all of them."""

import time
from collections.abc import Iterator

import numpy as np

from birdlib.submission.one_pass import score_windows
from birdlib.submission.plan import Candidate, Plan, compile_candidate
from birdlib.submission.reports import MemberReport
from birdlib.submission.windows import Soundscape, Windows

# Share of the time left that the first round is planned to take: a machine that is four times slower still ends it.
FIRST_ROUND = 0.25


def score_some_windows(
    plan: Plan, candidate: Candidate, windows: Windows, n_rows: int
) -> tuple[MemberReport, np.ndarray | None]:
    """Score as many windows as the time allows by one model; the others copy the nearest of their soundscape.

    The first round takes every n-th window of each soundscape, each later round the windows halfway between those of
    the rounds before. So, wherever the time ends, every soundscape has windows of its own. A soundscape that even the
    first round did not come to gets the mean of the others.

    Returns:
        The report, and scores float32 [n_rows, known classes], NaN in rows without audio; None where the model fails
        or no time is left.
    """
    run, member = plan.run, candidate.member
    report = MemberReport(member.name, "failed")
    scores = np.full((n_rows, len(member.columns)), np.nan, np.float32)
    started = time.perf_counter()
    rounds = 0
    try:
        with run.timed("Compile the models"):
            compiled = compile_candidate(plan, candidate)
        with run.timed(f"Score {member.name}"):
            for first, stride in _rounds(_first_stride(plan, candidate, windows)):
                some = windows.thinned(first, stride)
                label = f"{member.name} (1 window of {stride})"
                try:
                    count, in_time = score_windows(run, compiled, some, scores, label, drop_if_late=False)
                finally:
                    some.close()
                report.windows += count
                if not in_time or run.left() <= 0:
                    break
                rounds += 1
    except Exception as error:
        run.fault(error, member.name)
        return report, None
    report.seconds = time.perf_counter() - started
    report.outcome = f"scored {report.windows:,} of {len(windows):,} windows"
    print(f"No model fits the time for all windows: {member.name} {report.outcome}, the others copy their neighbours.")
    if np.isnan(scores).all():
        return report, None
    for soundscape in windows.soundscapes:
        copy_neighbours(soundscape, scores)
    if not rounds:
        _fill_unreached(windows.soundscapes, scores)
    return report, scores


def copy_neighbours(soundscape: Soundscape, scores: np.ndarray) -> None:
    """Fill the soundscape's unscored rows (NaN) of ``scores`` with those of the nearest scored window, in place."""
    scored = np.flatnonzero(~np.isnan(scores[soundscape.rows, 0]))
    if len(scored):
        distance = np.abs(np.arange(len(soundscape.rows))[:, None] - scored[None, :])
        scores[soundscape.rows] = scores[soundscape.rows[scored[distance.argmin(axis=1)]]]


def _first_stride(plan: Plan, candidate: Candidate, windows: Windows) -> int:
    """A power of two: from 2 up to one that takes a single window of each soundscape."""
    seconds = len(windows) * candidate.seconds_per_window * plan.pace
    longest = max(len(soundscape.ends) for soundscape in windows.soundscapes)
    stride = 2
    while stride < longest and seconds / stride > FIRST_ROUND * plan.run.left():
        stride *= 2
    return stride


def _rounds(stride: int) -> Iterator[tuple[int, int]]:
    """First window and stride of each round; all together take every window once."""
    yield 0, stride
    while stride > 1:
        yield stride // 2, stride
        stride //= 2


def _fill_unreached(soundscapes: list[Soundscape], scores: np.ndarray) -> None:
    """Give the soundscapes behind the last scored one the mean of all scored rows, in place."""
    mean = np.nanmean(scores, axis=0)
    for soundscape in reversed(soundscapes):
        if not np.isnan(scores[soundscape.rows]).all():
            return
        scores[soundscape.rows] = mean
