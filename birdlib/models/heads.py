"""Classifier heads: pooling, and multi-head attention with one query per class."""

import math

import torch
from torch import nn


class PoolHead(nn.Module):
    """Global average pooling, dropout and a linear map."""

    def __init__(self, in_channels: int, n_classes: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_channels, n_classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """float [batch, channels, F, T] to logits [batch, classes]."""
        return self.linear(self.dropout(features.mean((2, 3))))


class AttentionHead(nn.Module):
    """Multi-head attention whose queries are learnt, one per class and head (BirdCLEF 2023, 7th place).

    The F x T cells of the backbone's map are the tokens; keys and values are linear maps of them. Each class's
    vector of num_heads * head_size goes through dropout and that class's own linear map.
    """

    def __init__(
        self,
        in_channels: int,
        n_classes: int,
        head_size: int = 32,
        num_heads: int = 24,
        attention_dropout: float = 0.3,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_size = head_size
        width = num_heads * head_size
        self.queries = nn.Parameter(torch.randn(num_heads, n_classes, head_size))
        self.key = nn.Linear(in_channels, width)
        self.value = nn.Linear(in_channels, width)
        self.attention_dropout = nn.Dropout(attention_dropout)
        self.dropout = nn.Dropout(dropout)
        # A grouped convolution over the class axis is one linear map per class.
        self.classifier = nn.Conv1d(n_classes, n_classes, kernel_size=width, groups=n_classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """float [batch, channels, F, T] to logits [batch, classes]; a batch of one keeps its batch axis."""
        tokens = features.flatten(2).transpose(1, 2)
        keys = self._split_heads(self.key(tokens))
        values = self._split_heads(self.value(tokens))
        scores = torch.matmul(self.queries, keys.transpose(2, 3)) / math.sqrt(self.head_size)
        weights = self.attention_dropout(scores.softmax(dim=-1))
        per_class = torch.matmul(weights, values).transpose(1, 2).flatten(2)
        return self.classifier(self.dropout(per_class)).squeeze(2)

    def _split_heads(self, tokens: torch.Tensor) -> torch.Tensor:
        """[batch, tokens, heads * size] to [batch, heads, tokens, size]."""
        return tokens.unflatten(2, (self.num_heads, self.head_size)).transpose(1, 2)
