"""A start from ImageNet weights."""

from dataclasses import dataclass

from birdlib.errors import BirdlibError
from birdlib.models.architectures import BirdModel
from birdlib.models.pretrained import load_pretrained
from birdlib.starts.start_context import StartContext


@dataclass(frozen=True)
class Imagenet:
    """ImageNet's backbone, from the recipe's source ``pretrained``; a random head."""

    def fill(self, model: BirdModel, context: StartContext) -> str:
        """Change the model in place; what it starts from, in words.

        Raises:
            BirdlibError: no weights are attached, or none of this architecture.
        """
        if context.pretrained is None:
            raise BirdlibError("start from imagenet: no weights are attached; attach the dataset `pretrained`")
        return str(load_pretrained(model, context.architecture, context.pretrained))
