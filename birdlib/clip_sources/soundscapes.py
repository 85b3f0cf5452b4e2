"""Labelled soundscapes as training data."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from birdlib.clip_sources.clip_context import ClipContext
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.data.clip_table import ClipTable
from birdlib.data.known_soundscapes import KnownSoundscapes
from birdlib.data.prepared import FULL, Prepared
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class Soundscapes:
    """The labelled windows of the soundscapes that the fold does not hold back; of all for a model of all data.

    A soundscape that is learnt from never judges (``learnt_soundscapes``). Whole sites are held back together where
    names tell them (``KnownSoundscapes.fold_of``).

    Attributes:
        without_birds: whether windows without any label are learnt from, too.
        if_needed: learn only from soundscapes with a class that has no recording of its own; from none where there
            are no such classes or no labelled soundscapes.
    """

    without_birds: bool = True
    if_needed: bool = False

    def stems(self, soundscapes: KnownSoundscapes | None, prepared: Prepared, fold: int | str) -> list[str]:
        """The soundscapes that a model of this fold may learn from."""
        stems = [] if soundscapes is None else list(soundscapes.recordings)
        if self.if_needed and stems:
            recorded = set(prepared.recordings["primary_label"])
            needed = [place for place, label in enumerate(prepared.classes) if label not in recorded]
            stems = [stem for stem in stems if any(row[needed].any() for row in soundscapes.truth[stem].values())]
        return [stem for stem in stems if fold == FULL or soundscapes.fold_of(stem, prepared.n_folds) != fold]

    def table(self, context: ClipContext, fold: int | str) -> ClipTable:
        """What a model of this fold may learn from.

        Raises:
            BirdlibError: the competition has no labelled soundscapes, or all are held back; not with ``if_needed``.
        """
        soundscapes = context.soundscapes
        if soundscapes is None and not self.if_needed:
            raise BirdlibError("clips soundscapes: the competition has no labelled soundscapes; leave them out")
        rows, targets = [], []
        for number, stem in enumerate(self.stems(soundscapes, context.prepared, fold)):
            path, info = soundscapes.recordings[stem]
            for end, labels in sorted(soundscapes.truth[stem].items()):
                if labels.any() or self.without_birds:
                    first = float(end - WINDOW_SECONDS)
                    rows.append((path, number, first, info.seconds, info.sample_rate, info.channels, stem))
                    targets.append(labels)
        if not rows and not self.if_needed:
            raise BirdlibError(f"clips soundscapes: fold {fold} holds back all labelled soundscapes; leave them out")
        columns = ["path", "number", "first", "recording_seconds", "sample_rate", "channels", "group"]
        table = pd.DataFrame(rows, columns=columns)
        table = table.assign(seconds=float(WINDOW_SECONDS), cached=-1, weight=1.0, source="soundscapes")
        classes = context.prepared.classes
        labels = np.array(targets, np.float16).reshape(-1, len(classes))
        return ClipTable(classes, table, labels, np.ones(labels.shape, bool))


def learnt_soundscapes(
    clips: Iterable[dict], soundscapes: KnownSoundscapes | None, prepared: Prepared, fold: int | str
) -> set[str]:
    """The soundscapes that a model of this fold has learnt from, and that must not judge it.

    Args:
        clips: the recipe's clip sources, of all stages.
    """
    tables = [dict(table) for table in clips if table["name"] == "soundscapes"]
    sources = [Soundscapes(**{key: value for key, value in table.items() if key != "name"}) for table in tables]
    return {stem for source in sources for stem in source.stems(soundscapes, prepared, fold)}
