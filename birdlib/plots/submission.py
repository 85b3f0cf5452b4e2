"""Pictures of a submission: what the ensemble predicts where, and how its scores are spread."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from birdlib.audio.recordings import read_windows
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.plots.style import CLIPS, SOUNDSCAPES, plain, plain_numbers, show_mel
from birdlib.submission.preparation import Task


def plot_windows(
    task: Task, scores: np.ndarray, front_end: FrontEnd, padding: str, count: int = 4, top: int = 3
) -> Figure:
    """Mel spectrograms of the windows with the highest scores, one a soundscape where there are enough.

    Args:
        scores: float [rows, classes] of ``task``.
    """
    best = scores.max(axis=1)
    chosen = []
    for rank in range(count):
        for soundscape in task.soundscapes:
            order = np.argsort(-best[soundscape.rows], kind="stable")
            if rank < len(order):
                chosen.append((soundscape, int(order[rank])))
        if len(chosen) >= count:
            break
    chosen = chosen[:count]
    figure, axes = plt.subplots(len(chosen), 1, figsize=(9, 1.9 * len(chosen)), squeeze=False, layout="constrained")
    for axis, (soundscape, position) in zip(axes[:, 0], chosen, strict=True):
        end = soundscape.ends[position]
        wave, _ = read_windows(
            soundscape.path,
            [end],
            window_seconds=min(front_end.window_seconds, WINDOW_SECONDS),
            sample_rate=front_end.sample_rate,
            padding=padding,
        )
        with torch.inference_mode():
            mel = MelSpectrogram(front_end)(torch.from_numpy(np.nan_to_num(wave)))[0, 0].numpy()
        row = scores[soundscape.rows[position]]
        heard = ", ".join(f"{task.plan.classes[i]} {row[i]:.2f}" for i in np.argsort(-row, kind="stable")[:top])
        show_mel(axis, mel, end - WINDOW_SECONDS, end)
        axis.set(title=f"{soundscape.path.stem}: {heard}", yticks=[], ylabel="mel")
        axis.title.set_fontsize(9)
    axes[-1, 0].set_xlabel("seconds")
    return figure


def plot_scores(scores: np.ndarray, scored_rows: np.ndarray) -> Figure:
    """How the scores are spread: of all cells, and of each window's highest.

    Args:
        scores: float [rows, classes].
        scored_rows: bool [rows]; rows without audio are left out.
    """
    scores = scores[scored_rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
    bins = np.linspace(0, 1, 51)
    plain(left, f"all {scores.size:,} scores")
    left.hist(scores.ravel(), bins=bins, log=True, color=CLIPS)
    plain_numbers(left, subs=(1.0,))
    left.set(xlabel="probability", ylabel="count")
    plain(right, f"highest score of each of {len(scores):,} windows")
    right.hist(scores.max(axis=1) if len(scores) else [], bins=bins, color=SOUNDSCAPES)
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="probability", ylabel="windows")
    return figure
