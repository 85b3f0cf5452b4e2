"""The competition's own recordings, as `prepare` found them."""

from dataclasses import dataclass

from birdlib.clip_sources.clip_context import ClipContext
from birdlib.data.clip_table import ClipTable


@dataclass(frozen=True)
class FocalRecordings:
    """All usable recordings of the competition but those that the fold holds back."""

    def table(self, context: ClipContext, fold: int | str) -> ClipTable:
        """What a model of this fold may learn from."""
        prepared = context.prepared
        return prepared.clip_table(prepared.training_rows(fold))
