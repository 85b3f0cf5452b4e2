"""Labelled soundscapes as training data."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from birdlib.clip_sources.clip_context import ClipContext
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.data.clip_table import ClipTable
from birdlib.data.prepared import FULL
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class Soundscapes:
    """The labelled windows of the soundscapes that the fold does not hold back; of all for a model of all data.

    A soundscape that is learnt from never judges: a validation then hears only those of its fold
    (``LabelledSoundscapes.fold_of``), whole sites where names tell them.

    Attributes:
        without_birds: whether windows without any label are learnt from, too.
    """

    without_birds: bool = True

    def table(self, context: ClipContext, fold: int | str) -> ClipTable:
        """What a model of this fold may learn from.

        Raises:
            BirdlibError: the competition has no labelled soundscapes, or all are held back.
        """
        soundscapes, n_folds = context.soundscapes, context.prepared.n_folds
        if soundscapes is None:
            raise BirdlibError("clips soundscapes: the competition has no labelled soundscapes; leave them out")
        rows, targets = [], []
        for number, (stem, (path, info)) in enumerate(soundscapes.recordings.items()):
            if fold != FULL and soundscapes.fold_of(stem, n_folds) == fold:
                continue
            for end, labels in sorted(soundscapes.truth[stem].items()):
                if labels.any() or self.without_birds:
                    first = float(end - WINDOW_SECONDS)
                    rows.append((path, number, first, info.seconds, info.sample_rate, info.channels, stem))
                    targets.append(labels)
        if not rows:
            raise BirdlibError(f"clips soundscapes: fold {fold} holds back all labelled soundscapes; leave them out")
        columns = ["path", "number", "first", "recording_seconds", "sample_rate", "channels", "group"]
        table = pd.DataFrame(rows, columns=columns)
        table = table.assign(seconds=float(WINDOW_SECONDS), cached=-1, weight=1.0, source="soundscapes")
        labels = np.stack(targets).astype(np.float16)
        return ClipTable(soundscapes.classes, table, labels, np.ones(labels.shape, bool))
