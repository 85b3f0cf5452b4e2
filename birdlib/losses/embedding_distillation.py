"""Distillation of embeddings: the model's vector of a clip is to point where a stored one points."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F

from birdlib.augmentation.batch import Batch
from birdlib.components import check_number
from birdlib.errors import BirdlibError
from birdlib.models.output import Output


@dataclass(frozen=True)
class EmbeddingDistillation:
    """1 - cosine of the model's embedding and the stored one, the mean over the clips that have one.

    Of a mixture the stored embedding is a sum of two, which no model gave: augment by what mixes no clips.

    Attributes:
        table: the name of the clip table's extra column, [clips, size]; the model's ``embedding_size`` is that size.
        squares: by which the mean square of their difference is weighed beside it.
    """

    table: str = "embedding"
    squares: float = 0.0

    needs_teacher: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_number(self, "squares", 0)

    def __call__(self, output: Output, batch: Batch) -> torch.Tensor:
        """A scalar, float32."""
        stored = batch.extra.get(self.table)
        own = output.embedding
        if stored is None or own is None or own.shape[1] != stored.shape[1]:
            has = "none" if stored is None else f"one of {stored.shape[1]} numbers"
            gives = "none" if own is None else f"one of {own.shape[1]}"
            raise BirdlibError(
                f"loss embedding_distillation: the clips have {has} under {self.table!r}, the model gives {gives}; "
                "set embedding_size to that of the stored ones"
            )
        known = stored.isfinite().all(1)
        own, stored = own.float(), torch.where(known[:, None], stored.float(), 1.0)
        apart = 1 - F.cosine_similarity(own, stored, dim=1) + self.squares * (own - stored).square().mean(1)
        return (apart * known).sum() / known.sum().clamp_min(1)
