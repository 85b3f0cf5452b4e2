"""The recipe's models: a backbone by name, with a pooling or an attention head."""

import timm
import torch
import torchvision
from torch import nn

from birdlib.errors import BirdlibError
from birdlib.models.heads import AttentionHead, PoolHead
from birdlib.models.parts import join_parts, split_parts

# Names of the write-up, where timm calls the backbone otherwise (by now).
_TIMM_NAMES = {"rexnet150": "rexnet_150", "tf_efficientnet_b2_ns": "tf_efficientnet_b2.ns_jft_in1k"}
_TORCHVISION = {"efficientnet-b2": torchvision.models.efficientnet_b2}
_TIME = "-time"


class BirdModel(nn.Module):
    """Mel spectrogram to logits: a convolutional backbone and a head."""

    def __init__(self, backbone: nn.Module, head: nn.Module, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.channels = channels

    def forward(self, mel: torch.Tensor, parts: int = 1) -> torch.Tensor:
        """float [batch, 1, n_mels, parts * frames] to logits [batch, classes].

        Args:
            parts: how many windows each clip has. The backbone sees them one by one, as it sees a single window; the
                head sees their features joined in time.
        """
        if parts > 1:
            mel = split_parts(mel, parts)
        if self.channels > 1:
            mel = mel.expand(-1, self.channels, -1, -1)
        features = self.backbone(mel)
        if parts > 1:
            features = join_parts(features, parts)
        return self.head(features)


def backbone_name(architecture: str) -> str:
    """The architecture without what says which head it has: "rexnet150-time" to "rexnet150"."""
    return architecture.removesuffix(_TIME)


def build_model(
    architecture: str, n_classes: int, *, dropout: float, drop_path: float, channels: int | None = None
) -> BirdModel:
    """A model of the recipe with fresh random weights.

    Args:
        architecture: ``efficientnet-b2`` is torchvision's, ``rexnet150`` timm's, and any other name is looked up in
            timm. ``-time`` at the end puts the attention head on it.
        channels: of the backbone's input, 1 or 3, the mel spectrogram repeated; without it 3 for torchvision's
            models and 1 for timm's.

    Raises:
        BirdlibError: neither the recipe nor timm knows the name, or that network is no backbone for mel spectrograms.
    """
    name = backbone_name(architecture)
    if channels is None:
        channels = 3 if name in _TORCHVISION else 1
    if channels not in (1, 3):
        raise BirdlibError(f"architecture {architecture!r}: channels = {channels!r}; expected 1 or 3")
    build = _torchvision_backbone if name in _TORCHVISION else _timm_backbone
    backbone, features = build(name, channels, drop_path)
    head = AttentionHead if architecture.endswith(_TIME) else PoolHead
    return BirdModel(backbone, head(features, n_classes, dropout=dropout), channels)


def _torchvision_backbone(name: str, channels: int, drop_path: float) -> tuple[nn.Module, int]:
    network = _TORCHVISION[name](weights=None, stochastic_depth_prob=drop_path)
    backbone = network.features
    if channels != 3:
        stem = backbone[0]
        first = nn.Conv2d(
            channels,
            stem[0].out_channels,
            stem[0].kernel_size,
            stem[0].stride,
            stem[0].padding,
            bias=stem[0].bias is not None,
        )
        nn.init.kaiming_normal_(first.weight, mode="fan_out")  # as torchvision's own
        stem[0] = first
    return backbone, network.classifier[1].in_features


def _timm_backbone(name: str, channels: int, drop_path: float) -> tuple[nn.Module, int]:
    timm_name = _TIMM_NAMES.get(name, name)
    if not timm.is_model(timm_name):
        raise BirdlibError(f"architecture {name!r}: timm has no model {timm_name!r}")
    arguments = {"drop_path_rate": drop_path} if drop_path else {}  # not every family has it
    try:
        backbone = timm.create_model(timm_name, in_chans=channels, num_classes=0, global_pool="", **arguments).eval()
        with torch.no_grad():
            features = backbone(torch.zeros(1, channels, 64, 96))
        # Some networks go on after what timm calls their features.
        widths = {backbone.num_features, getattr(backbone, "head_hidden_size", None)}
        fault = "" if features.dim() == 4 and features.shape[1] in widths else f"gives {list(features.shape)}"
    except Exception as error:  # whatever timm's families say of an argument or an input that they do not know
        fault = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if fault:
        raise BirdlibError(
            f"architecture {name!r}: does not turn mel spectrograms of any size into a map [batch, channels, F, T], or "
            f"knows no drop path ({fault}); choose a convolutional network, or drop_path = 0"
        )
    return backbone.train(), features.shape[1]
