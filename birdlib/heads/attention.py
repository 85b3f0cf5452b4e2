"""Multi-head attention with one query per class (BirdCLEF 2023, 7th place)."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from birdlib.components import check_number
from birdlib.models.output import Output


@dataclass(frozen=True)
class Attention:
    """Attention over all cells of the map, its queries learnt, one per class and head.

    Attributes:
        heads, head_size: of the attention; a class is described by heads * head_size numbers.
        attention_dropout: share of the cells that a query does not see in training.
        dropout: share of a class's numbers that is left out in training.
    """

    heads: int = 24
    head_size: int = 32
    attention_dropout: float = 0.3
    dropout: float = 0.3

    def __post_init__(self) -> None:
        check_number(self, "heads", 1, whole=True)
        check_number(self, "head_size", 1, whole=True)
        check_number(self, "attention_dropout", 0, 0.99)
        check_number(self, "dropout", 0, 0.99)

    def build(self, channels: int, n_classes: int) -> nn.Module:
        """The layers, for a map of so many channels."""
        return AttentionHead(channels, n_classes, self)


class AttentionHead(nn.Module):
    """The F x T cells of the backbone's map are the tokens; keys and values are linear maps of them.

    Each class's vector of heads * head_size goes through dropout and that class's own linear map.
    """

    frame_share = 0.0  # it has no frames

    def __init__(self, channels: int, n_classes: int, shape: Attention) -> None:
        super().__init__()
        self.heads, self.head_size = shape.heads, shape.head_size
        width = shape.heads * shape.head_size
        self.queries = nn.Parameter(torch.randn(shape.heads, n_classes, shape.head_size))
        self.key = nn.Linear(channels, width)
        self.value = nn.Linear(channels, width)
        self.attention_dropout = nn.Dropout(shape.attention_dropout)
        self.dropout = nn.Dropout(shape.dropout)
        # A grouped convolution over the class axis is one linear map per class.
        self.classifier = nn.Conv1d(n_classes, n_classes, kernel_size=width, groups=n_classes)

    def forward(self, features: torch.Tensor) -> Output:
        """float [batch, channels, F, T] to the logits of clips; a batch of one keeps its batch axis."""
        tokens = features.flatten(2).transpose(1, 2)
        keys = self._split_heads(self.key(tokens))
        values = self._split_heads(self.value(tokens))
        scores = torch.matmul(self.queries, keys.transpose(2, 3)) / math.sqrt(self.head_size)
        weights = self.attention_dropout(scores.softmax(dim=-1))
        per_class = torch.matmul(weights, values).transpose(1, 2).flatten(2)
        return Output(self.classifier(self.dropout(per_class)).squeeze(2))

    def _split_heads(self, tokens: torch.Tensor) -> torch.Tensor:
        """[batch, tokens, heads * size] to [batch, heads, tokens, size]."""
        return tokens.unflatten(2, (self.heads, self.head_size)).transpose(1, 2)
