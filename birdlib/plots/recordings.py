"""Pictures of recordings."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import soundfile
from matplotlib.figure import Figure

from birdlib.plots.style import spectrogram_colours


def plot_recordings(paths: Sequence[Path], seconds: float = 5.0, columns: int = 4) -> Figure:
    """Spectrograms of the first seconds of some recordings, each under its folder's name (its label)."""
    rows = math.ceil(len(paths) / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 1.7 * rows), squeeze=False, layout="constrained")
    for axis in axes.ravel():
        axis.axis("off")
    for axis, path in zip(axes.ravel(), paths, strict=False):
        rate = soundfile.info(str(path)).samplerate
        wave, _ = soundfile.read(str(path), frames=round(seconds * rate), dtype="float32", always_2d=True)
        axis.specgram(
            wave[:, 0] + 1e-6,
            NFFT=1024,
            Fs=rate,
            noverlap=512,
            cmap=spectrogram_colours(),
            interpolation="nearest",
            vmin=-120,
            vmax=-30,
        )
        axis.set_title(path.parent.name, fontsize=9)
    return figure
