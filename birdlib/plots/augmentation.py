"""Pictures of augmentations: a clip, its partner, what becomes of them, and their labels."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import Augmentation, mixed
from birdlib.data.clip_table import ClipTable
from birdlib.data.clips import Clips
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.models.parts import mel_of_parts
from birdlib.plots.style import WIDTH, show_mel
from birdlib.training.settings import TrainSettings

_COLOURS = {"clip": "tab:blue", "partner": "tab:orange", "mixture": "black"}


def plot_recipe(table: ClipTable, settings: TrainSettings, front_end: FrontEnd, *, clips: int = 8) -> Figure:
    """``plot_augmentations`` of a training's own clips: of rows from all over its table, cropped as it does.

    Raises:
        BirdlibError: the table is empty, or a recording cannot be read.
    """
    if not len(table):
        raise BirdlibError("no clips to train with; prepare the competition again")
    chosen = np.unique(np.linspace(0, len(table) - 1, clips).round().astype(int))
    cut = Clips(
        table.take(chosen),
        sample_rate=front_end.sample_rate,
        window_seconds=front_end.window_seconds,
        crop="random",
        padding=settings.padding,
        seed=0,
    )
    waves, targets, weights, _, _ = zip(*(cut[0, position] for position in range(len(chosen))), strict=True)
    batch = Batch(*(torch.from_numpy(np.stack(values)) for values in (waves, targets, weights)))
    augmentation = Augmentation(list(settings.stages[0].augmentations))
    return plot_augmentations(augmentation, batch, MelSpectrogram(front_end), table.classes)


def plot_augmentations(
    augmentation: Augmentation, batch: Batch, mel_module: MelSpectrogram, classes: Sequence[str], *, seed: int = 0
) -> Figure:
    """A row for every step, each on the untouched batch: clip, partner and mixture as mel spectrograms, and labels.

    Shown is the first clip whose partner has other labels.

    Args:
        batch: waves, float32 [batch, samples] of one window each.
        classes: the names of the targets.
    """
    batch = Batch(batch.input.cpu(), batch.targets.float().cpu(), batch.weights.cpu())
    mels = _mels(mel_module, batch)
    steps = [(step, batch) for step in augmentation.wave_steps]
    steps += [(step, Batch(mels, batch.targets, batch.weights)) for step in augmentation.mel_steps]
    if not steps:
        figure, axis = plt.subplots(figsize=(WIDTH, 1), layout="constrained")
        axis.axis("off")
        axis.set_title("no augmentation")
        return figure
    figure, axes = plt.subplots(
        len(steps), 4, figsize=(WIDTH, 1.7 * len(steps)), squeeze=False, layout="constrained", width_ratios=[3, 3, 3, 2]
    )
    seconds = mel_module.front_end.window_seconds
    for number, (row, (step, before)) in enumerate(zip(axes, steps, strict=True)):
        after, partner = mixed(step.mixing, before, torch.Generator().manual_seed(seed + number))
        differs = (batch.targets != batch.targets[partner]).any(1).nonzero().flatten().tolist()
        clip = differs[0] if differs else 0
        other = int(partner[clip])
        mixture = after.input if before.input.dim() == 4 else _mels(mel_module, after)
        pictures = {"clip": mels[clip], "partner": mels[other], "mixture": mixture[clip]}
        for axis, (title, mel) in zip(row, pictures.items(), strict=False):
            length = seconds * (after.parts if title == "mixture" else 1)
            # What the front end makes has mean 0 and deviation 1: one scale for all.
            show_mel(axis, mel[0].numpy(), 0, length, vmin=-2, vmax=3)
            axis.set_yticks([])
            if not number:
                axis.set_title(title, color=_COLOURS[title])
        row[0].set_ylabel(f"{step.mixing.name}\np = {step.p:g}")
        _plot_labels(row[3], [batch.targets[clip], batch.targets[other], after.targets[clip]], classes)
    axes[0, 3].set_title("labels")
    for axis in axes[-1, :3]:
        axis.set_xlabel("seconds")
    return figure


def _mels(mel_module: MelSpectrogram, batch: Batch) -> torch.Tensor:
    """The module may live on a GPU; pictures do not."""
    with torch.inference_mode():
        return mel_of_parts(mel_module, batch.input.to(mel_module.window.device), batch.parts).cpu()


def _plot_labels(axis, targets: list[torch.Tensor], classes: Sequence[str], most: int = 5) -> None:
    """Bars of the classes that the clip, its partner or their mixture has."""
    table = torch.stack(targets).numpy()
    chosen = np.argsort(-table.sum(0), kind="stable")[:most]
    chosen = chosen[table[:, chosen].any(0)]
    for place, (title, values) in enumerate(zip(_COLOURS, table, strict=True)):
        axis.barh(np.arange(len(chosen)) + 0.25 * (place - 1), values[chosen], 0.22, color=_COLOURS[title])
    axis.set_yticks(np.arange(len(chosen)), [classes[i] for i in chosen], fontsize=8)
    axis.set_ylim(max(len(chosen), 3) - 0.5, -0.5)
    axis.set(xlim=(0, 1.05), xticks=[0, 0.5, 1])
    axis.yaxis.tick_right()
