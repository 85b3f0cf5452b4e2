"""The recipe's models: a backbone by name, with a pooling or an attention head."""

import timm
import torch
import torchvision
from torch import nn

from birdlib.errors import BirdlibError
from birdlib.models.heads import AttentionHead, PoolHead

# Names of the write-up, where timm calls the backbone otherwise.
_TIMM_NAMES = {"rexnet150": "rexnet_150"}
_TIME = "-time"


class BirdModel(nn.Module):
    """Mel spectrogram to logits: a convolutional backbone and a head."""

    def __init__(self, backbone: nn.Module, head: nn.Module, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.channels = channels

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """float [batch, 1, n_mels, frames] to logits [batch, classes]."""
        if self.channels > 1:
            mel = mel.expand(-1, self.channels, -1, -1)
        return self.head(self.backbone(mel))


def build_model(architecture: str, n_classes: int, *, dropout: float, drop_path: float) -> BirdModel:
    """A model of the recipe with fresh random weights.

    ``rexnet150`` is timm's (1 channel), ``efficientnet-b2`` torchvision's (the mel repeated in 3 channels); any
    other name is looked up in timm (1 channel). ``-time`` at the end puts the attention head on it.

    Raises:
        BirdlibError: neither the recipe nor timm knows the name.
    """
    name = architecture.removesuffix(_TIME)
    if name == "efficientnet-b2":
        channels = 3
        network = torchvision.models.efficientnet_b2(weights=None, stochastic_depth_prob=drop_path)
        backbone, features = network.features, network.classifier[1].in_features
    else:
        channels = 1
        timm_name = _TIMM_NAMES.get(name, name)
        if not timm.is_model(timm_name):
            raise BirdlibError(f"architecture {architecture!r}: timm has no model {timm_name!r}")
        backbone = timm.create_model(
            timm_name, in_chans=channels, num_classes=0, global_pool="", drop_path_rate=drop_path
        )
        features = backbone.num_features
    head = AttentionHead if architecture.endswith(_TIME) else PoolHead
    return BirdModel(backbone, head(features, n_classes, dropout=dropout), channels)
