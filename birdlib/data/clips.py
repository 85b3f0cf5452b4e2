"""Clips of a few seconds for training and validation."""

import zlib

import numpy as np
import torch

from birdlib.audio.cut import Cut
from birdlib.audio.padding import check_padding, padded
from birdlib.audio.recording import RecordingInfo, read_clip
from birdlib.data.clip_table import RECORDINGS, ClipTable
from birdlib.errors import BirdlibError

CROPS = ("random", "first")


class Clips(torch.utils.data.Dataset):
    """A clip of each row of a clip table, read by seeking, or from the cache where that covers it.

    An item is asked for by the pair (epoch, row) and depends on nothing else: a run that is resumed, or has other
    workers, sees the same clips. Works in DataLoader workers, forked or spawned.
    """

    def __init__(
        self, table: ClipTable, *, sample_rate: int, window_seconds: float, crop: str, padding: str, seed: int
    ) -> None:
        """
        Args:
            table: the stretches of audio that clips are cut from.
            window_seconds: of a clip. Where a stretch is shorter, the recording around it fills the clip.
            crop: "random", drawn anew for each epoch, or "first", the stretch's start.
            padding: of recordings shorter than a clip; see ``birdlib.audio.padding``.
            seed: of the random crops, at least 0.

        Raises:
            BirdlibError: a name is unknown.
        """
        if crop not in CROPS:
            raise BirdlibError(f"crop = {crop!r}: expected one of {', '.join(CROPS)}")
        check_padding(padding)
        self.table = table
        self.sample_rate = sample_rate
        self.cut = Cut(window_seconds)
        self.samples = round(window_seconds * sample_rate)
        self.crop = crop
        self.padding = padding
        self.seed = seed
        # Looked up a few hundred times a second: arrays are much faster than a table.
        self._rows = {name: column.to_numpy() for name, column in table.rows.items()}
        cache = table.cache
        self._cache = cache if cache is not None and cache.sample_rate == sample_rate else None

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, key: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, dict]:
        """Wave float32 [samples], targets float32 [classes], weights float32 [classes], the row, and its extra.

        Args:
            key: epoch (it matters for random crops only) and row of the table.

        Raises:
            BirdlibError: the recording cannot be read; the text names its file.
        """
        epoch, row = key
        wave = padded(self._read(row, self._start(epoch, row)), self.samples, self.padding)
        targets, weights = self.table.targets[row], self.table.known[row]
        extra = {name: values[row].astype(np.float32) for name, values in self.table.extra.items()}
        return wave, targets.astype(np.float32), weights.astype(np.float32), row, extra

    def _start(self, epoch: int, row: int) -> float:
        """Where the clip starts, in seconds of the recording."""
        first, seconds = self._rows["first"][row], self._rows["seconds"][row]
        spare = seconds - self.cut.seconds
        if spare < 0:
            return self.cut.start(first, seconds, self._rows["recording_seconds"][row])
        if self.crop == "first":
            return first
        # By the recording's own number, so that a clip does not depend on what else is in the table.
        source = self._rows["source"][row]
        other = [] if source == RECORDINGS else [zlib.crc32(source.encode())]
        number = int(self._rows["number"][row])
        return first + spare * np.random.default_rng([self.seed, epoch, number, *other]).random()

    def _read(self, row: int, start: float) -> np.ndarray:
        """float32 [up to samples]; fewer only where the recording ends before the clip."""
        path, seconds = self._rows["path"][row], self._rows["recording_seconds"][row]
        wanted = round(min(self.cut.seconds, seconds - start) * self.sample_rate)
        cached = int(self._rows["cached"][row])
        if self._cache is not None and cached >= 0:
            begin = round(start * self.sample_rate)
            # Of a recording's very end a sample may be missing, by rounding.
            if begin + wanted <= self._cache.samples[cached] + 1:
                return self._cache.read(cached, begin, wanted)
        rate = int(self._rows["sample_rate"][row])
        info = RecordingInfo.ordinary(path, round(seconds * rate), rate, int(self._rows["channels"][row]))
        wave = read_clip(info, start, self.cut.seconds, self.sample_rate, self.table.look_again)
        if len(wave) < wanted - 1:
            raise BirdlibError(
                f"{path}: {len(wave)} instead of {wanted} samples at {start:.1f} s; "
                "was the file replaced after the preparation?"
            )
        return wave
