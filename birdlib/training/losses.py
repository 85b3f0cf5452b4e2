"""Losses, in float32 from logits, all under one reduction: the mean over batch and classes."""

import torch
import torch.nn.functional as F

from birdlib.errors import BirdlibError

BERNOULLI, CATEGORICAL = "bernoulli", "categorical"
DIVERGENCES = (BERNOULLI, CATEGORICAL)


def bce(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of [batch, classes]; a weight of 0 leaves a class of a clip out. A scalar."""
    losses = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    return (losses * weights).mean()


def divergence(first: torch.Tensor, second: torch.Tensor, kind: str = BERNOULLI) -> torch.Tensor:
    """Kullback-Leibler divergence KL(first || second) of what two logits [batch, classes] say. A scalar.

    ``bernoulli`` takes each class by itself, since several may sing in a clip; ``categorical`` compares softmaxes.
    Both are divided by the number of classes, or they would drown the cross-entropy beside them.
    """
    first, second = first.float(), second.float()
    if kind == BERNOULLI:
        yes = first.sigmoid() * (F.logsigmoid(first) - F.logsigmoid(second))
        no = (-first).sigmoid() * (F.logsigmoid(-first) - F.logsigmoid(-second))
        return (yes + no).mean()
    if kind == CATEGORICAL:
        log_first, log_second = first.log_softmax(1), second.log_softmax(1)
        return (log_first.exp() * (log_first - log_second)).mean()
    raise BirdlibError(f"divergence {kind!r} is unknown; choose one of {', '.join(DIVERGENCES)}")


def distillation(
    student: torch.Tensor,
    teacher: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    *,
    shares: tuple[float, float, float],
    kind: str = BERNOULLI,
) -> torch.Tensor:
    """shares of BCE(targets), KL(student || teacher) and KL(teacher || student), BirdCLEF 2023, 7th place. A scalar.

    Args:
        student, teacher: logits [batch, classes]; no gradient flows into the teacher.
    """
    teacher = teacher.detach()
    return (
        shares[0] * bce(student, targets, weights)
        + shares[1] * divergence(student, teacher, kind)
        + shares[2] * divergence(teacher, student, kind)
    )
