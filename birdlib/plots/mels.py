"""Pictures of mel spectrograms."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from birdlib.frontend.mel import FrontEnd
from birdlib.plots.style import show_mel


def plot_mels(mels: np.ndarray, front_end: FrontEnd, columns: int = 4) -> Figure:
    """A grid of mel spectrograms, float32 [windows, n_mels, frames], as the models take them."""
    rows = -(-len(mels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 1.7 * rows), squeeze=False, layout="constrained")
    for axis, mel in zip(axes.ravel(), mels, strict=False):
        show_mel(axis, mel, 0, front_end.window_seconds)
    for axis in axes.ravel()[len(mels) :]:
        axis.axis("off")
    for axis in axes[:, 1:].ravel():
        axis.set_yticks([])
    for axis in axes[:, 0]:
        axis.set_ylabel("mel band")
    for axis in axes[-1]:
        axis.set_xlabel("seconds")
    return figure
