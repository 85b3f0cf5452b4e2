"""Every architecture of the recipe: learns, takes 1 or 3 channels, and sees doubled clips window by window."""

import warnings

import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.models.architectures import BirdModel
from birdlib.models.parts import join_parts, mel_of_parts, split_parts

from ..networks import attention_head, build_model, pooled_head

RECIPE = [
    "rexnet150",
    "rexnet150-time",
    "efficientnet-b2",
    "efficientnet-b2-time",
    "eca_nfnet_l0",
    "tf_efficientnet_b2_ns",
]
OTHERS = ["test_resnet", "lcnet_050", "test_efficientnet-time", "test_nfnet"]


def mels(clips=2, frames=64, seed=0):
    return torch.randn(clips, 1, 64, frames, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("architecture", RECIPE + OTHERS)
def test_every_architecture_can_learn(architecture):
    torch.manual_seed(0)
    model = build_model(architecture, 5, dropout=0.3, drop_path=0.0)
    assert model.training and all(module.training for module in model.modules())
    logits = model.scores(mels())
    torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.eye(5)[:2]).backward()
    assert logits.shape == (2, 5) and logits.dtype == torch.float32
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    # Residual branches may begin at nought; the way from the logits to the very first weight is open all the same.
    assert next(model.backbone.parameters()).grad.abs().sum() > 0
    assert next(model.head.parameters()).grad.abs().sum() > 0


@pytest.mark.parametrize("architecture", ["rexnet150", "efficientnet-b2", "test_nfnet", "test_resnet-time"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_input_has_as_many_channels_as_the_recipe_says(architecture, channels):
    torch.manual_seed(0)
    model = build_model(architecture, 5, dropout=0.3, drop_path=0.0, channels=channels).eval()
    first = next(module for module in model.backbone.modules() if isinstance(module, torch.nn.Conv2d))
    assert model.channels == first.in_channels == channels
    with torch.no_grad():
        assert model.scores(mels(1)).shape == (1, 5)


def test_three_channels_all_hear_the_same():
    model = build_model("test_resnet", 5, dropout=0.0, drop_path=0.0, channels=3).eval()
    heard = []
    model.backbone.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[0]))
    with torch.no_grad():
        model.scores(mels(2))
    torch.testing.assert_close(heard[0], mels(2).repeat(1, 3, 1, 1))


def test_torchvision_takes_three_channels_and_timm_one_unless_told_otherwise():
    chosen = {
        name: build_model(name, 5, dropout=0.3, drop_path=0.2).channels for name in ("efficientnet-b2", "lcnet_050")
    }
    assert chosen == {"efficientnet-b2": 3, "lcnet_050": 1}
    with pytest.raises(BirdlibError, match="architecture 'lcnet_050': channels = 2; expected 1 or 3"):
        build_model("lcnet_050", 5, dropout=0.3, drop_path=0.2, channels=2)


def test_a_torchvision_stem_of_one_channel_starts_as_widely_spread_as_torchvisions_own():
    torch.manual_seed(0)
    one, three = (
        build_model("efficientnet-b2", 5, dropout=0.3, drop_path=0.2, channels=channels).backbone[0][0]
        for channels in (1, 3)
    )
    assert one.bias is None and one.weight.shape == (32, 1, 3, 3)
    assert one.weight.std().item() == pytest.approx(three.weight.std().item(), rel=0.15)


def test_dropout_and_drop_path_arrive():
    for architecture, kind in (("test_efficientnet", "DropPath"), ("efficientnet-b2", "StochasticDepth")):
        model = build_model(architecture, 5, dropout=0.25, drop_path=0.2)
        # The rate grows with depth from 0; the last block has all of it, or nearly.
        rates = [
            getattr(module, "drop_prob", getattr(module, "p", 0.0))
            for module in model.modules()
            if type(module).__name__ == kind
        ]
        assert model.head.dropout.p == 0.25 and 0.1 < max(rates) <= 0.2


@pytest.mark.parametrize("architecture", ["tf_efficientnet_b2_ns", "rexnet150"])
def test_an_architecture_that_timm_has_renamed_is_no_reason_for_a_warning(architecture):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_model(architecture, 5, dropout=0.3, drop_path=0.2)


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "test_vit"])
def test_a_network_that_gives_no_map_of_mel_and_time_is_one_line(architecture):
    with pytest.raises(BirdlibError, match=f"architecture '{architecture}': .*choose a convolutional network") as error:
        build_model(architecture, 5, dropout=0.3, drop_path=0.0)
    assert "\n" not in str(error.value)


def test_a_family_without_drop_path_says_so_and_works_without():
    with pytest.raises(BirdlibError, match="'densenet121': .*drop_path.*or drop_path = 0"):
        build_model("densenet121", 5, dropout=0.3, drop_path=0.2)
    assert build_model("densenet121", 5, dropout=0.3, drop_path=0.0).channels == 1


# ---------------------------------------------------------------- doubled clips


class Counting(torch.nn.Module):
    """A backbone that keeps the windows that it was shown."""

    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 6, 3, stride=2, padding=1)
        self.seen = []

    def forward(self, mel):
        self.seen.append(mel)
        return self.convolution(mel)


def test_parts_are_cut_and_joined_without_a_cell_out_of_place():
    clips = torch.arange(2 * 3 * 4 * 10).view(2, 3, 4, 10)
    parted = split_parts(clips, 2)
    assert parted.shape == (4, 3, 4, 5)
    expected = torch.stack([clips[0, ..., :5], clips[0, ..., 5:], clips[1, ..., :5], clips[1, ..., 5:]])
    assert torch.equal(parted, expected) and torch.equal(join_parts(parted, 2), clips)
    assert torch.equal(split_parts(clips, 1), clips) and torch.equal(join_parts(clips, 1), clips)
    for parts in (0, 3):
        with pytest.raises(BirdlibError, match=rf"\[2, 3, 4, 10\] cannot be cut into {parts} equal parts"):
            split_parts(clips, parts)


def test_the_front_end_makes_each_windows_mel_by_itself():
    front_end = FrontEnd(16000, 1, 512, 256, 32, 50, 8000)
    mel = MelSpectrogram(front_end)
    waves = 0.1 * torch.randn(3, 2 * front_end.samples, generator=torch.Generator().manual_seed(0))
    doubled = mel_of_parts(mel, waves, 2)
    assert doubled.shape == (3, 1, 32, 2 * front_end.frames)
    torch.testing.assert_close(doubled[..., : front_end.frames], mel(waves[:, : front_end.samples]))
    torch.testing.assert_close(doubled[..., front_end.frames :], mel(waves[:, front_end.samples :]))
    torch.testing.assert_close(mel_of_parts(mel, waves[:, : front_end.samples]), mel(waves[:, : front_end.samples]))


@pytest.mark.parametrize("head", [pooled_head, attention_head])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_the_backbone_sees_single_windows_and_the_head_all_of_a_clip(head, parts):
    torch.manual_seed(0)
    model = BirdModel(Counting(), head(6, 5), channels=1).eval()
    windows = [mels(2, 32, seed) for seed in range(parts)]
    with torch.no_grad():
        logits = model.scores(torch.cat(windows, dim=3), parts=parts)
        assert torch.equal(model.backbone.seen[0], torch.stack(windows, dim=1).flatten(0, 1))
        # Pooled or attended, the clip's features are those of its windows side by side.
        features = torch.cat([model.backbone(window) for window in windows], dim=3)
        torch.testing.assert_close(logits, model.head(features).logits)


def test_the_pool_heads_logits_of_a_clip_are_the_mean_of_its_windows():
    torch.manual_seed(0)
    model = build_model("test_resnet", 5, dropout=0.3, drop_path=0.0).eval()
    first, second = mels(2, 64, 0), mels(2, 64, 1)
    with torch.no_grad():
        doubled = model.scores(torch.cat([first, second], dim=3), parts=2)
        torch.testing.assert_close(doubled, (model.scores(first) + model.scores(second)) / 2)


@pytest.mark.parametrize("architecture", ["rexnet150-time", "eca_nfnet_l0", "efficientnet-b2"])
def test_the_recipes_models_learn_from_doubled_clips(architecture):
    model = build_model(architecture, 5, dropout=0.3, drop_path=0.2)
    logits = model.scores(mels(2, 128), parts=2)
    logits.sum().backward()
    assert logits.shape == (2, 5) and logits.isfinite().all()
    assert next(model.backbone.parameters()).grad.isfinite().all()
