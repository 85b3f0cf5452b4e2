"""Pictures of a score, class by class."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure


def plot_classes(per_class: pd.DataFrame, most: int = 40) -> Figure:
    """ROC-AUC of the classes that have one, worst and best first where there are too many to show.

    Args:
        per_class: as ``birdlib.metrics.ranking.class_table`` makes it.
    """
    known = per_class.dropna(subset="roc_auc").sort_values("roc_auc", ascending=False)
    title = "ROC-AUC"
    if len(known) > most:
        title = f"ROC-AUC of the {most // 2} best and {most // 2} worst classes of {len(known)}"
        known = pd.concat([known.head(most // 2), known.tail(most // 2)])
    figure, axis = plt.subplots(figsize=(9, 0.22 * len(known) + 0.9), layout="constrained")
    places = np.arange(len(known))
    axis.barh(places, known["roc_auc"], color="tab:blue")
    axis.axvline(0.5, color="black", linewidth=0.8, linestyle="--")
    labels = [f"{name} ({positives})" for name, positives in zip(known["class"], known["positives"], strict=True)]
    axis.set_yticks(places, labels, fontsize=8)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1), title=title, xlabel="dashed: chance; in brackets: positive windows")
    return figure
