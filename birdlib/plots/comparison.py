"""Pictures of several submissions side by side."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure


def plot_comparison(scores: pd.DataFrame) -> Figure:
    """Each submission's scores with their intervals, a panel per metric.

    Args:
        scores: as ``birdlib.metrics.scoring.scores_table`` makes it.
    """
    names, metrics = list(dict.fromkeys(scores["submission"])), list(dict.fromkeys(scores["metric"]))
    figure, axes = plt.subplots(
        1, len(metrics), figsize=(9, 0.42 * len(names) + 1.1), sharey=True, squeeze=False, layout="constrained"
    )
    places = np.arange(len(names))
    for axis, metric in zip(axes[0], metrics, strict=True):
        rows = scores[scores["metric"] == metric].set_index("submission").loc[names]
        # Of a single soundscape there is no interval: a dot alone.
        axis.hlines(places, rows["low"], rows["high"], color="tab:blue", linewidth=3, alpha=0.35)
        axis.plot(rows["value"], places, "o", color="tab:blue")
        for place, value in zip(places, rows["value"], strict=True):
            axis.annotate(f"{value:.3f}", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8)
        axis.set(title=metric, xlim=(0, 1.02), ylim=(len(names) - 0.5, -0.7))
        axis.set_yticks(places, names, fontsize=9)
        axis.grid(axis="x", alpha=0.3)
    figure.supxlabel("bars: 95 % of draws of soundscapes", fontsize=8)
    return figure
