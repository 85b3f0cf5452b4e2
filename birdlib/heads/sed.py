"""Sound event detection: logits of every frame and of the clip (PANNs, Kong et al. 2020)."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from birdlib.components import check_choice, check_number
from birdlib.models.output import Output

ATTENTION, LOG_SUM_EXP = "attention", "log_sum_exp"


@dataclass(frozen=True)
class Sed:
    """Logits of frames, pooled over time to those of the clip.

    Attributes:
        pooling: "attention" (each class learns which frames count) or "log_sum_exp" (a smooth maximum).
        frame_share: how much of a clip's score is its loudest frame's; the rest is the pooled logit.
        dropout: share of the frames' features that is left out in training.
        sharpness: of log_sum_exp: 0 would be the mean, infinity the maximum.
    """

    pooling: str = ATTENTION
    frame_share: float = 0.5
    dropout: float = 0.3
    sharpness: float = 5.0

    def __post_init__(self) -> None:
        check_choice(self, "pooling", (ATTENTION, LOG_SUM_EXP))
        check_number(self, "frame_share", 0, 1)
        check_number(self, "dropout", 0, 0.99)
        check_number(self, "sharpness", 0.01)

    def build(self, channels: int, n_classes: int) -> nn.Module:
        """The layers, for a map of so many channels."""
        return SedHead(channels, n_classes, self)


class SedHead(nn.Module):
    """The mean over mel bands, a hidden layer, and a logit for every class in every frame."""

    def __init__(self, channels: int, n_classes: int, shape: Sed) -> None:
        super().__init__()
        self.frame_share, self.pooling, self.sharpness = shape.frame_share, shape.pooling, shape.sharpness
        self.dropout = nn.Dropout(shape.dropout)
        self.hidden = nn.Linear(channels, channels)
        self.frames = nn.Linear(channels, n_classes)
        self.attention = nn.Linear(channels, n_classes) if shape.pooling == ATTENTION else None

    def forward(self, features: torch.Tensor) -> Output:
        """float [batch, channels, F, T] to the logits of clips and of their T frames."""
        frames = self.dropout(features.mean(2)).transpose(1, 2)
        frames = self.dropout(self.hidden(frames).relu())
        logits = self.frames(frames)
        if self.attention is not None:
            # tanh keeps one frame from taking all the attention, whatever the scale of the features.
            clip = (self.attention(frames).tanh().softmax(dim=1) * logits).sum(1)
        else:
            scaled = self.sharpness * logits.float()
            clip = (scaled.logsumexp(1) - math.log(logits.shape[1])) / self.sharpness
        return Output(clip, logits)
