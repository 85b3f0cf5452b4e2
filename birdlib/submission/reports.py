"""What became of each model of a submission."""

from dataclasses import dataclass

import pandas as pd


@dataclass
class MemberReport:
    """What became of one model: "scored", or why it was left out."""

    name: str
    outcome: str
    windows: int = 0
    seconds: float = 0.0


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
