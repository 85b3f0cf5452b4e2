"""Shares of two clips in their mixture: drawn from a Beta distribution, and applied."""

import numpy as np
import torch

from birdlib.augmentation.batch import Mix, each


def draw_shares(alpha: float, size: int, generator: torch.Generator) -> torch.Tensor:
    """float32 [size] from Beta(alpha, alpha); torch's own Beta takes no generator."""
    seed = torch.randint(2**62, (), generator=generator).item()
    return torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, size).astype(np.float32))


def mean_by(own: torch.Tensor) -> Mix:
    """The weighted mean of two clips' values.

    Args:
        own: the share of each clip, [batch]; its partner has the rest.
    """
    return lambda values, other: torch.lerp(other, values, each(own, values))
