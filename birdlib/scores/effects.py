"""What each post-processing step changes, measured on predictions whose truth is known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from birdlib.competition.rows import split_row_id
from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.metrics.intervals import ends_of, group_draws
from birdlib.metrics.metric import Metric
from birdlib.metrics.of_years import USUAL
from birdlib.scores.post_process import PostprocessingStep, post_process

# Each metric's value and its draws.
Measured = dict[Metric, tuple[float | None, np.ndarray]]


def effects_table(
    truth: np.ndarray,
    probabilities: np.ndarray,
    row_ids: Sequence[str],
    steps: Sequence[dict],
    *,
    metrics: Sequence[Metric] = USUAL,
    weights: np.ndarray | None = None,
    taxa: Sequence[str] | None = None,
    repeats: int = 200,
) -> pd.DataFrame:
    """The metrics without post-processing, with each step alone, and with all of them one after another.

    Behind each metric stands its change, with the 95 % interval of a bootstrap over whole recordings: the same draws
    with the step and without. An interval that holds 0 shows no effect.

    Args:
        truth: 0/1 [rows, classes].
        probabilities: float [rows, classes].
        row_ids: a row's recording and second, such as "soundscape_29201_5".
        steps: tables of ``birdlib.postprocessing``; one that cannot be used here (such as one by taxon where there is
            no taxonomy) is left out of the table, and the reason is printed.
        weights: float [rows, classes]; a cell of weight 0 does not count.
        taxa: of the classes; None where the competition has no taxonomy.
    """
    copies = group_draws([split_row_id(row_id)[0] for row_id in row_ids], repeats)
    counted = None if weights is None else weights > 0

    def measure(scores: np.ndarray) -> Measured:
        return {m: (m(truth, scores, counted), m.draws(truth, scores, copies, counted)) for m in metrics}

    given = np.asarray(probabilities, np.float32)
    lists: dict[str, tuple[PostprocessingStep, ...]] = {"none": ()}
    lists |= {_text(step): (component("postprocessing", step),) for step in steps}
    rows: list[dict] = []
    before = None
    usable: list[PostprocessingStep] = []
    for name, chosen in lists.items():
        try:
            scores = post_process(chosen, given, row_ids, taxa)
        except BirdlibError as error:
            print(f"{name} cannot be tried here: {error}")
            continue
        usable += chosen
        measured = measure(scores)
        before = before or measured
        rows.append({"step": name} | _cells(measured, before if chosen else None))
    if len(usable) > 1:
        scores = post_process(usable, given, row_ids, taxa)
        rows.append({"step": "all, in this order"} | _cells(measure(scores), before))
    return pd.DataFrame(rows).set_index("step")


def _cells(measured: Measured, before: Measured | None) -> dict[str, str]:
    """A metric's value and its change, as text; no change where there is nothing before."""
    cells = {}
    for metric, (value, draws) in measured.items():
        cells[metric.title] = "" if value is None else f"{value:.3f}"
        cells[f"change of {metric.title}"] = ""
        if before is not None and value is not None:
            low, high = ends_of(draws - before[metric][1])
            interval = "" if low is None else f" ({low:+.3f} to {high:+.3f})"
            cells[f"change of {metric.title}"] = f"{value - before[metric][0]:+.3f}{interval}"
    return cells


def _text(step: dict) -> str:
    """A step as a line: "top_k_scaling, k = 1, power = 0.4"."""
    return ", ".join([str(step.get("name")), *(f"{key} = {value}" for key, value in step.items() if key != "name")])
