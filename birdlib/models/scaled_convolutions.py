"""Scaled-weight convolutions (those of NFNets) as the plain convolutions that every exporter knows."""

import copy

import torch
from timm.layers import Conv2dSame, ScaledStdConv2d, ScaledStdConv2dSame, StdConv2d, StdConv2dSame
from torch import nn

from birdlib.models.architectures import BirdModel


def plain_convolutions(model: BirdModel) -> BirdModel:
    """A copy that computes the same with plain convolutions; the model itself where there is nothing to change.

    The originals bring their weights to mean 0 and variance 1 at every call, by a batch norm in training mode, which
    exporters take for one of the activations. For inference, the weights are brought there once.
    """
    standardised = (ScaledStdConv2d, ScaledStdConv2dSame, StdConv2d, StdConv2dSame)
    if not any(isinstance(module, standardised) for module in model.modules()):
        return model
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, standardised):
            owner, _, own_name = name.rpartition(".")
            setattr(model.get_submodule(owner), own_name, _plain(module))
    return model


def _plain(convolution: nn.Conv2d) -> nn.Conv2d:
    same = isinstance(convolution, (ScaledStdConv2dSame, StdConv2dSame)) and convolution.same_pad
    plain = (Conv2dSame if same else nn.Conv2d)(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        convolution.padding,
        convolution.dilation,
        convolution.groups,
        bias=convolution.bias is not None,
        device=convolution.weight.device,
        dtype=convolution.weight.dtype,
    ).train(convolution.training)
    with torch.no_grad():
        plain.weight.copy_(_standardised_weight(convolution))
        if convolution.bias is not None:
            plain.bias.copy_(convolution.bias)
    return plain


def _standardised_weight(convolution: nn.Conv2d) -> torch.Tensor:
    """The weight that the convolution makes at every call, in its own shape, computed in float64."""
    weight = convolution.weight.double().flatten(1)
    variance, mean = torch.var_mean(weight, dim=1, keepdim=True, correction=0)
    weight = (weight - mean) / (variance + convolution.eps).sqrt()
    if hasattr(convolution, "gain"):
        weight = weight * (convolution.gain.double().flatten()[:, None] * convolution.scale)
    return weight.view_as(convolution.weight)
