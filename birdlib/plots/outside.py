"""Pictures of what an outside model predicts."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from birdlib.competition.rows import split_row_id
from birdlib.plots.style import CLIPS, FAINT, INK, WIDTH, plain
from birdlib.scores.score_table import ScoreTable


def plot_own_class(scores: ScoreTable, most: int = 40) -> Figure:
    """The largest probability of each focal recording's own class, a dot per recording, the doubtful classes first.

    Args:
        scores: of focal recordings, whose row ids are LABEL/FILE_SECOND.
        most: how many classes are shown.
    """
    recordings = [split_row_id(row_id)[0] for row_id in scores.row_ids]
    labels = [recording.partition("/")[0] for recording in recordings]
    column = {label: place for place, label in enumerate(scores.classes)}
    rows = [row for row, label in enumerate(labels) if label in column]
    own = scores.probabilities()[rows, [column[labels[row]] for row in rows]]
    table = pd.DataFrame({"label": [labels[row] for row in rows], "recording": [recordings[row] for row in rows]})
    largest = table.assign(own=own).groupby(["label", "recording"])["own"].max().reset_index()
    order = largest.groupby("label")["own"].median().sort_values(kind="stable").index[:most].tolist()
    shown = largest[largest["label"].isin(order)]
    figure, axis = plt.subplots(figsize=(WIDTH, 0.2 * len(order) + 1.2), layout="constrained")
    places = [order.index(label) for label in shown["label"]]
    axis.hlines(np.arange(len(order)), 0, 1, color=FAINT, linewidth=0.6)
    axis.plot(shown["own"], places, "o", color=CLIPS, markersize=4, alpha=0.7)
    axis.set_yticks(np.arange(len(order)), order, fontsize=8, color=INK, parse_math=False)
    axis.set(xlim=(-0.02, 1.02), ylim=(len(order) - 0.4, -0.6))
    axis.set_xlabel("largest probability of its own class in a recording; a dot is a recording")
    plain(axis, f"{len(order)} of {largest['label'].nunique()} classes, the most doubtful first")
    return figure
