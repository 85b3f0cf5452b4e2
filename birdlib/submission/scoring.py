"""Scoring: model after model over all windows, as many models as the time allows."""

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
import pandas as pd

from birdlib.ensemble.members import CompiledMember, Member
from birdlib.errors import BirdlibError
from birdlib.progress import progress_bar
from birdlib.submission.run import Run
from birdlib.submission.windows import BLOCK, Soundscape, Windows

# What a model needs beyond its measured windows, for a machine that grows slower meanwhile.
SAFETY = 1.1
# The same for scoring some windows only, where being late would leave whole soundscapes without a score.
SAFETY_OF_SOME = 1.5


@dataclass
class MemberReport:
    """What became of one model: "scored", or why it was left out."""

    name: str
    outcome: str
    windows: int = 0
    seconds: float = 0.0
    preparing_seconds: float = 0.0


@dataclass
class EnsembleTable:
    """The mean of the models' probabilities, row by row and class by class."""

    n_rows: int
    n_classes: int
    missing_score: float
    models: int = 0
    reports: list[MemberReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sum = np.zeros((self.n_rows, self.n_classes))
        self._count = np.zeros(self.n_classes)
        self._scored = np.zeros(self.n_rows, bool)

    def add(self, member: Member, scores: np.ndarray) -> None:
        """Take in a model's probabilities, float32 [rows, known classes], NaN in rows without audio."""
        scored = ~np.isnan(scores[:, 0])
        self._sum[np.ix_(scored, member.columns)] += scores[scored]
        self._count[member.columns] += 1
        self._scored |= scored
        self.models += 1

    @property
    def scored_rows(self) -> np.ndarray:
        """bool [rows]"""
        return self._scored

    def scores(self) -> np.ndarray:
        """float32 [rows, classes]: the ensemble so far; rows and classes that nothing scored get missing_score."""
        scores = np.full((self.n_rows, self.n_classes), self.missing_score, np.float32)
        known = self._count > 0
        cells = np.ix_(self._scored, known)
        scores[cells] = self._sum[cells] / self._count[known]
        return scores


def score_ensemble(
    run: Run,
    members: list[Member],
    windows: Windows,
    table: EnsembleTable,
    save: Callable[[np.ndarray], None],
    *,
    precision: str,
    batch_size: int,
) -> EnsembleTable:
    """Let every model that fits into the time score every window, strongest first.

    After each model ``save`` gets the finished ensemble so far. All rows are always scored by the same models:
    a model that would not get through is not begun, one that turns out too slow is dropped whole. Where not even
    one fits, the fastest scores every second window (or fewer), and the others copy their nearest neighbour.
    That no window was scored at all is a fault.
    """
    save_seconds = preparing_seconds = 0.0
    pace = math.inf  # this machine's seconds for one of the exporting machine's, at best
    fastest: tuple[float, CompiledMember] | None = None  # of those that are too slow for all windows
    for number, member in enumerate(members, 1):
        label = f"{member.name} ({number} of {len(members)})"
        report = MemberReport(member.name, "failed")
        table.reports.append(report)
        expected = preparing_seconds
        if pace < math.inf:
            expected += len(windows) * member.entry.seconds_per_window * pace
        if run.left() <= 0 or (expected > run.left() and (table.models or fastest)):
            report.outcome = f"needs about {expected:.0f} s, {max(run.left(), 0):.0f} s are left"
            print(f"{label}: {report.outcome}")
            continue
        started = time.perf_counter()
        try:
            compiled = CompiledMember(member, precision=precision, batch_size=batch_size)
            seconds_each = probe_speed(compiled)
        except Exception as error:
            run.fault(error, member.name)
            continue
        report.preparing_seconds = time.perf_counter() - started
        run.add_stage("Compile and measure the models", report.preparing_seconds)
        preparing_seconds = max(preparing_seconds, report.preparing_seconds)
        pace = min(pace, seconds_each / member.entry.seconds_per_window)
        needed = len(windows) * seconds_each * SAFETY + save_seconds
        if needed > run.left():
            report.outcome = f"needs {needed:.0f} s, {max(run.left(), 0):.0f} s are left"
            print(f"{label}: {report.outcome}")
            fastest = min([(seconds_each, compiled), *([fastest] if fastest else [])], key=itemgetter(0))
            continue
        scores = np.full((table.n_rows, len(member.columns)), np.nan, np.float32)
        started = time.perf_counter()
        try:
            report.windows, in_time = _pass(run, compiled, windows, scores, label, drop_if_late=True)
        except Exception as error:
            run.fault(error, member.name)
            continue
        report.seconds = time.perf_counter() - started
        run.add_stage(f"Score {member.name}", report.seconds)
        if not in_time:
            report.outcome = "dropped: slower than measured"
            print(f"{label}: {report.outcome}")
            seconds_each = max(seconds_each, report.seconds / report.windows)
            fastest = min([(seconds_each, compiled), *([fastest] if fastest else [])], key=itemgetter(0))
            continue
        report.outcome = "scored"
        table.add(member, scores)
        started = time.perf_counter()
        save(table.scores())
        save_seconds = time.perf_counter() - started
        run.add_stage("Write the table", save_seconds)
    if not table.models and fastest is not None:
        _score_some(run, fastest[1], fastest[0], windows, table, save)
    if not table.scored_rows.any():
        run.fault(BirdlibError("no model scored any window: every score in the table is the missing_score"))
    return table


def reports_table(reports: list[MemberReport]) -> pd.DataFrame:
    """A row per model: what became of it, and how fast it was."""
    rows = [
        {
            "model": report.name,
            "outcome": report.outcome,
            "windows": report.windows,
            "seconds": round(report.seconds, 1),
            "windows per second": round(report.windows / report.seconds, 1) if report.seconds else None,
        }
        for report in reports
    ]
    columns = ["model", "outcome", "windows", "seconds", "windows per second"]
    return pd.DataFrame(rows, columns=columns).set_index("model")


def probe_speed(compiled: CompiledMember, seconds: float = 0.5) -> float:
    """Seconds per window of a compiled model on this machine, measured on noise."""
    front_end = compiled.member.entry.front_end
    mels = np.random.default_rng(0).standard_normal((BLOCK, *front_end.shape), dtype=np.float32)
    scores = np.empty((BLOCK, len(compiled.member.columns)), np.float32)
    block = (np.arange(BLOCK), mels)
    list(compiled.predict([block], scores))  # the first request allocates
    started, rounds = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        list(compiled.predict([block, block], scores))
        rounds += 2
    return (time.perf_counter() - started) / (rounds * BLOCK)


def _pass(
    run: Run, compiled: CompiledMember, windows: Windows, scores: np.ndarray, label: str, *, drop_if_late: bool
) -> tuple[int, bool]:
    """One model over the windows; stops at the deadline, or, if wanted, as soon as it is plain that it will be late.

    Returns:
        How many windows were scored, and whether the pass came to its end.
    """
    done, total = 0, len(windows)
    # The first block waits for the first recording, so the speed is that of the blocks behind it, and of enough
    # of them to tell.
    judged_from = run.elapsed() + max(2.0, run.left() / 20)
    first: tuple[float, int] | None = None
    progress = progress_bar(description=label, total=total, unit="window")
    with closing(compiled.predict(windows.blocks(compiled.member.entry.front_end), scores)) as counts, progress:
        for count in counts:
            done += count
            progress.update(count)
            first = first or (run.elapsed(), done)
            spent, counted = run.elapsed() - first[0], done - first[1]
            judged = drop_if_late and counted and run.elapsed() > judged_from
            late = judged and spent / counted * (total - done) > run.left()
            if done < total and (late or run.left() <= 0):
                return done, False
    return done, True


def _score_some(
    run: Run,
    compiled: CompiledMember,
    seconds_each: float,
    windows: Windows,
    table: EnsembleTable,
    save: Callable[[np.ndarray], None],
) -> None:
    """Score every n-th window with one model; the others copy the nearest scored window of their soundscape."""
    stride = max(2, math.ceil(len(windows) * seconds_each * SAFETY_OF_SOME / max(run.left(), 1.0)))
    member = compiled.member
    print(f"No model fits the time for all windows: {member.name} scores every {stride}. window.")
    report = MemberReport(member.name, f"scored every {stride}. window")
    table.reports.append(report)
    thinned = Windows(windows.every(stride), windows.front_ends, windows.scratch, windows.on_fault)
    scores = np.full((table.n_rows, len(member.columns)), np.nan, np.float32)
    started = time.perf_counter()
    try:
        report.windows, _ = _pass(run, compiled, thinned, scores, member.name, drop_if_late=False)
    except Exception as error:
        report.outcome = "failed"
        run.fault(error, member.name)
        return
    finally:
        thinned.close()
    report.seconds = time.perf_counter() - started
    run.add_stage(f"Score {member.name}", report.seconds)
    for soundscape in windows.soundscapes:
        copy_neighbours(soundscape, scores)
    table.add(member, scores)
    save(table.scores())


def copy_neighbours(soundscape: Soundscape, scores: np.ndarray) -> None:
    """Fill the soundscape's unscored rows (NaN) of ``scores`` with those of the nearest scored window, in place."""
    scored = np.flatnonzero(~np.isnan(scores[soundscape.rows, 0]))
    if len(scored):
        distance = np.abs(np.arange(len(soundscape.rows))[:, None] - scored[None, :])
        scores[soundscape.rows] = scores[soundscape.rows[scored[distance.argmin(axis=1)]]]
