"""The recipe's models: their shapes and their heads."""

import math

import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.heads.attention import AttentionHead
from birdlib.heads.pooled import PooledHead

from ..networks import attention_head, build_model

RECIPE = ["rexnet150", "rexnet150-time", "efficientnet-b2", "efficientnet-b2-time"]


def small_mels(windows, seed=0):
    return torch.randn(windows, 1, 64, 96, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("architecture", RECIPE)
def test_every_model_of_the_recipe_takes_one_window_as_well_as_many(architecture):
    torch.manual_seed(0)
    model = build_model(architecture, 7, dropout=0.3, drop_path=0.2).eval()
    mels = small_mels(3)
    with torch.no_grad():
        many, one = model.scores(mels), model.scores(mels[1:2])
    assert many.shape == (3, 7) and one.shape == (1, 7)
    torch.testing.assert_close(one[0], many[1], atol=1e-3, rtol=1e-2)


def test_the_recipe_names_the_backbones_of_timm_and_torchvision():
    rexnet = build_model("rexnet150", 7, dropout=0.3, drop_path=0.2)
    efficientnet = build_model("efficientnet-b2", 7, dropout=0.3, drop_path=0.2)
    assert type(rexnet.backbone).__name__ == "RexNet" and rexnet.channels == 1
    assert type(efficientnet.backbone[0]).__module__.startswith("torchvision") and efficientnet.channels == 3


def test_the_time_variant_is_the_same_backbone_with_the_attention_head():
    plain = build_model("rexnet150", 7, dropout=0.3, drop_path=0.2)
    time = build_model("rexnet150-time", 7, dropout=0.3, drop_path=0.2)
    assert isinstance(plain.head, PooledHead) and isinstance(time.head, AttentionHead)
    time.backbone.load_state_dict(plain.backbone.state_dict())


def test_an_unknown_architecture_is_one_clear_line():
    with pytest.raises(BirdlibError, match="architecture 'rexnet1500': timm has no model"):
        build_model("rexnet1500", 7, dropout=0.3, drop_path=0.2)


def test_the_attention_head_is_attention_as_torch_computes_it():
    torch.manual_seed(0)
    head = attention_head(10, 5, head_size=4, heads=3).eval()
    features = torch.randn(2, 10, 3, 6)
    tokens = features.flatten(2).transpose(1, 2)
    keys = head.key(tokens).view(2, 18, 3, 4).transpose(1, 2)
    values = head.value(tokens).view(2, 18, 3, 4).transpose(1, 2)
    attended = torch.nn.functional.scaled_dot_product_attention(
        head.queries.expand(2, -1, -1, -1), keys, values, scale=1 / math.sqrt(4)
    )
    vectors = attended.transpose(1, 2).reshape(2, 5, 12)
    expected = (vectors * head.classifier.weight[:, 0]).sum(-1) + head.classifier.bias
    torch.testing.assert_close(head(features).logits, expected)


def test_each_class_has_its_own_map_in_the_attention_head():
    torch.manual_seed(0)
    head = attention_head(10, 5, head_size=4, heads=3).eval()
    features = torch.randn(2, 10, 3, 6)
    before = head(features).logits
    with torch.no_grad():
        head.classifier.weight[2] += 1.0
    changed = (head(features).logits != before).any(0)
    assert changed.tolist() == [False, False, True, False, False]
