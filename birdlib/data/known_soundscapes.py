"""Soundscapes whose birds are known: what validation on clips cannot tell, they can."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from birdlib.audio.padding import CYCLIC
from birdlib.audio.recording import RecordingInfo
from birdlib.audio.windows import cut_windows
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.rows import one_line, split_row_id
from birdlib.errors import BirdlibError

SOUNDSCAPES_FILE = "soundscapes.csv"
COLUMNS = ("row_id", "labels", "filename", "copy", "seconds", "sample_rate", "channels")
_SITE = re.compile(r"_([A-Z]{3}|S\d{2,3})(?=_|$)")


@dataclass(frozen=True, eq=False)
class KnownSoundscapes:
    """Recordings with a known truth for each of their windows.

    Attributes:
        recordings: by stem, the file and what it holds.
        truth: by stem, then by the window's end in seconds, float32 [classes] of 0 and 1.
    """

    classes: tuple[str, ...]
    recordings: Mapping[str, tuple[Path, RecordingInfo]]
    truth: Mapping[str, Mapping[int, np.ndarray]]
    _faults: dict[str, str] = field(default_factory=dict)  # stem -> what decoding found

    @classmethod
    def of_preparation(cls, folder: Path, competition: Path, classes: tuple[str, ...]) -> Self | None:
        """Those that the preparation wrote to a folder; None if the competition has none that can be used.

        Raises:
            BirdlibError: the table is missing or damaged.
        """
        path = folder / SOUNDSCAPES_FILE
        place = {label: number for number, label in enumerate(classes)}
        recordings, truth = {}, {}
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
            for row in table[list(COLUMNS)].itertuples():
                stem, end = split_row_id(row.row_id)
                file, rate = folder / row.copy if row.copy else competition / row.filename, int(row.sample_rate)
                info = RecordingInfo.ordinary(file, round(float(row.seconds) * rate), rate, int(row.channels))
                recordings[stem] = file, info
                truth.setdefault(stem, {})[end] = np.zeros(len(classes), np.float32)
                truth[stem][end][[place[label] for label in row.labels.split()]] = 1
        except (OSError, ValueError, KeyError, BirdlibError) as error:
            raise BirdlibError(f"{path}: not readable ({one_line(error)}); run the preparation again") from None
        return cls(classes, recordings, truth) if recordings else None

    def fold_of(self, stem: str, n_folds: int) -> int:
        """The fold that a soundscape is held back in: whole sites, or recordings, are held back together."""
        groups = sorted({group_of(other) for other in self.recordings})
        return groups.index(group_of(stem)) % n_folds

    def only(self, stems: Collection[str]) -> "KnownSoundscapes | None":
        """Some of the soundscapes; None where there is none among them."""
        kept = {stem: recording for stem, recording in self.recordings.items() if stem in stems}
        return replace(self, recordings=kept) if kept else None

    def without(self, stems: Collection[str]) -> "KnownSoundscapes | None":
        """The others: those that a model has not learnt from; None where there is none."""
        return self.only(self.recordings.keys() - set(stems))

    @property
    def soundscapes(self) -> tuple[str, ...]:
        """The recordings' stems, in order."""
        return tuple(self.recordings)

    @property
    def row_ids(self) -> tuple[str, ...]:
        """All windows, in the order of ``windows``, also those that decoding finds to be without audio."""
        return tuple(f"{stem}_{end}" for stem in self.recordings for end in sorted(self.truth[stem]))

    def windows(
        self, sample_rate: int, window_seconds: float, padding: str = CYCLIC
    ) -> Iterator[tuple[tuple[str, ...], np.ndarray, np.ndarray]]:
        """Row ids, waves float32 [windows, samples] and truth float32 [windows, classes], a soundscape at a time.

        What is short of audio is padded as the model learnt it. A window without any is left out, and so is a
        recording that cannot be decoded: what is damaged is printed when it is met first.
        """
        for stem, (_, info) in self.recordings.items():
            ends = sorted(self.truth[stem])
            try:
                waves, damage = cut_windows(
                    info,
                    [float(end) for end in ends],
                    window_seconds=window_seconds,
                    row_seconds=WINDOW_SECONDS,
                    sample_rate=sample_rate,
                    padding=padding,
                )
            except Exception as error:  # whatever a decoder raises, it is this recording's fault
                self._tell(stem, f"{info.path.name}: {error}", len(ends))
                continue
            audible = ~np.isnan(waves[:, 0])
            if damage or not audible.all():
                self._tell(stem, damage or f"{info.path.name}: cannot be decoded", int((~audible).sum()))
            if audible.any():
                ends = np.array(ends)[audible].tolist()
                truth = np.stack([self.truth[stem][end] for end in ends])
                yield tuple(f"{stem}_{end}" for end in ends), waves[audible], truth

    def _tell(self, stem: str, damage: str, windows: int) -> None:
        if stem not in self._faults:
            self._faults[stem] = damage
            print(
                f"labelled soundscapes: {damage}; {windows} of its {len(self.truth[stem])} windows left out", flush=True
            )


def group_of(stem: str) -> str:
    """The site that a soundscape's name tells (`_COL_` in 2021, `_S05_` in 2026); else the name without its count."""
    site = _SITE.search(stem)
    return site[1] if site else re.sub(r"_\d{1,2}$", "", stem)
