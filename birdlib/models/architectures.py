"""The recipe's models: a backbone by name, and a head."""

import timm
import torch
import torchvision
from torch import nn

from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.models.output import Output
from birdlib.models.parts import join_parts, split_parts

# Names of the write-up, where timm calls the backbone otherwise (by now).
_TIMM_NAMES = {"rexnet150": "rexnet_150", "tf_efficientnet_b2_ns": "tf_efficientnet_b2.ns_jft_in1k"}
_TORCHVISION = {"efficientnet-b2": torchvision.models.efficientnet_b2}


class BirdModel(nn.Module):
    """Mel spectrogram to what is heard in it: a convolutional backbone and a head.

    Args:
        backbone: mel spectrograms to a map [batch, features, F, T].
        head: that map to an ``Output``; its ``frame_share`` says how much of a score is the loudest frame's.
        channels: of the backbone's input, the mel spectrogram repeated.
        embedding: the pooled map to an embedding; None where nothing asks for one.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, channels: int, embedding: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.channels = channels
        self.embedding = embedding

    def forward(self, mel: torch.Tensor, parts: int = 1) -> Output:
        """What training learns from, of float [batch, 1, n_mels, parts * frames].

        Args:
            parts: how many windows each clip has. The backbone sees them one by one, as it sees a single window; the
                head sees their features joined in time.
        """
        features = self._features(mel, parts)
        output = self.head(features)
        return output if self.embedding is None else output._replace(embedding=self.embedding(features.mean((2, 3))))

    def scores(self, mel: torch.Tensor, parts: int = 1) -> torch.Tensor:
        """What ranks: logits [batch, classes], the clip's and its loudest frame's by the head's share."""
        output = self.head(self._features(mel, parts))
        share = self.head.frame_share
        if output.frames is None or not share:
            return output.logits
        return (1 - share) * output.logits + share * output.frames.amax(1)

    def _features(self, mel: torch.Tensor, parts: int) -> torch.Tensor:
        if parts > 1:
            mel = split_parts(mel, parts)
        if self.channels > 1:
            mel = mel.expand(-1, self.channels, -1, -1)
        features = self.backbone(mel)
        return join_parts(features, parts) if parts > 1 else features


def build_model(
    architecture: str,
    head: dict,
    n_classes: int,
    *,
    drop_path: float = 0.0,
    channels: int | None = None,
    embedding_size: int = 0,
) -> BirdModel:
    """A model of the recipe with fresh random weights.

    Args:
        architecture: ``efficientnet-b2`` is torchvision's, ``rexnet150`` timm's, and any other name is looked up in
            timm.
        head: a table of ``birdlib.heads``, as ``{"name": "pooled", "dropout": 0.3}``.
        channels: of the backbone's input, 1 or 3, the mel spectrogram repeated; without it 3 for torchvision's
            models and 1 for timm's.
        embedding_size: of the embedding that it learns beside the classes; 0: none.

    Raises:
        BirdlibError: neither the recipe nor timm knows the name, or that network is no backbone for mel spectrograms;
            or the head's table is wrong.
    """
    if channels is None:
        channels = 3 if architecture in _TORCHVISION else 1
    if channels not in (1, 3):
        raise BirdlibError(f"architecture {architecture!r}: channels = {channels!r}; expected 1 or 3")
    build = _torchvision_backbone if architecture in _TORCHVISION else _timm_backbone
    backbone, features = build(architecture, channels, drop_path)
    layers = component("heads", head).build(features, n_classes)
    embedding = nn.Linear(features, embedding_size) if embedding_size else None
    return BirdModel(backbone, layers, channels, embedding)


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
