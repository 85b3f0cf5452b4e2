"""What the pictures share: hues, sizes, and axes without what nobody looks at."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

# Hues that stay apart for the colour-blind; a set of data keeps its own in every picture.
TRAINING, CLIPS, SOUNDSCAPES = "#8a8f98", "#1f6fb4", "#d9650b"
RIGHT, WRONG = "#1f6fb4", "#c2273a"
INK, GREY, FAINT = "#22262c", "#5b6270", "#d9dce1"
WIDTH = 10.0  # inches: that of a notebook's output


def plain(axis: Axes, title: str) -> None:
    """A title at the left, faint lines, no frame."""
    axis.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color("#b5bac2")
    axis.tick_params(colors=GREY, labelsize=8.5)
    axis.xaxis.label.set(color=GREY, fontsize=9)
    axis.yaxis.label.set(color=GREY, fontsize=9)
    axis.grid(axis="y", color=FAINT, linewidth=0.6)
    axis.set_axisbelow(True)


def plain_numbers(axis: Axes, subs: tuple[float, ...]) -> None:
    """A logarithmic axis with numbers as they are spoken."""
    axis.yaxis.set_major_locator(LogLocator(subs=subs))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:.3g}"))
    axis.yaxis.set_minor_locator(NullLocator())


def show_mel(axis: Axes, mel: np.ndarray, start: float, end: float, **scale: float) -> AxesImage:
    """A mel spectrogram, float [n_mels, frames], over its seconds.

    Args:
        scale: vmin and vmax, where several pictures shall share them.
    """
    return axis.imshow(
        mel,
        origin="lower",
        aspect="auto",
        cmap=spectrogram_colours(),
        interpolation="nearest",
        extent=(start, end, 0, len(mel)),
        **scale,
    )


def cut(text: str, most: int) -> str:
    """A text of no more than so many letters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def spectrogram_colours() -> Colormap:
    """Few, since noise fills a notebook: with 256, which look the same, a picture is twice as large."""
    return matplotlib.colormaps["magma"].resampled(32)
