"""The clip table: what can be learnt from, whatever it comes from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from birdlib.audio.recording import RecordingInfo
from birdlib.data.cache import Cache
from birdlib.errors import BirdlibError

RECORDINGS = "recordings"  # the source of the competition's own recordings
COLUMNS = {
    "path": object,  # pathlib.Path of the recording
    "number": np.int64,  # of the recording among those of its source
    "first": np.float64,  # second of the recording at which the stretch begins
    "seconds": np.float64,  # of the stretch; a clip is drawn from anywhere in it
    "recording_seconds": np.float64,
    "sample_rate": np.int64,  # of the file
    "channels": np.int64,
    "cached": np.int64,  # the recording's place in the cache; -1 where it is not there
    "group": str,  # what is heard together stands together: an author, a soundscape, a site
    "weight": np.float64,  # for samplers that draw by it
    "source": str,  # which clip source it comes from
}


@dataclass(frozen=True, eq=False)
class ClipTable:
    """Stretches of audio and what is known of them.

    Attributes:
        classes: of the columns of targets and known.
        rows: a row for each stretch, with ``COLUMNS``.
        targets: float16 [rows, classes], 0 to 1.
        known: bool [rows, classes]; what is not known stays out of the loss.
        extra: more that is known, by name, float16 [rows, …], NaN where it is not: a model's probabilities
            ("probabilities", [rows, classes]) or its embeddings ("embedding", [rows, size]). They are mixed as
            targets are.
        cache: of the starts of recordings, None without one.
        look_again: finds out what a file holds that libsndfile does not read as it is; None where there is none.
    """

    classes: tuple[str, ...]
    rows: pd.DataFrame
    targets: np.ndarray
    known: np.ndarray
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    cache: Cache | None = None
    look_again: Callable[[Path], RecordingInfo] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.rows), len(self.classes))
        lengths = {len(values) for values in self.extra.values()} | {len(self.rows)}
        if self.targets.shape != shape or self.known.shape != shape or len(lengths) > 1:
            raise BirdlibError(
                f"clip table: targets {self.targets.shape} and known {self.known.shape} of {shape[0]} rows and "
                f"{shape[1]} classes, extra of {sorted(lengths)} rows; they must be the same"
            )
        if missing := [name for name in COLUMNS if name not in self.rows]:
            raise BirdlibError(f"clip table: the columns {', '.join(missing)} are missing")

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Sequence[int] | np.ndarray) -> Self:
        """Some of its rows, in this order."""
        rows = np.asarray(rows, dtype=np.int64)
        return type(self)(
            self.classes,
            self.rows.iloc[rows].reset_index(drop=True),
            self.targets[rows],
            self.known[rows],
            {name: values[rows] for name, values in self.extra.items()},
            self.cache,
            self.look_again,
        )


def join_tables(tables: Sequence[ClipTable]) -> ClipTable:
    """Several tables as one, one below the other.

    Raises:
        BirdlibError: there is none, or they are of other classes, or of two caches.
    """
    if len(tables) == 1:
        return tables[0]
    caches = {id(table.cache): table.cache for table in tables if table.cache is not None}
    if len({table.classes for table in tables}) != 1 or len(caches) > 1:
        raise BirdlibError(f"{len(tables)} clip tables: of other classes or caches; all have to be of one preparation")
    names = list(dict.fromkeys(name for table in tables for name in table.extra))
    return ClipTable(
        tables[0].classes,
        pd.concat([table.rows for table in tables], ignore_index=True),
        np.concatenate([table.targets for table in tables]),
        np.concatenate([table.known for table in tables]),
        {name: np.concatenate([_extra(table, name, tables) for table in tables]) for name in names},
        next(iter(caches.values()), None),
        next((table.look_again for table in tables if table.look_again), None),
    )


def _extra(table: ClipTable, name: str, tables: Sequence[ClipTable]) -> np.ndarray:
    """A table's column; where it has none, NaN in the shape that the others have."""
    shapes = {other.extra[name].shape[1:] for other in tables if name in other.extra}
    if len(shapes) > 1:
        raise BirdlibError(f"clip tables: {name} of other shapes, {sorted(shapes)}; take them from one model")
    return table.extra.get(name, np.full((len(table), *shapes.pop()), np.nan, np.float16))
