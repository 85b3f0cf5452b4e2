"""The optimiser: AdamW whose weight decay spares normalisation layers."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """The parameters in two groups: those of normalisation layers without weight decay, all others with it.

    ``wdfbn`` in the names of BirdCLEF 2023, 7th place. timm's own normalisation layers are subclasses of torch's.
    """
    spared = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, _NORMS)
        for parameter in module.parameters(recurse=False)
    }
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {
            "params": [parameter for parameter in parameters if id(parameter) not in spared],
            "weight_decay": weight_decay,
        },
        {"params": [parameter for parameter in parameters if id(parameter) in spared], "weight_decay": 0.0},
    ]


def build_optimiser(
    model: nn.Module, *, learning_rate: float, weight_decay: float, betas: Sequence[float]
) -> torch.optim.AdamW:
    """AdamW at a constant learning rate."""
    return torch.optim.AdamW(parameter_groups(model, weight_decay), lr=learning_rate, betas=tuple(betas))


def gradient_norm(parameters: Iterable[nn.Parameter], limit: float) -> float:
    """The norm of all gradients together, which are scaled down to the limit where it is larger; 0 for no limit."""
    parameters = list(parameters)
    if limit:
        return nn.utils.clip_grad_norm_(parameters, limit).item()
    return nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None]).item()
