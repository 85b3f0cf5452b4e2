"""Processes that train together decide alike whether an augmentation happens, and mix differently."""

from pathlib import Path

import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import Augmentation
from birdlib.training.randomness import decision_generator, mixing_generator


def test_clips_are_twice_as_long_in_all_processes_or_in_none():
    augmentation = Augmentation(
        [{"name": "concatmix", "p": 0.5, "length": "doubled"}], AugmentationContext(32000, Path)
    )
    doubled = []
    for step in range(40):
        batches = []
        for rank in (0, 1):
            waves = torch.arange(6.0)[:, None] * torch.ones(6, 8)
            batch = Batch(waves, torch.eye(6), torch.ones(6, 6))
            batches.append(
                augmentation.waves(batch, mixing_generator(1, step, 0, rank), decision_generator(1, step, 0))
            )
        assert batches[0].parts == batches[1].parts
        doubled.append(batches[0].parts == 2)
    assert 8 < sum(doubled) < 32
