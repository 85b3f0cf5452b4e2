"""The model that a stage starts with."""

import torch

from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.models.architectures import BirdModel, build_model
from birdlib.starts.start_context import StartContext
from birdlib.training.settings import TrainSettings
from birdlib.weights.checkpoint import Checkpoint, first_not_finite


def build_from(saved: Checkpoint, settings: TrainSettings) -> BirdModel:
    """The model of a checkpoint, to go on training."""
    model = _build(settings, len(saved.classes), saved.seed)
    model.load_state_dict(saved.model)
    return model


def new_model(settings: TrainSettings, start: dict, context: StartContext) -> tuple[BirdModel, str]:
    """A model as a stage starts it, and what it starts from, in words.

    Args:
        start: a table of ``birdlib.starts``.

    Raises:
        BirdlibError: what it starts from is missing, is of another network, or holds values that are not finite.
    """
    model = _build(settings, len(context.classes), context.seed)
    origin = component("starts", start).fill(model, context)
    if name := first_not_finite(model.state_dict()):
        raise BirdlibError(f"{origin}: {name} is not finite (NaN or infinite); take other weights to start from")
    return model, origin


def _build(settings: TrainSettings, n_classes: int, seed: int) -> BirdModel:
    torch.manual_seed(seed)
    return build_model(
        settings.architecture,
        settings.head,
        n_classes,
        drop_path=settings.drop_path,
        channels=settings.channels or None,
        embedding_size=settings.embedding_size,
    )
