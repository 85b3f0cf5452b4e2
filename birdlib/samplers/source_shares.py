"""So many clips of each source."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from birdlib.components import check_number
from birdlib.data.clip_table import ClipTable
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class SourceShares:
    """Each source's share of an epoch; within a source every clip as often as any other.

    Attributes:
        shares: by source, as { recordings = 0.9, soundscapes = 0.1 }; they add up to 1.
        clips: of one epoch; 0: as many as the table has.
    """

    shares: Mapping[str, float]
    clips: int = 0

    def __post_init__(self) -> None:
        shares = list(self.shares.values())
        if not all(isinstance(share, (int, float)) and share >= 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            raise BirdlibError(f"samplers: source_shares: shares = {dict(self.shares)}; they have to add up to 1")
        check_number(self, "clips", 0, whole=True)

    def size(self, table: ClipTable) -> int:
        """Clips of one epoch."""
        return self.clips or len(table)

    def __call__(self, table: ClipTable, random: np.random.Generator) -> np.ndarray:
        """An epoch's rows in their order, int64 [size]."""
        sources = table.rows["source"].to_numpy()
        if others := sorted(set(sources) - set(self.shares)):
            raise BirdlibError(f"sampler source_shares: no share for the source {others[0]!r}; give it one, or 0")
        # The last source gets what rounding left over.
        edges = np.rint(np.cumsum(list(self.shares.values())) * self.size(table)).astype(int)
        drawn = []
        for source, count in zip(self.shares, np.diff(edges, prepend=0), strict=True):
            rows = np.flatnonzero(sources == source)
            if count and not len(rows):
                raise BirdlibError(f"sampler source_shares: there is no clip of the source {source!r}")
            rounds = [random.permutation(rows) for _ in range(-(-count // max(len(rows), 1)))]
            drawn.append(np.concatenate([*rounds, np.empty(0, np.int64)])[:count])
        return random.permutation(np.concatenate(drawn).astype(np.int64))
