"""What a model says of a batch of clips."""

from typing import NamedTuple

import torch


class Output(NamedTuple):
    """What a model says of a batch of clips.

    Attributes:
        logits: float [batch, classes], of each clip as a whole.
        frames: float [batch, frames, classes], logits of each frame of a clip; None where the head has none.
        embedding: float [batch, size], one vector for each clip; None where the model gives none.
    """

    logits: torch.Tensor
    frames: torch.Tensor | None = None
    embedding: torch.Tensor | None = None
