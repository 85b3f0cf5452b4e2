"""Clips of a few seconds for training and validation."""

from pathlib import Path

import numpy as np
import torch

from birdlib.audio.padding import check_padding, padded
from birdlib.audio.recordings import RecordingInfo
from birdlib.data.prepared import Prepared
from birdlib.data.reading import read_clip
from birdlib.errors import BirdlibError

CROPS = ("random", "first")


class Clips(torch.utils.data.Dataset):
    """A clip of each of some recordings, read by seeking, or from the cache where that covers it.

    An item is asked for by the pair (epoch, position among the rows) and depends on nothing else: a run that is
    resumed, or has other workers, sees the same clips. Works in DataLoader workers, forked or spawned.
    """

    def __init__(
        self,
        prepared: Prepared,
        rows: np.ndarray,
        *,
        sample_rate: int,
        window_seconds: float,
        crop: str,
        padding: str,
        seed: int,
    ) -> None:
        """
        Args:
            rows: row numbers of ``prepared.recordings``.
            crop: "random", drawn anew for each epoch, or "first", the recording's start.
            padding: of recordings shorter than a clip; see ``birdlib.audio.padding``.
            seed: of the random crops, at least 0.

        Raises:
            BirdlibError: a name is unknown, or a row does not exist.
        """
        if crop not in CROPS:
            raise BirdlibError(f"crop = {crop!r}: expected one of {', '.join(CROPS)}")
        check_padding(padding)
        self.rows = np.asarray(rows, dtype=np.int64)
        if len(self.rows) and not (self.rows.min() >= 0 and self.rows.max() < len(prepared.recordings)):
            raise BirdlibError(f"rows {self.rows.min()} to {self.rows.max()} of {len(prepared.recordings)} recordings")
        self.prepared = prepared
        self.sample_rate = sample_rate
        self.window_seconds = window_seconds
        self.samples = round(window_seconds * sample_rate)
        self.crop = crop
        self.padding = padding
        self.seed = seed
        # Looked up a few hundred times a second: arrays are much faster than a table.
        self._filenames = prepared.recordings["filename"].tolist()
        self._seconds = prepared.recordings["seconds"].to_numpy()
        self._rates = prepared.recordings["sample_rate"].to_numpy()
        self._channels = prepared.recordings["channels"].to_numpy()
        cache = prepared.cache
        self._cache = cache if cache is not None and cache.sample_rate == sample_rate else None

    def __len__(self) -> int:
        return len(self.rows)

    def path(self, row: int) -> Path:
        """The file of a row of the recordings."""
        return self.prepared.audio / self._filenames[row]

    def __getitem__(self, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Wave float32 [samples], targets float32 [classes], weights float32 [classes], and the row's number.

        Args:
            key: epoch (it matters for random crops only) and position among the rows.

        Raises:
            BirdlibError: the recording cannot be read; the text names its file.
        """
        epoch, position = key
        row = int(self.rows[position])
        wave = self._read(row, self._start(epoch, row))
        targets, weights = self.prepared.targets([row])
        return padded(wave, self.samples, self.padding), targets[0], weights[0], row

    def _start(self, epoch: int, row: int) -> float:
        """Where the clip starts, in seconds."""
        if self.crop == "first":
            return 0.0
        spare = max(self._seconds[row] - self.window_seconds, 0.0)
        return spare * np.random.default_rng([self.seed, epoch, row]).random()

    def _read(self, row: int, start: float) -> np.ndarray:
        """float32 [up to samples]; fewer only where the recording is shorter than a clip."""
        wanted = round(min(self.window_seconds, self._seconds[row]) * self.sample_rate)
        if self._cache is not None:
            first = round(start * self.sample_rate)
            # Of a recording's very end a sample may be missing, by rounding.
            if first + wanted <= self._cache.samples[row] + 1:
                return self._cache.read(row, first, wanted)
        path = self.path(row)
        rate = int(self._rates[row])
        expected = RecordingInfo.ordinary(path, round(self._seconds[row] * rate), rate, int(self._channels[row]))
        wave = read_clip(path, start, self.window_seconds, self.sample_rate, expected)
        if len(wave) < wanted - 1:
            raise BirdlibError(
                f"{self.path(row)}: {len(wave)} instead of {wanted} samples at {start:.1f} s; "
                "was the file replaced after the preparation?"
            )
        return wave
