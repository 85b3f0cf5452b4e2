"""Pictures of augmentations: a clip, its partner, what becomes of them, and their labels."""

from collections.abc import Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import read_steps
from birdlib.augmentation.steps import MELS, Step
from birdlib.clip_sources.clip_context import ClipContext
from birdlib.data.clip_table import ClipTable
from birdlib.data.clips import Clips
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.models.parts import mel_of_parts
from birdlib.plots.style import FAINT, GREY, INK, WIDTH, cut, show_mel
from birdlib.training.settings import TrainSettings

_COLOURS = {"clip": "#1f6fb4", "partner": "#d9650b", "result": INK}
# Of the clips' cells: what is beyond has the first or last colour, so that a few odd cells do not dim the others.
_DARKEST, _BRIGHTEST = 0.02, 0.998


def plot_recipe(
    table: ClipTable, settings: TrainSettings, context: ClipContext, front_end: FrontEnd, *, count: int = 8
) -> Figure:
    """``plot_augmentations`` of the steps of all stages, on clips from all over a table, cropped as a training does.

    Args:
        context: finds the folders that steps name.
        count: clips of the batch.

    Raises:
        BirdlibError: the table is empty, a recording cannot be read, or a folder is not attached.
    """
    if not len(table):
        raise BirdlibError("no clips to train with; prepare the competition again")
    chosen = np.unique(np.linspace(0, len(table) - 1, count).round().astype(int))
    clips = Clips(
        table.take(chosen),
        sample_rate=front_end.sample_rate,
        window_seconds=front_end.window_seconds,
        crop="random",
        padding=settings.padding,
        seed=0,
    )
    waves, targets, weights, _, _ = zip(*(clips[0, position] for position in range(len(chosen))), strict=True)
    batch = Batch(*(torch.from_numpy(np.stack(values)) for values in (waves, targets, weights)))
    # Stages often share their steps.
    steps = list(dict.fromkeys(step for stage in settings.stages for step in read_steps(stage.augmentations)))
    augmentation_context = AugmentationContext(front_end.sample_rate, context.audio)
    return plot_augmentations(steps, augmentation_context, batch, MelSpectrogram(front_end), table.classes)


def plot_augmentations(
    steps: Sequence[Step],
    context: AugmentationContext,
    batch: Batch,
    mel_module: MelSpectrogram,
    classes: Sequence[str],
    *,
    seed: int = 0,
) -> Figure:
    """A row for every step, each on the untouched batch: clip, partner and result as mel spectrograms, and labels.

    Shown is the first clip whose partner has other labels, or, without partners, the clip that changes most.

    Args:
        batch: waves, float32 [batch, samples] of one window each.
        classes: the names of the targets.
    """
    if not steps:
        figure, axis = plt.subplots(figsize=(WIDTH, 1), layout="constrained")
        axis.axis("off")
        axis.set_title("no augmentation")
        return figure
    batch = Batch(batch.input.cpu(), batch.targets.float().cpu(), batch.weights.cpu())
    mels = _mels(mel_module, batch)
    # One scale for all pictures, whatever a front end's numbers are, so that what is louder is brighter.
    low, high = np.quantile(mels.numpy(), [_DARKEST, _BRIGHTEST])
    scale = {"vmin": low, "vmax": max(high, low + 1e-3)}
    figure, axes = plt.subplots(
        len(steps), 4, figsize=(WIDTH, 1.5 * len(steps)), squeeze=False, layout="constrained", width_ratios=[3, 3, 3, 2]
    )
    seconds = mel_module.front_end.window_seconds
    for number, (row, step) in enumerate(zip(axes, steps, strict=True)):
        before = replace(batch, input=mels) if step.takes == MELS else batch
        after, partner = step.applied(before, torch.Generator().manual_seed(seed + number), context)
        results = after.input if step.takes == MELS else _mels(mel_module, after)
        if partner is None:
            # What a step changes may be there in some clips only: a low-pass needs high frequencies.
            clip, other = int((results - mels).abs().mean((1, 2, 3)).argmax()), None
        else:
            clip, other = _pair(batch.targets, partner)
        pictures = {"clip": mels[clip], "partner": None if other is None else mels[other], "result": results[clip]}
        lengths = {"clip": seconds, "partner": seconds, "result": seconds * after.parts}
        for axis, (title, mel) in zip(row, pictures.items(), strict=False):
            with_seconds = step is steps[-1] or lengths[title] > seconds
            _plot_mel(axis, mel, lengths[title], with_seconds=with_seconds, **scale)
        row[0].set_ylabel(f"{step.name}\n{step.p:.0%} of {step.happens_to}", color=INK, fontsize=9)
        labels = {"clip": batch.targets[clip], "partner": None if other is None else batch.targets[other]}
        _plot_labels(row[3], labels | {"result": after.targets[clip]}, classes, with_ticks=step is steps[-1])
    for axis, (title, colour) in zip(axes[0], (_COLOURS | {"labels": INK}).items(), strict=True):
        axis.set_title(title, color=colour, fontsize=10.5, fontweight="bold")
    for axis in axes[-1, [0, 2]]:
        axis.set_xlabel("seconds", color=GREY, fontsize=9)
    return figure


def _pair(targets: torch.Tensor, partner: torch.Tensor) -> tuple[int, int]:
    """The first clip whose partner has other labels, and that partner."""
    differs = (targets != targets[partner]).any(1).nonzero().flatten().tolist()
    clip = differs[0] if differs else 0
    return clip, int(partner[clip])


def _plot_mel(axis: Axes, mel: torch.Tensor | None, seconds: float, *, with_seconds: bool, **scale: float) -> None:
    """A mel spectrogram, float32 [1, n_mels, frames], or words where there is no partner."""
    axis.set_yticks([])
    if mel is not None:
        show_mel(axis, mel[0].numpy(), 0, seconds, **scale)
        axis.tick_params(colors=GREY, labelsize=8, labelbottom=with_seconds)
        return
    axis.set_xticks([])
    axis.spines[:].set_visible(False)
    axis.text(0.5, 0.5, "no partner", ha="center", va="center", transform=axis.transAxes, color=GREY, fontsize=9)


def _mels(mel_module: MelSpectrogram, batch: Batch) -> torch.Tensor:
    """The module may live on a GPU; pictures do not."""
    with torch.inference_mode():
        return mel_of_parts(mel_module, batch.input.to(mel_module.window.device), batch.parts).cpu()


def _plot_labels(
    axis: Axes, targets: dict[str, torch.Tensor | None], classes: Sequence[str], *, with_ticks: bool, most: int = 5
) -> None:
    """Bars of the classes that the clip, its partner or the result has."""
    known = {title: values.numpy() for title, values in targets.items() if values is not None}
    table = np.stack(list(known.values()))
    chosen = np.argsort(-table.sum(0), kind="stable")[:most]
    chosen = chosen[table[:, chosen].any(0)]
    for place, (title, values) in enumerate(known.items()):
        middle = (len(known) - 1) / 2
        axis.barh(np.arange(len(chosen)) + 0.25 * (place - middle), values[chosen], 0.22, color=_COLOURS[title])
    axis.set_yticks(np.arange(len(chosen)), [cut(classes[i], 16) for i in chosen])
    axis.set_ylim(max(len(chosen), 3) - 0.5, -0.5)
    axis.set(xlim=(0, 1.05), xticks=[0, 0.5, 1])
    axis.yaxis.tick_right()
    axis.tick_params(colors=GREY, labelsize=8, labelbottom=with_ticks)
    axis.spines[["top", "left"]].set_visible(False)
    axis.spines[["right", "bottom"]].set_color("#b5bac2")
    axis.grid(axis="x", color=FAINT, linewidth=0.6)
    axis.set_axisbelow(True)
