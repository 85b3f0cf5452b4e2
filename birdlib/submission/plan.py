"""The plan: what each model costs on this machine, and which of them the time left has room for."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pandas as pd

from birdlib.ensemble.arrangement import (
    Arrangement,
    arrangements_to_try,
    measure_arrangements,
    seconds_per_window,
    trial_windows,
    usual_arrangement,
)
from birdlib.ensemble.members import CompiledMember, Member
from birdlib.errors import last_line
from birdlib.inference.requests import usable_cores
from birdlib.submission.run import Run
from birdlib.submission.windows import Windows

# What a model is thought to need beyond its measured windows, for a machine that grows slower meanwhile.
SAFETY = 1.1
# A stretch in which the machine is faster says little about the next one.
FASTEST_PACE = 0.8
# Share of the time left that measuring may take; what is not measured is estimated from the manifest.
MEASURING = 0.02


@dataclass
class Candidate:
    """A model and what it costs here.

    Attributes:
        seconds_per_window: wall time with all cores busy with it.
        preparing_seconds: to read and compile it.
        windows: that it would score, None for the plan's; a cascade spares some models more than others.
        measured: on this machine, by itself or by a model of its kind; else from the manifest.
        compiled: kept from the measurement until it is scored.
    """

    member: Member
    seconds_per_window: float = 0.0
    windows: int | None = None
    preparing_seconds: float = 0.0
    measured: bool = False
    compiled: CompiledMember | None = None

    @property
    def kind(self) -> tuple:
        """Models of one kind do the same arithmetic, and cost the same."""
        entry = self.member.entry
        return entry.architecture, entry.precision, entry.front_end, len(entry.classes)


@dataclass
class Plan:
    """The models that are still to be scored, those of most worth first, and what they cost.

    Attributes:
        windows: that there are.
        preparing_per_window: seconds of one core for decoding and the front ends, until a model has done it.
        save_seconds: to write the table once.
        arrangement: in which all of them are run.
        trial: what was measured to choose it, None where nothing was.
    """

    run: Run
    candidates: list[Candidate]
    windows: int
    arrangement: Arrangement
    precision: str
    preparing_per_window: float = 0.0
    save_seconds: float = 0.0
    trial: pd.DataFrame | None = None
    failed: list[str] = field(default_factory=list)  # models that could not be compiled or measured
    pace: float = 1.0  # real seconds for a measured one, as the last scored model showed

    def windows_of(self, candidate: Candidate) -> int:
        """How many windows a model would score."""
        return self.windows if candidate.windows is None else candidate.windows

    def seconds(self, candidate: Candidate) -> float:
        """What a model is thought to need, from its files to the table with it."""
        compiling = 0.0 if candidate.compiled else candidate.preparing_seconds
        return (
            self.windows_of(candidate) * candidate.seconds_per_window * self.pace * SAFETY
            + compiling
            + self.save_seconds
        )

    def shared_seconds(self) -> float:
        """What decoding and the front ends add to the first model's time, spread over all cores."""
        return self.windows * self.preparing_per_window * SAFETY / usable_cores()

    def chosen(self, reserved: float = 0.0) -> list[Candidate]:
        """The candidates that fit into the time left together, taken from the strongest down.

        One that does not fit is passed over, a cheaper one further down may still.

        Args:
            reserved: seconds of the time left that are spoken for.
        """
        left = self.run.left() - self.shared_seconds() - reserved
        chosen = []
        for candidate in self.candidates:
            if self.seconds(candidate) <= left:
                chosen.append(candidate)
                left -= self.seconds(candidate)
        return chosen

    def scored(self, candidate: Candidate, seconds: float, windows: int) -> None:
        """Correct the plan by what a model really took for its pass over so many windows."""
        planned = windows * (candidate.seconds_per_window + self.preparing_per_window / usable_cores())
        if windows and planned:
            self.pace = max(seconds / planned, FASTEST_PACE)
        self.preparing_per_window = 0.0

    def table(self) -> pd.DataFrame:
        """A row per model, for people: its worth, what it costs here, and whether it is in."""
        chosen = self.chosen()
        rows = [
            {
                "model": candidate.member.name,
                "score": candidate.member.entry.score,
                "ms per window here": 1000 * candidate.seconds_per_window * self.pace,
                "minutes": self.seconds(candidate) / 60,
                "plan": "in" if candidate in chosen else "out",
            }
            for candidate in self.candidates
        ]
        columns = ["model", "score", "ms per window here", "minutes", "plan"]
        return pd.DataFrame(rows, columns=columns).set_index("model").round(3)

    def summary(self) -> str:
        """One line: how many models, how long, of how much, and what the next one lacks."""
        chosen = self.chosen()
        left = max(self.run.left(), 0.0)
        windows = max(map(self.windows_of, self.candidates), default=self.windows)
        needed = sum(map(self.seconds, chosen)) + (self.shared_seconds() if chosen else 0.0)
        line = (
            f"The plan: {len(chosen)} of {len(self.candidates)} models over {windows:,} windows in "
            f"{needed / 60:.1f} of the {left / 60:.1f} minutes left ({self.arrangement})"
        )
        out = [candidate for candidate in self.candidates if candidate not in chosen]
        if out:
            lacking = min(map(self.seconds, out)) - (left - needed)
            line += f"; one more would need {max(lacking / 60, 0.1):.1f} minutes more"
        return line + "."


def make_plan(
    run: Run, members: Sequence[Member], windows: Windows, *, precision: str, batch_size: int = 0, streams: int = 0
) -> Plan:
    """Measure what the models cost on this machine, one of each kind, and plan with it.

    Where scoring is going to take long enough to pay for it, the arrangement is measured too. In little time fewer
    models are measured, at least one; the others' manifests say how they compare to it. A model that fails is a
    fault of the run's, and not in the plan.

    Args:
        batch_size, streams: of all models; 0 leaves the choice to the measurement.
    """
    plan = Plan(run, [Candidate(member) for member in members], len(windows), usual_arrangement(), precision)
    plan.arrangement = usual_arrangement(streams, batch_size)
    if not plan.windows or not plan.candidates:
        return plan
    plan.preparing_per_window = windows.seconds_to_prepare()
    started = time.perf_counter()
    _measure_kinds(plan, MEASURING)
    expected = sum(plan.seconds(candidate) for candidate in plan.chosen())
    tried = arrangements_to_try(streams, batch_size)
    measured = [candidate for candidate in plan.candidates if candidate.compiled]
    spent = time.perf_counter() - started
    if len(tried) > 1 and measured and expected * MEASURING > _seconds_to_try(measured[0], tried) + spent:
        try:
            plan.arrangement, plan.trial = measure_arrangements(measured[0].member, tried, precision=precision)
        except Exception as error:  # the models run as they were measured: no reason to lose one
            print(f"Other arrangements could not be tried ({last_line(error)}); the usual one stays.")
        if plan.arrangement != tried[0]:
            for candidate in plan.candidates:
                candidate.compiled = None
            measure_again(plan)
    return plan


def measure_again(plan: Plan, share: float | None = None) -> bool:
    """Measure what the models cost anew, unless that would take too much of the time left; whether it was done.

    Args:
        share: of the time left that measuring may take; None for the usual one.
    """
    share = MEASURING if share is None else share
    longest = max(0.0 if candidate.compiled else candidate.preparing_seconds for candidate in plan.candidates)
    if longest + 1 > share * plan.run.left():
        return False
    plan.pace = 1.0
    for candidate in plan.candidates:
        candidate.measured = False
    _measure_kinds(plan, share)
    return True


def compile_candidate(plan: Plan, candidate: Candidate) -> CompiledMember:
    """The candidate's model in the plan's arrangement; it is no longer kept."""
    compiled, candidate.compiled = candidate.compiled, None
    return compiled or CompiledMember(
        candidate.member,
        precision=plan.precision,
        batch_size=plan.arrangement.batch_size,
        streams=plan.arrangement.streams,
    )


def compile_ahead(plan: Plan, current: Candidate) -> None:
    """Compile what is to come after the current model, so that its windows can follow without a gap.

    A model that fails is told when its turn comes.
    """
    following = plan.chosen(plan.seconds(current))
    if following and not following[0].compiled:
        with suppress(Exception):
            following[0].compiled = compile_candidate(plan, following[0])


def _seconds_to_try(candidate: Candidate, arrangements: Sequence[Arrangement]) -> float:
    """What trying arrangements with a measured model takes here."""
    return trial_windows(arrangements) * candidate.seconds_per_window + len(arrangements) * candidate.preparing_seconds


def _measure_kinds(plan: Plan, share: float) -> None:
    """Fill in what the candidates cost; the models that fail are taken out."""
    to_export = None  # seconds here for one on the exporting machine
    longest = 0.0
    for candidate in list(plan.candidates):
        if candidate.measured:
            continue
        entry = candidate.member.entry
        if to_export is not None and longest > share * plan.run.left():
            candidate.seconds_per_window = to_export * entry.seconds_per_window
            candidate.preparing_seconds = longest
            continue
        started = time.perf_counter()
        try:
            candidate.compiled = compile_candidate(plan, candidate)
            preparing = time.perf_counter() - started
            seconds = seconds_per_window(candidate.compiled)
        except Exception as error:
            plan.candidates.remove(candidate)
            plan.failed.append(candidate.member.name)
            plan.run.fault(error, candidate.member.name)
            continue
        longest = max(longest, time.perf_counter() - started)
        to_export = min(seconds / entry.seconds_per_window, to_export or float("inf"))
        for other in plan.candidates:
            if other.kind == candidate.kind:
                other.seconds_per_window, other.preparing_seconds, other.measured = seconds, preparing, True
