"""What a model may start from."""

from dataclasses import dataclass
from pathlib import Path

from birdlib.weights.checkpoint import Checkpoint


@dataclass(frozen=True)
class StartContext:
    """What a model may start from.

    Attributes:
        architecture, seed: of the model.
        classes: of its outputs.
        fold: that it holds back, "full" for none.
        data_version: of the prepared data that it learns from.
        pretrained: the folder of ImageNet weights, None where none are attached.
        teachers: of its fold, with their tensors.
        start: the folder with checkpoints to start from, None where none is attached.
    """

    architecture: str
    seed: int
    classes: tuple[str, ...]
    fold: int | str
    data_version: str
    pretrained: Path | None = None
    teachers: tuple[Checkpoint, ...] = ()
    start: Path | None = None
