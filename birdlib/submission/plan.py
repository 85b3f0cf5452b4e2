"""The plan: which models the time left has room for, by their worth."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import pandas as pd

from birdlib.ensemble.members import Member
from birdlib.submission.run import Run

# Share of its windows' time that a model is expected to need, for a machine that becomes slower meanwhile.
SAFETY = 1.1


@dataclass
class Plan:
    """The models that are still to be scored, those of most worth first, and what they cost.

    A model's cost is what one of its kind took on this machine. Until one ran it is the manifest's, times the pace.

    Attributes:
        windows: that each model scores.
        pace: seconds on this machine for one on the exporting machine, as the last model showed.
        compile_seconds, save_seconds: of the last model, and of the last table that was written.
    """

    run: Run
    members: list[Member]
    windows: int
    pace: float = 1.0
    compile_seconds: float = 0.0
    save_seconds: float = 0.0
    _measured: dict[Hashable, float] = field(default_factory=dict)

    def learn(self, member: Member, seconds_per_window: float) -> None:
        """Note what a model takes on this machine, with all cores busy with it."""
        self._measured[_kind(member)] = seconds_per_window
        self.pace = seconds_per_window / member.entry.seconds_per_window

    def seconds_per_window(self, member: Member) -> float:
        """What a window by this model is expected to take."""
        return self._measured.get(_kind(member), self.pace * member.entry.seconds_per_window)

    def seconds(self, member: Member) -> float:
        """What a model is expected to need, from its files to the table with it."""
        return self.windows * self.seconds_per_window(member) * SAFETY + self.compile_seconds + self.save_seconds

    def fitting(self) -> list[Member]:
        """The models that fit into the time left together, taken from the strongest down.

        One that does not fit is passed over; a cheaper one further down may still fit.
        """
        left, fitting = self.run.left(), []
        for member in self.members:
            if self.seconds(member) <= left:
                fitting.append(member)
                left -= self.seconds(member)
        return fitting

    def table(self) -> pd.DataFrame:
        """A row per model, for people: its worth, what it is expected to cost, and whether it is in."""
        fitting = self.fitting()
        rows = [
            {
                "model": member.name,
                "score": member.entry.score,
                "ms per window": 1000 * self.seconds_per_window(member),
                "minutes": self.seconds(member) / 60,
                "plan": "in" if member in fitting else "out",
            }
            for member in self.members
        ]
        columns = ["model", "score", "ms per window", "minutes", "plan"]
        return pd.DataFrame(rows, columns=columns).set_index("model").round(3)

    def summary(self) -> str:
        """One line: how many models, how long, of how much, and what the next one lacks."""
        fitting, left = self.fitting(), max(self.run.left(), 0.0)
        needed = sum(map(self.seconds, fitting))
        line = (
            f"The plan: {len(fitting)} of {len(self.members)} models over {self.windows:,} windows in "
            f"{needed / 60:.1f} of the {left / 60:.1f} minutes left"
        )
        out = [self.seconds(member) for member in self.members if member not in fitting]
        if out:
            line += f"; one more would need {max((min(out) - left + needed) / 60, 0.1):.1f} minutes more"
        return line + "."


def _kind(member: Member) -> Hashable:
    """Models of one kind do the same arithmetic, and cost the same."""
    entry = member.entry
    return entry.architecture, entry.precision, entry.front_end, len(entry.classes)
