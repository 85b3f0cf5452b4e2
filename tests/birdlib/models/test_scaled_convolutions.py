"""NFNets: their scaled-weight convolutions become plain ones that compute the same, in torch and in the IR."""

import pytest
import torch
from timm.layers import Conv2dSame, ScaledStdConv2d, ScaledStdConv2dSame, StdConv2d, StdConv2dSame

from birdlib.export.openvino_ir import PARITY_BOUNDS, export_ir
from birdlib.models.architectures import BirdModel
from birdlib.models.scaled_convolutions import plain_convolutions

from ..networks import build_model, pooled_head

KINDS = (ScaledStdConv2d, ScaledStdConv2dSame, StdConv2d, StdConv2dSame)


def mels(clips=2, seed=0):
    return torch.randn(clips, 1, 64, 96, generator=torch.Generator().manual_seed(seed))


def trained(architecture):
    """A model with gains and weights that are not those of initialisation, so that a wrong scale shows."""
    torch.manual_seed(0)
    model = build_model(architecture, 6, dropout=0.3, drop_path=0.0).eval()
    with torch.no_grad():
        for name, parameter in model.backbone.named_parameters():
            if name.endswith("gain"):
                parameter.uniform_(0.5, 1.5)
        model.head.linear.weight.mul_(20)
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"stride": 2}, {"groups": 4, "bias": True}, {"dilation": 2}])
def test_every_kind_of_scaled_convolution_has_a_plain_twin(kind, options):
    torch.manual_seed(0)
    convolution = kind(8, 12, 3, **options)
    with torch.no_grad():
        convolution.weight.add_(0.3)
        if hasattr(convolution, "gain"):
            convolution.gain.uniform_(0.5, 2)
    model = BirdModel(torch.nn.Sequential(torch.nn.Conv2d(1, 8, 1), convolution), pooled_head(12, 3), 1).eval()
    plain = plain_convolutions(model)
    assert type(plain.backbone[1]) in (torch.nn.Conv2d, Conv2dSame)
    features = torch.randn(2, 8, 15, 17)
    torch.testing.assert_close(plain.backbone[1](features), convolution(features), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("architecture", ["eca_nfnet_l0", "test_nfnet"])
def test_the_plain_model_computes_the_same_and_the_original_is_left_alone(architecture):
    model = trained(architecture)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plain = plain_convolutions(model)
    assert any(isinstance(module, KINDS) for module in model.modules())
    assert not any(isinstance(module, KINDS) for module in plain.modules())
    with torch.no_grad():
        expected, found = model.scores(mels()), plain.scores(mels())
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_model_without_them_is_given_back_as_it_is():
    model = build_model("lcnet_050", 6, dropout=0.3, drop_path=0.0)
    assert plain_convolutions(model) is model


@pytest.mark.parametrize("architecture", ["test_nfnet", "eca_nfnet_l0"])
def test_the_ir_of_an_nfnet_gives_torchs_probabilities(tmp_path, architecture):
    _, difference = export_ir(plain_convolutions(trained(architecture)), mels(), tmp_path, "nfnet", "f32")
    assert difference <= PARITY_BOUNDS["f32"]
