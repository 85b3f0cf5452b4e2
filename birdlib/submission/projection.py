"""The projection: what this run's speed means for the hidden test set."""

import pandas as pd

from birdlib.competition.editions import Edition
from birdlib.submission.reports import MemberReport
from birdlib.submission.run import Run


def project(run: Run, reports: list[MemberReport], edition: Edition) -> pd.DataFrame:
    """Minutes that the hidden test set would take, model after model, at the speed measured in this run.

    The speed is that of this machine and of these recordings; everything but the scoring counts once.

    Returns:
        By scored model, in order: its windows per second, and the minutes passed when it is done.
    """
    scored = [report for report in reports if report.windows and report.outcome.startswith("scored")]
    scoring = sum(report.seconds for report in scored)
    seconds = max(run.elapsed() - scoring, 0.0)
    rows = []
    for report in scored:
        seconds += report.seconds / report.windows * edition.hidden_windows
        rows.append(
            {
                "model": report.name,
                "windows per second": report.windows / report.seconds,
                "done after (minutes)": seconds / 60,
            }
        )
    return pd.DataFrame(rows, columns=["model", "windows per second", "done after (minutes)"]).set_index("model")


def verdict(projected: pd.DataFrame, edition: Edition, limit_minutes: float, margin: float) -> str:
    """One line: how much of the hidden test set's time the scored models would take.

    Args:
        margin: share of the limit that is kept free.
    """
    if projected.empty:
        return "No model was scored: nothing to project from."
    minutes = projected["done after (minutes)"]
    fit = int((minutes <= limit_minutes * (1 - margin)).sum())
    models = "this model" if len(projected) == 1 else f"these {len(projected)} models"
    return (
        f"{edition.title}'s hidden test set ({edition.hidden_windows:,} windows) would take {models} "
        f"{minutes.iloc[-1]:.0f} minutes on this machine; {fit} of {len(projected)} fit into the limit of "
        f"{limit_minutes:g} less its margin of {margin:.0%}."
    )
