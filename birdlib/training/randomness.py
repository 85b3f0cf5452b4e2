"""Random numbers that follow from where a training is, not from what happened before.

Every draw is seeded with the training's seed, the step and the purpose. So a run that was killed goes on with the
very numbers that it would have had, and no generator's state has to be saved.
"""

import numpy as np
import torch

ORDER, MIXING, DROPOUT, DECISIONS = 1, 2, 3, 4


def number(*values: int) -> int:
    """A seed of 63 bits from whole numbers; other numbers, unrelated seeds."""
    # Their number stands first, since trailing zeros would not count.
    return int(np.random.SeedSequence((len(values), *values)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def order_generator(seed: int, epoch: int) -> np.random.Generator:
    """For the clips of an epoch and their order."""
    return np.random.default_rng(number(seed, ORDER, epoch))


def mixing_generator(seed: int, step: int, micro_batch: int, rank: int) -> torch.Generator:
    """For the augmentations of one batch of one process."""
    return torch.Generator().manual_seed(number(seed, MIXING, step, micro_batch, rank))


def decision_generator(seed: int, step: int, micro_batch: int) -> torch.Generator:
    """For whether an augmentation happens: the same in all processes."""
    return torch.Generator().manual_seed(number(seed, DECISIONS, step, micro_batch))


def seed_dropout(seed: int, step: int, micro_batch: int, rank: int) -> None:
    """Seed what draws inside the model (dropout, drop path), on every device."""
    torch.manual_seed(number(seed, DROPOUT, step, micro_batch, rank))
