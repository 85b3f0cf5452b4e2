"""Scoring: model after model over all windows, as many models as the time allows."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from birdlib.ensemble.members import CompiledMember, Member
from birdlib.errors import BirdlibError
from birdlib.progress import progress_bar
from birdlib.submission.ensemble_table import EnsembleTable
from birdlib.submission.plan import Plan
from birdlib.submission.reports import MemberReport
from birdlib.submission.windows import Windows

# A model's cost is known after this share of its windows, or of the time left, and after so many seconds.
FIRST_WINDOWS, FIRST_TIME, FIRST_SECONDS = 0.03, 0.05, 2.0
# Seconds left, of which finding out that a model is too slow takes a small part.
ENOUGH_TO_BEGIN = 20.0


@dataclass(frozen=True)
class ScoringLoop:
    """Scores every window by every model that the time has room for, the one of most worth first.

    After each model ``save`` gets the finished ensemble so far. A model that fails or is too slow leaves no trace in
    it, so all rows are scored by the same models. Where no model fits, the fastest is begun all the same: if the time
    is up before its end, the table has what it scored, recording by recording.

    Attributes:
        save: writes the submission, float32 [rows, classes].
        precision, batch_size, streams: see ``CompiledMember``.
        dropped: models that were too slow; they are begun once more where all others fail.
    """

    plan: Plan
    windows: Windows
    ensemble: EnsembleTable
    save: Callable[[np.ndarray], None]
    precision: str
    batch_size: int = 4
    streams: int = 0
    dropped: list[Member] = field(default_factory=list)

    def score(self) -> None:
        """Score until no model fits any more; that no window was scored at all is a fault."""
        plan, run = self.plan, self.plan.run
        while fitting := plan.fitting() or self._last_resort():
            member = fitting[0]
            (plan.members if member in plan.members else self.dropped).remove(member)
            number = len(self.ensemble.tables) + 1
            self._score(member, f"{member.name} ({number} of {number + len(fitting) - 1})")
        for member in plan.members:
            outcome = f"needs {plan.seconds(member):.0f} s, {max(run.left(), 0):.0f} s are left"
            self.ensemble.reports.append(MemberReport(member.name, outcome))
        if not self.ensemble.scored_rows.any():
            run.fault(BirdlibError("no model scored any window: every score in the table is the missing_score"))

    def _last_resort(self) -> list[Member]:
        """The fastest model, where none is thought to fit and none was scored; else none."""
        left = self.plan.members or self.dropped
        if not left or self.ensemble.tables or self.plan.run.left() < ENOUGH_TO_BEGIN:
            return []
        print("No model is thought to fit the time; the fastest is begun all the same.")
        return [min(left, key=self.plan.seconds)]

    def _score(self, member: Member, label: str) -> None:
        """One model's pass over the windows, its scores into the table, and the table into the file."""
        plan, run, ensemble = self.plan, self.plan.run, self.ensemble
        report = MemberReport(member.name, "failed")
        ensemble.reports.append(report)
        logits = np.full((len(ensemble.row_ids), len(member.outputs)), np.nan, np.float32)
        started = run.elapsed()
        try:
            with run.timed("Compile the models"):
                compiled = CompiledMember(
                    member, precision=self.precision, batch_size=self.batch_size, streams=self.streams
                )
            plan.compile_seconds, started = run.elapsed() - started, run.elapsed()
            with run.timed(f"Score {member.name}"):
                whole = self._pass(compiled, logits, label, report)
        except Exception as error:
            run.fault(error, member.name)
            return
        report.seconds = run.elapsed() - started
        unfinished = None
        if whole:
            report.outcome = "scored"
            if report.windows:
                plan.learn(member, report.seconds / report.windows)
        elif run.left() <= 0 and not ensemble.tables:
            unfinished, recordings = self._unfinished(logits)
            report.outcome = f"scored {recordings} of {len(self.windows.soundscapes)} recordings until the time was up"
            print(f"{label}: {report.outcome}")
        else:
            report.outcome = "dropped: too slow"
            print(f"{label}: {report.outcome}")
            self.dropped.append(member)
            return
        self._take_in(member, logits, unfinished)

    def _pass(self, compiled: CompiledMember, logits: np.ndarray, label: str, report: MemberReport) -> bool:
        """One model over the windows, until its end, the deadline, or a better use of the time.

        The plan learns what the model costs from its first windows.

        Returns:
            Whether the pass came to its end; ``report.windows`` is how many windows were scored.
        """
        plan, run, total = self.plan, self.plan.run, len(self.windows)
        # The first block waits for the first recording, so the speed is that of the blocks behind it.
        first: tuple[float, int] | None = None
        enough = max(FIRST_SECONDS, FIRST_TIME * run.left())
        member = compiled.member
        blocks = self.windows.blocks(member.entry.front_end)
        progress = progress_bar(description=label, total=total, unit="window")
        with closing(compiled.predict(blocks, logits)) as counts, progress:
            for count in counts:
                report.windows += count
                progress.update(count)
                first = first or (run.elapsed(), report.windows)
                seconds, counted = run.elapsed() - first[0], report.windows - first[1]
                left = total - report.windows
                if counted and (seconds > enough or seconds > FIRST_SECONDS and counted > FIRST_WINDOWS * total):
                    plan.learn(member, seconds / counted)
                    late = left and seconds / counted * left > run.left()
                    if late and self._better_use(report.windows + run.left() * counted / seconds):
                        return False
                if left and run.left() <= 0:
                    return False
        return True

    def _better_use(self, reached: float) -> bool:
        """Whether another model makes more of the time than one that will have scored so many windows at its end."""
        if self.ensemble.tables:  # then only whole passes count
            return bool(self.plan.fitting())
        left = self.plan.run.left() - self.plan.compile_seconds
        costs = [self.plan.seconds_per_window(member) for member in self.plan.members]
        return any(left > cost * reached for cost in costs)

    def _unfinished(self, logits: np.ndarray) -> tuple[np.ndarray, int]:
        """The rows, int64 [n], of the recordings that were not scored to their end, and how many were.

        Recordings are scored one after another, so only the last one that was begun may lack its end.
        """
        recordings = self.windows.soundscapes
        begun = [number for number, one in enumerate(recordings) if not np.isnan(logits[one.rows]).all()]
        whole = begun[-1] if begun else 0
        if begun and not np.isnan(logits[recordings[whole].rows[-1]]).all():
            whole += 1
        return np.concatenate([one.rows for one in recordings[whole:]] or [np.empty(0, np.int64)]), whole

    def _take_in(self, member: Member, logits: np.ndarray, unfinished: np.ndarray | None) -> None:
        """A model's scores into the ensemble, and the ensemble into the file."""
        plan, run, ensemble = self.plan, self.plan.run, self.ensemble
        if unfinished is not None:
            logits[unfinished] = np.nan
        started = run.elapsed()
        with run.timed("Blend and post-process"):
            ensemble.add(member.name, member.classes, logits, unfinished)
        try:
            with run.timed("Write the table"):
                self.save(ensemble.scores())
        except OSError as error:  # the next model's table may fit again; this one is no fault of any model
            run.fault(BirdlibError(f"submission.csv: cannot be written with {member.name} in it ({error.strerror})"))
        plan.save_seconds = run.elapsed() - started
