"""Pictures of a score, class by class."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_ABOVE_CHANCE, _BELOW_CHANCE, _INK, _GREY = "#1f6fb4", "#c2273a", "#22262c", "#5b6270"


def plot_classes(per_class: pd.DataFrame, most: int = 40) -> Figure:
    """ROC-AUC of the classes that have one; where they are too many, the best and the worst side by side.

    Args:
        per_class: as ``birdlib.metrics.ranking.class_table`` makes it.
        most: how many classes are shown.
    """
    known = per_class.dropna(subset="roc_auc").sort_values("roc_auc", ascending=False, kind="stable")
    half = most // 2
    if len(known) > most:
        parts = {f"the {half} best of {len(known)} classes": known.head(half), f"the {half} worst": known.tail(half)}
    else:
        # In two columns too, once one would be longer than a screen.
        middle = len(known) if len(known) <= half else -(-len(known) // 2)
        parts = {f"ROC-AUC of {len(known)} classes": known.head(middle)}
        if middle < len(known):
            parts |= {"": known.tail(len(known) - middle)}
    rows = max(len(part) for part in parts.values())
    figure, axes = plt.subplots(
        1, len(parts), figsize=(10 if len(parts) > 1 else 7, 0.22 * rows + 1), squeeze=False, layout="constrained"
    )
    for axis, (title, part) in zip(axes[0], parts.items(), strict=True):
        _draw(axis, part, rows)
        axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    figure.supxlabel("ROC-AUC; dashed: chance; in brackets: positive rows", fontsize=9, color=_GREY)
    return figure


def _draw(axis: Axes, classes: pd.DataFrame, rows: int) -> None:
    places = np.arange(len(classes))
    below = classes["roc_auc"] < 0.5
    axis.barh(places, classes["roc_auc"], height=0.72, color=np.where(below, _BELOW_CHANCE, _ABOVE_CHANCE))
    axis.axvline(0.5, color=_INK, linewidth=0.8, linestyle="--")
    for place, area in zip(places, classes["roc_auc"], strict=True):
        inside = area > 0.15
        axis.text(
            area - 0.01 if inside else area + 0.01,
            place,
            f"{area:.2f}",
            color="white" if inside else _GREY,
            ha="right" if inside else "left",
            va="center",
            fontsize=7.5,
        )
    labels = [f"{name} ({positives})" for name, positives in zip(classes["class"], classes["positives"], strict=True)]
    axis.set_yticks(places, labels, fontsize=8, parse_math=False)
    axis.set(xlim=(0, 1), xticks=[0, 0.25, 0.5, 0.75, 1], ylim=(rows - 0.4, -0.6))
    axis.tick_params(axis="x", labelsize=8, colors=_GREY)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)
