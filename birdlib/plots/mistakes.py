"""A gallery of the most confident mistakes."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from birdlib.data.clips import Clips
from birdlib.data.known_soundscapes import KnownSoundscapes
from birdlib.data.prepared import Prepared
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.plots.style import INK, RIGHT, TRAINING, WIDTH, WRONG, cut, show_mel
from birdlib.scores.predictions import Predictions

MelsOf = Callable[[Sequence[int]], Sequence[np.ndarray]]


def mels_of_clips(predictions: Predictions, prepared: Prepared, front_end: FrontEnd, padding: str) -> MelsOf:
    """What ``plot_mistakes`` needs: of some rows of a validation on clips the mels, float32 [n_mels, frames] each."""
    row_of = {filename: row for row, filename in enumerate(prepared.recordings["filename"])}

    def mels(rows: Sequence[int]) -> list[np.ndarray]:
        clips = Clips(
            prepared.clip_table(np.array([row_of[predictions.filenames[row]] for row in rows])),
            sample_rate=front_end.sample_rate,
            window_seconds=front_end.window_seconds,
            crop="first",
            padding=padding,
            seed=0,
        )
        return _mels([clips[0, position][0] for position in range(len(clips))], front_end)

    return mels


def mels_of_soundscapes(
    predictions: Predictions, soundscapes: KnownSoundscapes, front_end: FrontEnd, padding: str
) -> MelsOf:
    """The same of rows of a validation on labelled soundscapes; these are gone through once."""

    def mels(rows: Sequence[int]) -> list[np.ndarray]:
        wanted = {predictions.row_ids[row]: None for row in rows}
        kept: dict[str, np.ndarray] = {}
        for row_ids, waves, _ in soundscapes.windows(front_end.sample_rate, front_end.window_seconds, padding):
            kept |= {row_id: wave.copy() for row_id, wave in zip(row_ids, waves, strict=True) if row_id in wanted}
            if len(kept) == len(wanted):
                break
        return _mels([kept[row_id] for row_id in wanted], front_end)

    return mels


def _mels(waves: list[np.ndarray], front_end: FrontEnd) -> list[np.ndarray]:
    with torch.inference_mode():
        return list(MelSpectrogram(front_end)(torch.from_numpy(np.stack(waves)))[:, 0].numpy())


def plot_mistakes(predictions: Predictions, mels_of: MelsOf, *, seconds: float = 5.0, count: int = 4) -> Figure:
    """Mel spectrograms of the most confident mistakes: birds heard that are not there, and birds missed.

    A false alarm ranks an absent class above all that are there (where none is: above half of all that are there
    anywhere); a miss ranks one that is there below one that is not. A row is shown once, and a class once in each
    line as long as there are others. Cells of weight 0 are no mistakes.

    Args:
        mels_of: gives the mel spectrograms of some rows, float [n_mels, frames] each.
        seconds: a window's length.
        count: pictures of each kind.
    """
    truth, scores = predictions.truth, predictions.scores.astype(np.float64)
    counted, classes = predictions.weights > 0, list(predictions.classes)
    present, absent = (truth == 1) & counted, (truth == 0) & counted
    alarms, misses = _mistakes(present, absent, scores, count)
    lines = [
        (kind, cells) for kind, cells in (("heard, but not there", alarms), ("there, but missed", misses)) if cells
    ]
    if not lines:
        figure = plt.figure(figsize=(WIDTH, 0.8), layout="constrained")
        figure.text(0.01, 0.5, "No mistakes: what is there ranks above all that is not.", color=INK, va="center")
        return figure
    rows = list(dict.fromkeys(row for _, cells in lines for row, _ in cells))
    mel_of = dict(zip(rows, mels_of(rows), strict=True))
    figure = plt.figure(figsize=(WIDTH, 2.55 * len(lines)), layout="constrained")
    for part, (kind, cells) in zip(figure.subfigures(len(lines), 1, squeeze=False)[:, 0], lines, strict=True):
        part.suptitle(kind, x=0.005, ha="left", color=INK, fontsize=10.5, fontweight="bold")
        axes = part.subplots(1, count, squeeze=False)[0]
        for axis in axes[len(cells) :]:
            axis.axis("off")
        for axis, (row, c) in zip(axes, cells, strict=False):
            show_mel(axis, np.asarray(mel_of[row]), 0, seconds)
            axis.set(yticks=[])
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
            axis.tick_params(labelsize=7, length=2, colors=TRAINING)
            axis.spines[:].set_visible(False)
            _title_of_mistake(axis, present[row], absent[row], scores[row], classes, c)
            axis.set_xlabel(cut(predictions.row_ids[row], 34), fontsize=7, color=TRAINING, parse_math=False)
    return figure


def _title_of_mistake(
    axis: Axes, present: np.ndarray, absent: np.ndarray, scores: np.ndarray, classes: list[str], c: int
) -> None:
    if present[c]:
        other = int(np.argmax(np.where(absent, scores, -np.inf)))
        second = f"heard {cut(classes[other], 16)} {scores[other]:.2f}"
    elif present.any():
        best = int(np.argmax(np.where(present, scores, -np.inf)))
        second = f"there: {cut(classes[best], 16)} {scores[best]:.2f}"
        second += f" +{present.sum() - 1}" if present.sum() > 1 else ""
    else:
        second = "no labelled bird there"
    head = f"{cut(classes[c], 22)} {scores[c]:.2f}"
    axis.set_title(second, fontsize=8, color=INK, loc="left", pad=4, parse_math=False)
    axis.annotate(
        head,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 17),
        textcoords="offset points",
        fontsize=9.5,
        fontweight="bold",
        color=RIGHT if present[c] else WRONG,
        parse_math=False,
    )


def _mistakes(
    present: np.ndarray, absent: np.ndarray, scores: np.ndarray, count: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Cells (row, class) of the worst false alarms and of the worst misses, the worst first."""
    typical = np.median(scores[present]) if present.any() else 0.0
    best_present = np.where(present, scores, -np.inf).max(axis=1, keepdims=True)
    best_present[~present.any(axis=1)] = typical
    best_absent = np.where(absent, scores, -np.inf).max(axis=1, keepdims=True)
    alarms = _worst(np.where(absent & (scores > best_present), scores, -np.inf), count, taken=set())
    # By the distance to what was heard instead: a bird that is quiet among quiet scores is no confident miss.
    gap = np.where(present & (scores < best_absent), best_absent - scores, -np.inf)
    return alarms, _worst(gap, count, taken={row for row, _ in alarms})


def _worst(badness: np.ndarray, count: int, taken: set[int]) -> list[tuple[int, int]]:
    """The cells of the highest finite values, of other rows than those taken, of different classes if possible."""
    flat = badness.ravel()
    order = np.argsort(-flat, kind="stable")[: np.isfinite(flat).sum()]
    chosen: list[tuple[int, int]] = []
    for again in (False, True):
        for at in order:
            row, c = divmod(int(at), badness.shape[1])
            if len(chosen) == count:
                break
            if row not in taken and (again or c not in {taken_class for _, taken_class in chosen}):
                chosen.append((row, c))
                taken.add(row)
    return sorted(chosen, key=lambda cell: -badness[cell])
