from __future__ import annotations

import dataclasses
from typing import Optional

from . import arrays
from .arrays import MaybeText


@dataclasses.dataclass
class Batch:
    waves: arrays.Array
    names: Optional[list[str]] = None
    note: MaybeText = None
    following: Batch | None = None


class Loader:
    def load(self, batch: Batch, seconds: float) -> dict[str, arrays.Array]: ...


def collate(batches: list[Batch]) -> Batch: ...
