"""A start from random weights."""

from dataclasses import dataclass

from birdlib.models.architectures import BirdModel
from birdlib.starts.start_context import StartContext


@dataclass(frozen=True)
class Random:
    """The random weights that follow from the seed."""

    def fill(self, model: BirdModel, context: StartContext) -> str:
        """Change the model in place; what it starts from, in words."""
        return "the fresh model"
