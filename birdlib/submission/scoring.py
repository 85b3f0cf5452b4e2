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

# A model's cost is known after this share of its windows, unless they take hardly any time, or of the time left.
FIRST_WINDOWS, HARDLY_ANY, FIRST_TIME = 0.03, 0.01, 0.05
# Up to this share of its windows a model that will be late is begun anew, on windows that are spread evenly.
EARLY = 0.2
# Share of the time left that decoding for that may take.
DECODING = 0.3


@dataclass(frozen=True)
class ScoringLoop:
    """Scores every window by every model that the time has room for, the one of most worth first.

    After each model ``save`` gets the finished ensemble so far. A model that fails or is too slow leaves no trace in
    it, so all rows are scored by the same models. Where no model fits, the fastest is begun all the same, on windows
    spread evenly over all recordings. If the time is up before its end, the other windows get their neighbours' scores.

    Attributes:
        save: writes the submission, float32 [rows, classes].
        precision, batch_size, streams: see ``CompiledMember``.
        dropped: models that were too slow for all windows.
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
            self._score(fitting[0], len(fitting), spread=not plan.fitting())
        for member in plan.members:
            outcome = f"needs {plan.seconds(member):.0f} s, {max(run.left(), 0):.0f} s are left"
            self.ensemble.reports.append(MemberReport(member.name, outcome))
        if not self.ensemble.scored_rows.any():
            run.fault(BirdlibError("no model scored any window: every score in the table is the missing_score"))

    def _last_resort(self) -> list[Member]:
        """The fastest model, where none fits and none was scored, with all windows decoded for it; else none."""
        run, left = self.plan.run, self.dropped + self.plan.members
        if self.ensemble.tables or not left or run.left() <= 0:
            return []
        print("No model fits the time; the fastest is begun all the same, on windows that are spread evenly.")
        with run.stage("Decode"):
            self.windows.store(DECODING * run.left())
        return [min(left, key=self.plan.seconds)]

    def _score(self, member: Member, fitting: int, spread: bool) -> None:
        """One model's pass over the windows, its scores into the table, and the table into the file."""
        plan, run, ensemble = self.plan, self.plan.run, self.ensemble
        (plan.members if member in plan.members else self.dropped).remove(member)
        number = len(ensemble.tables) + 1
        label = f"{member.name} ({number} of {number + fitting - 1})"
        report = MemberReport(member.name, "failed")
        ensemble.reports.append(report)
        logits = np.full((len(ensemble.row_ids), len(member.outputs)), np.nan, np.float32)
        started = run.elapsed()
        try:
            with run.timed("Compile the models"):
                compiled = member.compile(precision=self.precision, batch_size=self.batch_size, streams=self.streams)
            plan.compile_seconds, started = run.elapsed() - started, run.elapsed()
            with run.timed(f"Score {member.name}"):
                whole = self._pass(compiled, logits, label, report, spread)
        except Exception as error:
            run.fault(error, member.name)
            return
        report.seconds, unreached = run.elapsed() - started, None
        if whole:
            report.outcome = "scored"
            if report.windows:
                plan.learn(member, report.seconds / report.windows)
        elif run.left() <= 0 and not ensemble.tables:
            report.outcome = f"scored {report.windows} of {len(self.windows)} windows until the time was up"
            print(f"{label}: {report.outcome}")
            unreached = self._fill(logits)
        else:
            report.outcome = "dropped: too slow"
            print(f"{label}: {report.outcome}")
            self.dropped.append(member)
            return
        self._take_in(member, logits, unreached)

    def _pass(
        self, compiled: CompiledMember, logits: np.ndarray, label: str, report: MemberReport, spread: bool
    ) -> bool:
        """One model over the windows, until its end, the deadline, or a better use of the time.

        The plan learns what the model costs from its first windows.

        Returns:
            Whether the pass came to its end; ``report.windows`` is how many windows were scored.
        """
        plan, run, total = self.plan, self.plan.run, len(self.windows)
        # The first windows wait for a recording, and some are handed over at once: the speed is that of the others.
        first: tuple[float, int] | None = None
        waiting, time = min(compiled.at_once, FIRST_WINDOWS * total), max(run.left(), 0.0)
        blocks = compiled.member.blocks(self.windows, spread)
        progress = progress_bar(description=label, total=total, unit="window")
        with closing(compiled.predict(blocks, logits)) as counts, progress:
            for count in counts:
                report.windows += count
                progress.update(count)
                left = total - report.windows
                first = first or ((run.elapsed(), report.windows) if report.windows >= waiting else None)
                seconds, counted = (run.elapsed() - first[0], report.windows - first[1]) if first else (0.0, 0)
                share = HARDLY_ANY if counted > FIRST_WINDOWS * total else FIRST_TIME
                if counted and seconds > share * time:
                    plan.learn(compiled.member, seconds / counted)
                    late = left and seconds / counted * left > run.left()
                    if late and not spread and self._better_use(report.windows):
                        return False
                if left and run.left() <= 0:
                    return False
        return True

    def _better_use(self, done: int) -> bool:
        """Whether the time has a better use than a model that has scored so many windows and will be late."""
        return bool(self.plan.fitting()) or not self.ensemble.tables and done <= EARLY * len(self.windows)

    def _fill(self, logits: np.ndarray) -> np.ndarray:
        """Give the rows that there was no time for the logits of the nearest scored window of their recording.

        Returns:
            int64 [n], the rows of recordings without a scored window.
        """
        unreached = [np.empty(0, np.int64)]
        for soundscape in self.windows.soundscapes:
            scored = np.flatnonzero(~np.isnan(logits[soundscape.rows]).all(axis=1))
            if len(scored):
                distance = np.abs(np.arange(len(soundscape.rows))[:, None] - scored)
                logits[soundscape.rows] = logits[soundscape.rows[scored[distance.argmin(axis=1)]]]
            else:
                unreached.append(soundscape.rows)
        return np.concatenate(unreached)

    def _take_in(self, member: Member, logits: np.ndarray, unreached: np.ndarray | None) -> None:
        """A model's scores into the ensemble, and the ensemble into the file."""
        plan, run, ensemble = self.plan, self.plan.run, self.ensemble
        started = run.elapsed()
        with run.timed("Blend and post-process"):
            ensemble.add(member.name, member.classes, logits, unreached)
        try:
            with run.timed("Write the table"):
                self.save(ensemble.scores())
        except OSError as error:  # the next model's table may fit again; this one is no fault of any model
            run.fault(BirdlibError(f"submission.csv: cannot be written with {member.name} in it ({error.strerror})"))
        plan.save_seconds = run.elapsed() - started
