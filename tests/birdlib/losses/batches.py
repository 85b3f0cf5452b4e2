"""Outputs and batches as losses take them."""

import torch

from birdlib.augmentation.batch import Batch
from birdlib.models.output import Output


def output_of(logits, frames=None, embedding=None):
    return Output(logits, frames, embedding)


def batch_of(targets, weights=None, *, teacher=None, **extra):
    weights = torch.ones_like(targets) if weights is None else weights
    return Batch(torch.zeros(len(targets), 1), targets, weights, extra=extra, teacher=teacher)
