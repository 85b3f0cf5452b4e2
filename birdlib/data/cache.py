"""The starts of recordings, decoded once into one file of int16 samples, each with its scale.

The scale is a power of two: recordings of 16 bits keep every bit, however quiet, and what was decoded from a lossy
format is rounded by 2^-16 of its loudest sample at most.

The file: ``MARK``; then for each recording its scale, float32, and its samples, int16; all little-endian.
"""

from pathlib import Path

import numpy as np

from birdlib.errors import BirdlibError

CACHE_FILE = "cache.i16"
BYTES = 2  # of a sample
MARK = b"scaled 1"  # files without it are of the time before the scales
SCALE = 2  # samples' room that a scale takes


class Cache:
    """Reads the cache; may be copied to other processes, each of which maps the file by itself."""

    def __init__(self, path: Path, sample_rate: int, starts: np.ndarray, samples: np.ndarray) -> None:
        """starts, samples: int64 [recordings], as in the plan.

        Raises:
            BirdlibError: the file is missing, too short, or of an older preparation.
        """
        self.path = path
        self.sample_rate = sample_rate
        self.starts = starts
        self.samples = samples
        self._map: np.memmap | None = None
        needed = int((starts + samples).max(initial=0)) * BYTES
        if not path.is_file():
            raise BirdlibError(f"{path}: the cache is missing; attach all that the preparation wrote")
        with path.open("rb") as file:
            if file.read(len(MARK)) != MARK:
                raise BirdlibError(
                    f"{path}: written by an older preparation, without scales; run the preparation again"
                )
        if path.stat().st_size < needed:
            raise BirdlibError(f"{path}: {path.stat().st_size} bytes instead of {needed}; run the preparation again")

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_map": None}

    def read(self, position: int, first: int, count: int) -> np.ndarray:
        """Samples ``first`` to ``first + count`` of a recording, float32, as far as they are kept."""
        if self._map is None:
            self._map = np.memmap(self.path, dtype="<i2", mode="r")
        start = int(self.starts[position])
        stop = start + min(first + count, int(self.samples[position]))
        scale = self._map[start - SCALE : start].view("<f4")
        return self._map[start + first : stop].astype(np.float32) * scale
