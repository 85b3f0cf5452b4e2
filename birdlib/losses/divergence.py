"""Kullback-Leibler divergence of what two models say."""

import torch
import torch.nn.functional as F

BERNOULLI, CATEGORICAL = "bernoulli", "categorical"
DIVERGENCES = (BERNOULLI, CATEGORICAL)


def divergence(first: torch.Tensor, second: torch.Tensor, kind: str = BERNOULLI) -> torch.Tensor:
    """KL(first || second) of two logits [batch, classes], in float32: [batch, classes], to be averaged.

    ``bernoulli`` takes each class by itself, since several may sing in a clip; ``categorical`` compares softmaxes.
    The mean divides both by the number of classes, or they would drown the cross-entropy beside them.
    """
    first, second = first.float(), second.float()
    if kind == CATEGORICAL:
        log_first, log_second = first.log_softmax(1), second.log_softmax(1)
        return log_first.exp() * (log_first - log_second)
    yes = first.sigmoid() * (F.logsigmoid(first) - F.logsigmoid(second))
    no = (-first).sigmoid() * (F.logsigmoid(-first) - F.logsigmoid(-second))
    return yes + no
