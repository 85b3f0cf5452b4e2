"""The model that a training starts with."""

from collections.abc import Sequence
from pathlib import Path

import torch

from birdlib.errors import BirdlibError
from birdlib.models.architectures import BirdModel, build_model
from birdlib.models.pretrained import load_pretrained, start_from_backbone
from birdlib.training.settings import TrainSettings
from birdlib.weights.checkpoint import Checkpoint, first_not_finite


def build_from(saved: Checkpoint, settings: TrainSettings) -> BirdModel:
    """The model of a checkpoint, to go on training."""
    model = _build(settings, len(saved.classes), saved.seed)
    model.load_state_dict(saved.model)
    return model


def new_model(
    settings: TrainSettings, n_classes: int, *, seed: int, teachers: Sequence[Checkpoint], pretrained: Path | None
) -> BirdModel:
    """A model as the recipe starts it: random, from ImageNet, or with its teacher's backbone.

    Raises:
        BirdlibError: what it starts from is missing, is of another network, or holds values that are not finite.
    """
    model = _build(settings, n_classes, seed)
    origin = "the fresh model"
    if settings.backbone_from_teacher:
        if not teachers:
            raise BirdlibError("BACKBONE_FROM_TEACHER is on, but there is no teacher; attach one, or turn it off")
        # Of several teachers the one of the same seed: students that share a backbone differ little.
        teacher = next((one for one in teachers if one.seed == seed), teachers[0])
        start_from_backbone(model, teacher.ema)
        origin = f"teacher {teacher.name}"
    elif settings.pretrained:
        if pretrained is None:
            raise BirdlibError("PRETRAINED is on, but no ImageNet weights are attached; attach them, or turn it off")
        origin = str(load_pretrained(model, settings.architecture, pretrained))
    if name := first_not_finite(model.state_dict()):
        raise BirdlibError(f"{origin}: {name} is not finite (NaN or infinite); take other weights to start from")
    return model


def _build(settings: TrainSettings, n_classes: int, seed: int) -> BirdModel:
    torch.manual_seed(seed)
    return build_model(
        settings.architecture,
        n_classes,
        dropout=settings.dropout,
        drop_path=settings.drop_path,
        channels=settings.channels or None,
    )
