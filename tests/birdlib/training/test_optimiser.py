"""Weight decay reaches every parameter but those of normalisation layers."""

import pytest
import torch
from torch import nn

from birdlib.training.optimiser import build_optimiser, parameter_groups

from ..networks import build_model

ARCHITECTURES = ["rexnet150", "efficientnet-b2-time", "lcnet_050", "eca_nfnet_l0"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_parameter_is_in_one_group_and_norms_are_spared(architecture):
    model = build_model(architecture, 5, dropout=0.3, drop_path=0.0)
    decayed, spared = parameter_groups(model, 0.01)
    assert decayed["weight_decay"] == 0.01 and spared["weight_decay"] == 0.0
    ids = [id(one) for group in (decayed, spared) for one in group["params"]]
    assert sorted(ids) == sorted(id(one) for one in model.parameters())
    norms = [module for module in model.modules() if "norm" in type(module).__name__.lower()]
    expected = {id(one) for module in norms for one in module.parameters(recurse=False)}
    assert {id(one) for one in spared["params"]} == expected
    assert bool(expected) == (architecture != "eca_nfnet_l0")  # an NFNet has none


def test_a_step_without_gradient_shrinks_weights_but_no_norm():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm(4), nn.Linear(4, 2))
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    optimiser = build_optimiser(model, learning_rate=1e-3, weight_decay=1e-2, betas=[0.8, 0.99])
    assert {group["betas"] for group in optimiser.param_groups} == {(0.8, 0.99)}
    for one in model.parameters():
        one.grad = torch.zeros_like(one)
    optimiser.step()
    for name, one in model.named_parameters():
        factor = 1.0 if name.startswith(("1.", "2.")) else 1 - 1e-3 * 1e-2
        torch.testing.assert_close(one.detach(), before[name] * factor)
