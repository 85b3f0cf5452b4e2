"""The augmentations of a recipe, in its order and with its probabilities."""

from collections.abc import Sequence

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.steps import MELS, WAVES, Step
from birdlib.components import component
from birdlib.errors import BirdlibError


class Augmentation:
    """Steps on whole batches, first those on waves, then those on mel spectrograms.

    Args:
        tables: of the steps in order; see ``read_steps``.
        context: what they need to know beside the batch.

    Raises:
        BirdlibError: see ``read_steps``.
    """

    def __init__(self, tables: Sequence[dict], context: AugmentationContext) -> None:
        self.steps, self.context = read_steps(tables), context

    def waves(self, batch: Batch, generator: torch.Generator, decisions: torch.Generator | None = None) -> Batch:
        """The steps on waves, float [batch, samples]; clips are twice as long where ``parts`` comes back doubled.

        Args:
            generator: of partners, coefficients and the like; on the CPU, whatever the batch's device.
            decisions: of what happens to whole batches, one that processes share so that none waits while another's
                clips are twice as long; None for ``generator``.
        """
        return self._through(WAVES, 2, batch, generator, decisions)

    def mels(self, batch: Batch, generator: torch.Generator, decisions: torch.Generator | None = None) -> Batch:
        """The steps on mel spectrograms, float [batch, 1, n_mels, frames] (the frames of all parts of a clip)."""
        return self._through(MELS, 4, batch, generator, decisions)

    def _through(
        self, takes: str, axes: int, batch: Batch, generator: torch.Generator, decisions: torch.Generator | None
    ) -> Batch:
        if batch.input.dim() != axes:
            raise BirdlibError(f"augmentation: input {list(batch.input.shape)}; expected {takes}")
        for step in self.steps:
            if step.takes == takes:
                batch = step(batch, generator, decisions or generator, self.context)
        return batch


def read_steps(tables: Sequence[dict]) -> list[Step]:
    """The steps that a recipe's tables name: of each its ``name``, its probability ``p`` and its parameters.

    Raises:
        BirdlibError: a name or parameter is unknown, missing or out of range, or a step on mel spectrograms stands
            before one on waves.
    """
    steps: list[Step] = []
    for table in tables:
        step: Step = component("augmentation", table)
        if step.takes == WAVES and steps and steps[-1].takes == MELS:
            raise BirdlibError(
                f"augmentation: {step.name} works on waves and cannot come after {steps[-1].name}, which works on mel "
                "spectrograms; put it before"
            )
        steps.append(step)
    return steps
