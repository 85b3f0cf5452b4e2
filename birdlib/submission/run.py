"""A submission's run: stages and clock, strict in the commit run, forgiving in the rerun."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import psutil

from birdlib.errors import BirdlibError

SESSION_SECONDS = 12 * 3600.0  # Kaggle's own limit, where the competition's is not known


def is_rerun() -> bool:
    """Whether this is the hidden rerun of a submission, whose log nobody sees."""
    return os.environ.get("KAGGLE_IS_COMPETITION_RERUN", "").strip().lower() not in ("", "0", "false")


@dataclass(frozen=True)
class Spent:
    """Wall time, and the CPU time of this process and of those that it has started and seen end."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @classmethod
    def now(cls) -> "Spent":
        """Two of these make a difference that means something."""
        return cls(time.perf_counter(), sum(os.times()[:4]))

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.seconds - other.seconds, self.cpu_seconds - other.cpu_seconds)


class Run:
    """The stages of a run, timed, and what happens when one fails.

    In the commit run and at home a fault stops the notebook. In the hidden rerun a cell that raises would score
    nothing, whatever had been written: there a fault is logged, the rest of its stage is dropped, and the run
    goes on with the best table that it has.
    """

    closing_seconds = 10.0  # what comes after the scoring, and the saving of the notebook

    def __init__(self) -> None:
        self.rerun = is_rerun()
        # Counted from the start of the process: imports and library cells have spent time already.
        age = time.time() - psutil.Process().create_time()
        # Some sandboxes tell a start that cannot be true; a minute is more than those cells take.
        self._started = time.monotonic() - (age if 0 <= age < 1800 else 60.0)
        self.stages: dict[str, Spent] = {}
        self.faults: list[str] = []
        self._inner = [Spent()]
        self._limit_seconds = SESSION_SECONDS
        self._margin_seconds = self.closing_seconds

    def set_limit(self, limit_minutes: float, margin: float) -> None:
        """The competition's time limit, of which the share ``margin`` (or ``closing_seconds``) is kept free.

        Raises:
            BirdlibError: a value is out of range.
        """
        if not 0 < limit_minutes <= 24 * 60:
            raise BirdlibError(f"TIME_LIMIT_MINUTES = {limit_minutes}: expected more than 0 and at most 1440")
        if not 0 <= margin < 1:
            raise BirdlibError(f"TIME_MARGIN = {margin}: expected a share from 0 to below 1")
        self._limit_seconds = limit_minutes * 60
        self._margin_seconds = max(margin * limit_minutes * 60, self.closing_seconds)

    @property
    def limit_seconds(self) -> float:
        return self._limit_seconds

    def check_limit(self) -> None:
        """Raise BirdlibError where the run has taken longer than its limit, which would score nothing on Kaggle."""
        if self.elapsed() > self._limit_seconds:
            raise BirdlibError(
                f"this run took {self.elapsed() / 60:.1f} minutes, more than its limit of "
                f"{self._limit_seconds / 60:g}; set a larger time_margin or fewer models"
            )

    def elapsed(self) -> float:
        """Seconds since the notebook's process started."""
        return time.monotonic() - self._started

    def left(self) -> float:
        """Seconds that may still be spent, the margin left out."""
        return self._limit_seconds - self._margin_seconds - self.elapsed()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is inside under this name; in the rerun, swallow and log what it raises."""
        with self.timed(name):
            try:
                yield
            except (Exception, SystemExit) as error:
                self.fault(error, name)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time what is inside under this name, and take it out of the stage around it."""
        started = Spent.now()
        self._inner.append(Spent())
        try:
            yield
        finally:
            inner = self._inner.pop()
            spent = Spent.now() - started
            self.stages[name] = self.stages.get(name, Spent()) + spent - inner
            self._inner[-1] += spent

    def fault(self, error: BaseException, where: str = "") -> None:
        """Stop loudly (raise it), or, in the rerun, log it and go on."""
        if not self.rerun:
            raise error
        text = str(error) if isinstance(error, BirdlibError) else f"{type(error).__name__}: {error}"
        text = " ".join(text.split())  # OpenVINO's reasons have many lines
        line = text if text.startswith(where) else f"{where}: {text}"
        if line not in self.faults:  # a recording that is decoded again is broken again
            self.faults.append(line)
            print(f"DROPPED {line}", file=sys.stderr, flush=True)

    def table(self) -> pd.DataFrame:
        """Stage, wall and CPU seconds, and share of all that has passed since the process started."""
        stages = sum(self.stages.values(), Spent())
        total = Spent(self.elapsed(), Spent.now().cpu_seconds)
        start = Spent(max(total.seconds - stages.seconds, 0.0), max(total.cpu_seconds - stages.cpu_seconds, 0.0))
        rows = {"Start and library cells": start} | self.stages
        table = pd.DataFrame(
            {
                "seconds": [spent.seconds for spent in rows.values()],
                "CPU seconds": [spent.cpu_seconds for spent in rows.values()],
                "share": [f"{spent.seconds / total.seconds:.1%}" for spent in rows.values()],
            },
            index=pd.Index(rows, name="stage"),
        )
        return table.round({"seconds": 1, "CPU seconds": 1})
