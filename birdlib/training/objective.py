"""What a training minimises: the loss of a batch of clips, from augmentation to what teachers say."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from accelerate import Accelerator
from torch import nn

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import Augmentation
from birdlib.frontend.mel import MelSpectrogram
from birdlib.losses.weighted_sum import WeightedSum
from birdlib.models.parts import mel_of_parts
from birdlib.training.randomness import decision_generator, mixing_generator, seed_dropout
from birdlib.training.teacher import Teacher


class Objective:
    """The loss of a batch, with all random numbers drawn from seed, step, micro-batch and process.

    Args:
        augmentations, loss: a stage's tables.
        context: what the augmentations need to know beside the batch.
        mel: the front end, on the training's device.
        teacher: on that device too; None without.
    """

    def __init__(
        self,
        augmentations: Sequence[dict],
        loss: Sequence[dict],
        context: AugmentationContext,
        mel: MelSpectrogram,
        accelerator: Accelerator,
        *,
        seed: int,
        teacher: Teacher | None,
    ) -> None:
        self.accelerator, self.mel, self.seed = accelerator, mel, seed
        self.augmentation = Augmentation(augmentations, context)
        self.loss = WeightedSum(loss)
        self.teacher = teacher if self.loss.needs_teacher else None

    def __call__(
        self,
        model: nn.Module,
        waves: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
        extra: dict[str, torch.Tensor],
        *,
        step: int,
        micro_batch: int,
    ) -> torch.Tensor:
        """A scalar, float32, of waves [batch, samples] and targets and weights [batch, classes]."""
        device, rank = self.accelerator.device, self.accelerator.process_index
        generator = mixing_generator(self.seed, step, micro_batch, rank)
        decisions = decision_generator(self.seed, step, micro_batch)
        waves, targets, weights = (values.to(device, non_blocking=True) for values in (waves, targets, weights))
        extra = {name: values.to(device, non_blocking=True) for name, values in extra.items()}
        batch = Batch(waves, targets, weights, extra=extra)
        with torch.no_grad():
            batch = self.augmentation.waves(batch, generator, decisions)
            batch = replace(batch, input=mel_of_parts(self.mel, batch.input, batch.parts))
            batch = self.augmentation.mels(batch, generator, decisions)
        seed_dropout(self.seed, step, micro_batch, rank)
        output = model(batch.input, batch.parts)
        with torch.autocast(device.type, enabled=False):
            if self.teacher is not None:
                with self.accelerator.autocast():
                    batch = replace(batch, teacher=self.teacher(batch.input, batch.parts))
            return self.loss(output, batch)
