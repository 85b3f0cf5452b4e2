"""The plainest head: global average pooling, dropout, a linear map."""

from dataclasses import dataclass

import torch
from torch import nn

from birdlib.components import check_number
from birdlib.models.output import Output


@dataclass(frozen=True)
class Pooled:
    """The mean over mel and time, dropout and a linear map.

    Attributes:
        dropout: share of the pooled features that is left out in training, 0 to below 1.
    """

    dropout: float = 0.3

    def __post_init__(self) -> None:
        check_number(self, "dropout", 0, 0.99)

    def build(self, channels: int, n_classes: int) -> nn.Module:
        """The layers, for a map of so many channels."""
        return PooledHead(channels, n_classes, self.dropout)


class PooledHead(nn.Module):
    """Global average pooling, dropout and a linear map."""

    frame_share = 0.0  # it has no frames

    def __init__(self, channels: int, n_classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, n_classes)

    def forward(self, features: torch.Tensor) -> Output:
        """float [batch, channels, F, T] to the logits of clips."""
        return Output(self.linear(self.dropout(features.mean((2, 3)))))
