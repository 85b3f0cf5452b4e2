"""Untrained models of the recipe whose outputs two correct runtimes agree about."""

import numpy as np
import torch
from torch import nn

from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.models.architectures import BirdModel, build_model


def seeded_model(
    architecture: str,
    head: dict,
    n_classes: int,
    mels: torch.Tensor,
    front_end: FrontEnd,
    *,
    seed: int,
    drop_path: float,
) -> BirdModel:
    """A model with random weights drawn from a seed and sane batch-norm statistics, in evaluation mode.

    With the statistics of initialisation (mean 0, variance 1) an untrained network is so ill-conditioned that torch
    differs from itself in another precision. Here they are those of real windows and of a few extreme sounds, taken
    as one batch: small batches of similar windows understate the variance, and what lies outside of it then grows
    from layer to layer.

    Args:
        mels: float32 [windows, 1, n_mels, frames], from as different recordings as possible.
    """
    torch.manual_seed(seed)
    model = build_model(architecture, head, n_classes, drop_path=drop_path).eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
            module.reset_running_stats()
            module.momentum = None  # no moving average: the statistics of the one batch
    with torch.no_grad():
        model(torch.cat([mels, MelSpectrogram(front_end)(extreme_sounds(front_end))]))
    return model.eval()


def extreme_sounds(front_end: FrontEnd) -> torch.Tensor:
    """White and brown noise, noise that stops half-way, a tone, and clicks: float32 [5, samples]."""
    random = np.random.default_rng(0)
    white = random.normal(0, 0.1, front_end.samples)
    brown = np.cumsum(random.normal(0, 1, front_end.samples))
    brown -= brown.mean()
    half = white * (np.arange(front_end.samples) < front_end.samples // 2)
    tone = 0.5 * np.sin(2 * np.pi * 0.05 * np.arange(front_end.samples))
    clicks = np.zeros(front_end.samples)
    clicks[random.integers(0, front_end.samples, 40)] = 1.0
    sounds = np.stack([white, 0.5 * brown / np.abs(brown).max(), half, tone, clicks])
    return torch.from_numpy(sounds.astype(np.float32))
