"""Loading in worker processes, whose faults are to be as readable as one's own."""

from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader

from birdlib.errors import BirdlibError


def read(loader: DataLoader) -> Iterator[tuple[torch.Tensor, ...]]:
    """The loader's batches.

    Raises:
        BirdlibError: a recording cannot be read. From a worker it comes wrapped in that process's traceback; here it
            is the one line that was meant.
    """
    try:
        yield from loader
    except BirdlibError as error:
        raise BirdlibError(str(error).rpartition("BirdlibError: ")[2].strip()) from None
