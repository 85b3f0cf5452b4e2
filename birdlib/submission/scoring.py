"""Scoring: model after model over all windows, as many models as the time allows."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from birdlib.ensemble.members import CompiledMember, Member
from birdlib.errors import BirdlibError
from birdlib.submission.cascade import Cascade, plan_cascade
from birdlib.submission.one_pass import score_windows
from birdlib.submission.plan import FASTEST_PACE, Candidate, Plan, compile_ahead, compile_candidate, measure_again
from birdlib.submission.reports import MemberReport
from birdlib.submission.some_windows import score_some_windows
from birdlib.submission.windows import Windows

# Seconds left, of which finding out that a model is too slow takes a small part.
ENOUGH_TO_BEGIN = 20.0
# Share of the time left that measuring anew may take where no other model fits: it would go unused.
UNUSED = 0.5


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
    def known(self) -> np.ndarray:
        """bool [classes], those that a model knew"""
        return self._count > 0

    @property
    def scored_rows(self) -> np.ndarray:
        """bool [rows]"""
        return self._scored

    def scores(self) -> np.ndarray:
        """float32 [rows, classes]: the ensemble so far; rows and classes that nothing scored get missing_score."""
        scores = np.full((self.n_rows, self.n_classes), self.missing_score, np.float32)
        cells = np.ix_(self._scored, self.known)
        scores[cells] = self._sum[cells] / self._count[self.known]
        return scores


def score_ensemble(
    plan: Plan,
    windows: Windows,
    table: EnsembleTable,
    save: Callable[[np.ndarray], None],
    *,
    cascade: float = 0.0,
    cascade_models: int = 1,
) -> EnsembleTable:
    """Score every window by every model that the plan has room for, the one of most worth first.

    After each model ``save`` gets the finished ensemble so far, and the plan is made anew with what that model
    really took. All rows are always scored by the same models: one that turns out too slow is dropped whole. Where
    not even one is thought to fit, the fastest is begun all the same, since the machine may have been slow only while
    it was measured; where it does not get through, it scores as many windows as the time allows, and the others copy
    their nearest neighbour. That no window was scored at all is a fault.

    Args:
        cascade: probability below which the mean of the first ``cascade_models`` takes a window for quiet; the
            other models are spared most of those (see ``Cascade``). 0 is no cascade.
    """
    return _Scoring(plan, windows, table, save, cascade, cascade_models).score()


@dataclass
class _Running:
    """A model that all windows were handed over to; its last requests may still run."""

    compiled: CompiledMember
    scores: np.ndarray
    report: MemberReport


@dataclass
class _Scoring:
    """The state of ``score_ensemble``, whose arguments the first attributes are."""

    plan: Plan
    windows: Windows
    table: EnsembleTable
    save: Callable[[np.ndarray], None]
    cascade: float
    cascade_models: int
    spared: Cascade | None = None
    running: _Running | None = None
    begun: bool = False  # a model that was not thought to fit
    too_slow: list[Candidate] = field(default_factory=list)  # dropped before any other was scored

    def score(self) -> EnsembleTable:
        plan, run, table = self.plan, self.plan.run, self.table
        table.reports += [MemberReport(name, "failed") for name in plan.failed]
        self._score_all_windows()
        if not table.models:
            self._score_some_windows()
        for candidate in plan.candidates:
            needed, left = plan.seconds(candidate) + plan.shared_seconds(), max(run.left(), 0)
            table.reports.append(MemberReport(candidate.member.name, f"needs {needed:.0f} s, {left:.0f} s are left"))
        if self.cascade > 0 and not self.spared:
            first = f"its first {self.cascade_models} models were not all scored"
            print(f"The cascade spared nothing: {first}.")
        if not table.scored_rows.any():
            run.fault(BirdlibError("no model scored any window: every score in the table is the missing_score"))
        return table

    def _score_all_windows(self) -> None:
        """Model after model over all windows, while there is one that fits the time."""
        plan, table = self.plan, self.table
        fresh = True  # whether the costs were measured since the last model was scored
        while plan.candidates:
            if 0 < self.cascade and not self.spared and table.models + bool(self.running) >= self.cascade_models:
                self._settle()  # what the next one hears depends on it
            chosen = plan.chosen()
            if not chosen:
                self._settle()
                if table.models and not fresh and self._misjudged() and measure_again(plan, UNUSED):
                    fresh = True
                    continue
                chosen = self._fastest_unless_late()
                if not chosen:
                    break
            fresh = False
            plan.candidates.remove(chosen[0])
            number = table.models + bool(self.running) + 1
            self._hand_over(chosen[0], f"{chosen[0].member.name} ({number} of {number + len(chosen) - 1})")
            if len(plan.chosen()) != len(chosen) - 1:
                print(plan.summary())
        self._settle()

    def _fastest_unless_late(self) -> list[Candidate]:
        """The fastest model, where none is thought to fit and none was scored or begun; else none."""
        if self.table.models or self.begun or self.plan.run.left() < ENOUGH_TO_BEGIN:
            return []
        print("No model is thought to fit the time; the fastest is begun all the same.")
        self.begun = True
        return [min(self.plan.candidates, key=self.plan.seconds)]

    def _score_some_windows(self) -> None:
        """The fastest model that works over as many windows as it has time for."""
        plan = self.plan
        for fastest in sorted(plan.candidates + self.too_slow, key=plan.seconds):
            if fastest in plan.candidates:
                plan.candidates.remove(fastest)
            report, scores = score_some_windows(plan, fastest, self.windows, self.table.n_rows)
            self.table.reports.append(report)
            if scores is not None:
                self.table.add(fastest.member, scores)
                self.save(self.table.scores())
                return

    def _misjudged(self) -> bool:
        """Whether what the other models cost is not known well: some were never measured, or the last one took more
        or much less than measured, so that the machine changed its speed."""
        measured = all(candidate.measured for candidate in self.plan.candidates)
        return not measured or self.plan.pace > 1 or self.plan.pace <= FASTEST_PACE

    def _hand_over(self, candidate: Candidate, label: str) -> None:
        """One model's pass over the windows; the one before it comes to its end meanwhile."""
        plan, run, member = self.plan, self.plan.run, candidate.member
        report = MemberReport(member.name, "failed")
        self.table.reports.append(report)
        try:
            with run.timed("Compile the models"):
                compiled = compile_candidate(plan, candidate)
                compile_ahead(plan, candidate)
            scores = np.full((self.table.n_rows, len(member.columns)), np.nan, np.float32)
            started = time.perf_counter()
            with run.timed(f"Score {member.name}"):
                report.windows, in_time = score_windows(
                    run,
                    compiled,
                    self.windows,
                    scores,
                    label,
                    heard=self.spared.heard_by(member.columns) if self.spared else None,
                    drop_if_late=True,
                    once_begun=self._settle,
                )
        except Exception as error:
            run.fault(error, member.name)
            return
        report.seconds = time.perf_counter() - started
        plan.scored(candidate, report.seconds, report.windows)
        self._settle()  # without a single window there was no beginning
        if in_time:
            self.running = _Running(compiled, scores, report)
            return
        report.outcome = "dropped: slower than measured"
        print(f"{label}: {report.outcome}")
        if not self.table.models:  # where no other gets through either, it may still score some windows
            candidate.compiled = compiled
            self.too_slow.append(candidate)

    def _settle(self) -> None:
        """The last model's scores into the table and the file, once the last of them is there."""
        if self.running is None:
            return
        done, self.running = self.running, None
        run, member = self.plan.run, done.compiled.member
        started = time.perf_counter()
        try:
            with run.timed(f"Score {member.name}"):
                done.compiled.finish()
        except Exception as error:
            run.fault(error, member.name)
            return
        done.report.seconds += time.perf_counter() - started
        done.report.outcome = "scored"
        if self.spared and self.spared.heard_by(member.columns) is not None:
            self.spared.fill(done.scores, member.columns)
        self.table.add(member, done.scores)
        started = time.perf_counter()
        try:
            with run.timed("Write the table"):
                self.save(self.table.scores())
        except OSError as error:  # the next model's table may fit again; this one is no fault of any model
            run.fault(BirdlibError(f"submission.csv: cannot be written with {member.name} in it ({error.strerror})"))
        self.plan.save_seconds = time.perf_counter() - started
        if 0 < self.cascade and self.table.models == self.cascade_models:
            table = self.table
            self.spared = plan_cascade(table.scores(), table.scored_rows, self.cascade, table.known)
            for candidate in self.plan.candidates:
                heard = self.spared.heard_by(candidate.member.columns)
                candidate.windows = None if heard is None else int(heard.sum())
            spared = f"{len(self.spared.spared):,} of {len(self.windows):,} windows"
            if hear_all := [one.member.name for one in self.plan.candidates if one.windows is None]:
                spared += f", but for {', '.join(hear_all)}: they know classes that the first ones do not"
            print(f"The cascade spares the other models {spared}.")
