"""Scores submissions against the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.editions import MACRO_ROC_AUC, PADDED_CMAP
from birdlib.competition.forms import check_submission
from birdlib.competition.row_plan import RowPlan
from birdlib.competition.rows import ROW_ID, doubles, shown, split_row_id
from birdlib.competition.table import read_table
from birdlib.errors import BirdlibError
from birdlib.metrics.ranking import Interval, bootstrap, class_table, macro_roc_auc, padded_cmap

METRICS = {PADDED_CMAP: padded_cmap, MACRO_ROC_AUC: macro_roc_auc}


@dataclass(frozen=True)
class ScoreReport:
    """What a submission is worth.

    truth, scores: float64 [rows, classes], in the truth's order; row_ids and classes name them.
    """

    metrics: dict[str, Interval]
    per_class: pd.DataFrame  # see class_table
    row_ids: tuple[str, ...]
    classes: tuple[str, ...]
    truth: np.ndarray
    scores: np.ndarray

    def table(self) -> pd.DataFrame:
        """A row per metric: metric, value, low, high."""
        rows = [(name, i.value, i.low, i.high) for name, i in self.metrics.items()]
        return pd.DataFrame(rows, columns=["metric", "value", "low", "high"])


def score_submission(submission: Path | str, truth: Path | str, *, repeats: int = 200, seed: int = 0) -> ScoreReport:
    """Scores a submission with every metric known here, aligned with the truth by row id and class name.

    The intervals are over soundscapes; they are NaN where there is one soundscape only.
    Raises BirdlibError if the tables do not hold the same rows and classes, or a value is not a number.
    """
    wanted = read_table(truth)
    row_ids, columns = tuple(wanted[ROW_ID].astype(str)), tuple(wanted.columns)
    classes = tuple(name for name in columns if name != ROW_ID)
    for names, what in ((row_ids, "row"), (columns, "column")):
        if doubled := doubles(names):
            raise BirdlibError(f"{truth}: {shown(doubled, what)} more than once")
    found = read_table(submission)
    # Kaggle aligns by name, so another order is no fault here.
    if set(found.columns) == set(columns):
        found = found[list(columns)]
    if sorted(found[ROW_ID].astype(str)) == sorted(row_ids):
        found = found.set_index(ROW_ID).loc[list(row_ids)].reset_index()[list(found.columns)]
    plan = RowPlan(row_ids, columns)
    if problems := check_submission(found, plan):
        raise BirdlibError(f"{submission} does not fit {truth}: " + "; ".join(problems))
    try:
        labels = wanted[list(classes)].to_numpy(dtype=np.float64)
    except ValueError as error:
        raise BirdlibError(f"{truth}: not a table of 0 and 1 ({error})") from None
    scores = found[list(classes)].to_numpy(dtype=np.float64)
    soundscapes = [split_row_id(row_id)[0] for row_id in row_ids]
    metrics = {}
    for name, metric in METRICS.items():
        if len(set(soundscapes)) > 1:
            metrics[name] = bootstrap(metric, labels, scores, soundscapes, repeats, seed)
        else:
            metrics[name] = Interval(metric(labels, scores), float("nan"), float("nan"))
    return ScoreReport(metrics, class_table(labels, scores, classes), row_ids, classes, labels, scores)


def score_submissions(
    submissions: Mapping[str, Path | str], truth: Path | str, *, repeats: int = 200, seed: int = 0
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
    return {name: score_submission(path, truth, repeats=repeats, seed=seed) for name, path in submissions.items()}


def scores_table(reports: Mapping[str, ScoreReport]) -> pd.DataFrame:
    """A row per submission and metric: submission, metric, value, low, high."""
    tables = []
    for name, report in reports.items():
        table = report.table()
        table.insert(0, "submission", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
