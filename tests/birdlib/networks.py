"""Models as the tests name them: "test_resnet", "test_resnet-time", "test_resnet-sed"."""

import birdlib.heads.attention
import birdlib.heads.pooled
import birdlib.heads.sed  # noqa: F401  (a copy of the library without them is not asked)
from birdlib.components import component
from birdlib.models.architectures import BirdModel
from birdlib.models.architectures import build_model as build

HEADS = {"-time": "attention", "-sed": "sed"}


def split_variant(variant: str) -> tuple[str, str]:
    """The network and the name of its head."""
    for suffix, head in HEADS.items():
        if variant.endswith(suffix):
            return variant.removesuffix(suffix), head
    return variant, "pooled"


def build_model(variant: str, n_classes: int, *, dropout: float = 0.3, **more) -> BirdModel:
    """A network with the head that its name says."""
    architecture, head = split_variant(variant)
    return build(architecture, {"name": head, "dropout": dropout}, n_classes, **more)


def pooled_head(channels: int, n_classes: int, **parameters):
    """The layers of the pooled head."""
    return component("heads", {"name": "pooled", **parameters}).build(channels, n_classes)


def attention_head(channels: int, n_classes: int, **parameters):
    """The layers of the attention head."""
    return component("heads", {"name": "attention", **parameters}).build(channels, n_classes)


def sed_head(channels: int, n_classes: int, **parameters):
    """The layers of the SED head."""
    return component("heads", {"name": "sed", **parameters}).build(channels, n_classes)
