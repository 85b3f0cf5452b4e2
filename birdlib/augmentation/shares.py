"""Shares of two clips in their mixture: drawn from a Beta distribution, and applied."""

import numpy as np
import torch

from birdlib.augmentation.batch import Mix, each
from birdlib.components import checked_number


def check_alpha(where: str, alpha: float) -> None:
    """Raises BirdlibError where there is no Beta(alpha, alpha), or hardly one."""
    checked_number(where, "alpha", alpha, 0.01, 1000)  # 0.01 is a coin already; below, draws underflow


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
