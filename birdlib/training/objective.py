"""What a training minimises: the loss of a batch of clips, from augmentation to the teacher's share."""

import torch
from accelerate import Accelerator
from torch import nn

from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import Augmentation
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.models.parts import mel_of_parts
from birdlib.training.losses import bce, distillation
from birdlib.training.randomness import decision_generator, mixing_generator, seed_dropout
from birdlib.training.settings import TrainSettings
from birdlib.training.teacher import Teacher


class Objective:
    """The loss of a batch, with all random numbers drawn from seed, step, part and process.

    Attributes:
        mel: the front end, on the training's device.
    """

    def __init__(
        self,
        settings: TrainSettings,
        front_end: FrontEnd,
        accelerator: Accelerator,
        *,
        seed: int,
        teacher: Teacher | None,
    ) -> None:
        self.settings, self.accelerator, self.seed = settings, accelerator, seed
        self.augmentation = Augmentation(settings.augmentations)
        self.mel = MelSpectrogram(front_end).to(accelerator.device)
        self.teacher = None if teacher is None else teacher.to(accelerator.device)

    def __call__(
        self,
        model: nn.Module,
        waves: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
        *,
        step: int,
        part: int,
    ) -> torch.Tensor:
        """A scalar, float32, of waves [batch, samples] and targets and weights [batch, classes]."""
        device, rank = self.accelerator.device, self.accelerator.process_index
        generator = mixing_generator(self.seed, step, part, rank)
        decisions = decision_generator(self.seed, step, part)
        batch = Batch(*(one.to(device, non_blocking=True) for one in (waves, targets, weights)))
        with torch.no_grad():
            batch = self.augmentation.waves(batch, generator, decisions)
            parts = batch.parts
            mel = mel_of_parts(self.mel, batch.input, parts)
            batch = Batch(mel, batch.targets, batch.weights, parts)
            batch = self.augmentation.mels(batch, generator, decisions)
        seed_dropout(self.seed, step, part, rank)
        logits = model(batch.input, parts)
        with torch.autocast(device.type, enabled=False):
            if self.teacher is None:
                return bce(logits, batch.targets, batch.weights)
            with self.accelerator.autocast():
                teacher_logits = self.teacher(batch.input, parts)
            return distillation(
                logits,
                teacher_logits,
                batch.targets,
                batch.weights,
                shares=tuple(self.settings.loss_shares),
                kind=self.settings.divergence,
            )
