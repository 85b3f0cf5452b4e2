"""Scores submissions against the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.editions import WINDOWS
from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import DecisionMetric
from birdlib.metrics.intervals import Interval, ends_of, group_draws
from birdlib.metrics.label_tables import aligned, read_label_table
from birdlib.metrics.metric import Metric
from birdlib.metrics.of_years import METRICS
from birdlib.metrics.ranking import class_table


@dataclass(frozen=True)
class ScoreReport:
    """What a submission is worth.

    Attributes:
        metrics: by title, the competition's first.
        per_class: see ``birdlib.metrics.ranking.class_table``.
        row_ids, classes: of the truth, and the submission's in its order.
        truth, scores: float64 [rows, classes].
    """

    metrics: dict[str, Interval]
    per_class: pd.DataFrame
    row_ids: tuple[str, ...]
    classes: tuple[str, ...]
    truth: np.ndarray
    scores: np.ndarray

    def table(self) -> pd.DataFrame:
        """A row per metric: metric, value, low, high."""
        rows = [(name, i.value, i.low, i.high) for name, i in self.metrics.items()]
        return pd.DataFrame(rows, columns=["metric", "value", "low", "high"]).astype(
            dict.fromkeys(("value", "low", "high"), np.float64)
        )


def score_submission(
    submission: Path | str, truth: Path | str, metric: Metric, *, repeats: int = 200, seed: int = 0
) -> ScoreReport:
    """Score a submission by the competition's metric, and by the others that are defined for what it holds.

    Metrics of probabilities are for tables of windows, those of labels for 2021's and 2022's forms. The intervals are
    over soundscapes; there is none where there is one soundscape only. Submission and truth are aligned by row id and
    class name, and each may be in any form.

    Raises:
        BirdlibError: the tables do not hold the same rows and classes, a value is out of its range, or the metric is
            not one for what the submission holds.
    """
    submitted, known, counted = aligned(read_label_table(submission), read_label_table(truth))
    holds_labels = submitted.form != WINDOWS
    if isinstance(metric, DecisionMetric) != holds_labels:
        held = "labels" if holds_labels else "probabilities"
        raise BirdlibError(f"{submission}: holds {held}, which {metric.title} cannot score; name its own competition")
    copies = group_draws(known.soundscapes, repeats, seed)
    metrics = {}
    try:
        for each in dict.fromkeys((metric, *METRICS)):
            if isinstance(each, DecisionMetric) != holds_labels:
                continue
            value, draws = (each.of_decisions, each.draws_of_decisions) if holds_labels else (each, each.draws)
            ends = ends_of(draws(known.values, submitted.values, copies, counted))
            metrics[each.title] = Interval(value(known.values, submitted.values, counted), *ends)
        per_class = class_table(known.values, submitted.values, known.classes, counted)
    except BirdlibError as error:
        raise BirdlibError(f"{submission} against {truth}: {error}") from None
    return ScoreReport(metrics, per_class, known.row_ids, known.classes, known.values, submitted.values)


def score_submissions(
    submissions: Mapping[str, Path | str], truth: Path | str, metric: Metric, *, repeats: int = 200, seed: int = 0
) -> dict[str, ScoreReport]:
    """The report of each submission, all against the same truth and over the same draws of soundscapes.

    Raises:
        BirdlibError: there is none, two names stand for one file, or one does not fit the truth.
    """
    if not submissions:
        raise BirdlibError("no submission to score; name at least one")
    of_file: dict[Path, str] = {}
    for name, path in submissions.items():
        other = of_file.setdefault(Path(path).resolve(), name)
        if other != name:
            raise BirdlibError(f"{other} and {name} are the same file {path}; attach the submission of each")
    return {
        name: score_submission(path, truth, metric, repeats=repeats, seed=seed) for name, path in submissions.items()
    }


def scores_table(reports: Mapping[str, ScoreReport]) -> pd.DataFrame:
    """A row per submission and metric: submission, metric, value, low, high."""
    tables = []
    for name, report in reports.items():
        table = report.table()
        table.insert(0, "submission", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
