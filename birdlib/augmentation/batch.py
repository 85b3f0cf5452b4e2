"""What augmentation takes and gives: a batch of inputs, their targets, and which of those count."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from birdlib.errors import BirdlibError

PROBABILITIES = "probabilities"  # the name of those in ``extra`` that are mixed as targets are

Mix = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # own and other values, [batch, …], to the mixture's


@dataclass(frozen=True)
class Batch:
    """Clips with their labels, all on one device.

    Attributes:
        input: waves, float [batch, samples], or mel spectrograms, float [batch, 1, n_mels, frames].
        targets: float [batch, classes] in 0 to 1.
        weights: float [batch, classes]; a target of weight 0 is unknown (it may be larger) and stays out of the loss.
        parts: how many windows of the model's length a clip has: 2 once ``concatmix`` has doubled it.
        extra: what else is known of the clips, by name, float [batch, …], NaN where it is not: stored probabilities
            [batch, classes], an embedding [batch, size].
        teacher: what live teachers say of them, logits [batch, classes]; None without any.
    """

    input: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    parts: int = 1
    extra: Mapping[str, torch.Tensor] = field(default_factory=dict)
    teacher: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if self.targets.shape != self.weights.shape or self.input.shape[:1] != self.targets.shape[:1]:
            raise BirdlibError(
                f"batch: input {list(self.input.shape)}, targets {list(self.targets.shape)} and weights "
                f"{list(self.weights.shape)} do not fit; expected [batch, ...] and twice [batch, classes]"
            )

    def __len__(self) -> int:
        return len(self.input)


def mixture(
    batch: Batch,
    partner: torch.Tensor,
    mixed_input: torch.Tensor,
    add: Mix,
    *,
    labels: Mix | None = None,
    parts: int = 1,
) -> Batch:
    """A batch whose clips are mixed with their partners.

    Args:
        partner: int64 [batch].
        mixed_input: of the mixtures.
        add: the weighted sum of two clips' values. Those of ``extra`` are added so and not clipped, since of an
            embedding the direction counts; NaN of either clip stays NaN.
        labels: of targets and stored probabilities; None: their sum, clipped to 0 to 1.
        parts: by how much the mixtures are longer than the clips.
    """

    def clipped(own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return add(own, other).clamp(0, 1)

    labels = labels or clipped
    targets = labels(batch.targets, batch.targets[partner])
    extra = {
        name: (labels if name == PROBABILITIES else add)(values, values[partner])
        for name, values in batch.extra.items()
    }
    weights = mixed_weights(targets, batch.weights, batch.weights[partner])
    return Batch(mixed_input, targets, weights, batch.parts * parts, extra)


def mixed_weights(targets: torch.Tensor, own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The weights of a mixture, [batch, classes].

    What is unknown in either clip is unknown in their mixture, but for classes that are present with certainty
    (target 1): an unknown target can only be larger than it is written, so it cannot take anything away from them.

    Args:
        targets: of the mixture.
        own, other: weights of the clips and of their partners.
    """
    return torch.where(targets >= 1, torch.ones_like(own), torch.minimum(own, other))


def each(factor: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """A factor of each clip, [batch], in the shape and type that multiplies values [batch, …]."""
    return factor.to(values.dtype).view(-1, *[1] * (values.dim() - 1))
