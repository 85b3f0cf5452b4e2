"""Noise to add to clips: pieces of the recordings of a folder, decoded once and kept in memory."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch

from birdlib.audio.recording import read_clip
from birdlib.audio.recordings import probe
from birdlib.competition.layout import AUDIO_SUFFIXES
from birdlib.competition.rows import shown
from birdlib.errors import BirdlibError

_PIECE_SECONDS = 30.0
_SHORTEST_REST = 1.0  # seconds; what is left of a recording behind its last piece is no piece if it is shorter


@cache
def noise_pieces(folder: Path, sample_rate: int, minutes: float) -> tuple[torch.Tensor, ...]:
    """Pieces of up to 30 s from all over a folder and the folders in it, each float32 [samples]; silent ones are none.

    Every recording gives its first piece before any gives a second one. Which ones are taken where the folder holds
    more does not depend on where it lies.

    Args:
        minutes: that are kept at most, to within a piece.

    Raises:
        BirdlibError: nothing in the folder can be read. Single recordings that cannot are named and left out.
    """
    files = (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    paths = sorted((path for path in files if not path.name.startswith(".")), key=lambda path: path.relative_to(folder))
    order = np.random.default_rng(0).permutation(len(paths))
    pieces, left, broken = [], minutes * 60 * sample_rate, []
    for piece in _pieces([paths[number] for number in order], sample_rate, broken):
        pieces.append(torch.from_numpy(piece))
        left -= len(piece)
        if left <= 0:
            break
    if broken:
        print(f"{folder}: {shown(broken, 'recording')}: left out", flush=True)
    if not pieces:
        raise BirdlibError(f"augmentation noise: no sound in the {len(paths)} recordings of {folder}; attach others")
    return tuple(pieces)


def _pieces(paths: Sequence[Path], sample_rate: int, broken: list[str]) -> Iterator[np.ndarray]:
    """The first piece of each recording, then the second of those that are longer, and so on."""
    start = 0.0
    while paths:
        longer = []
        for path in paths:
            try:
                info = probe(path)
                piece = read_clip(info, start, _PIECE_SECONDS, sample_rate)
            except BirdlibError as error:
                broken.append(str(error))
                continue
            if piece.any():
                yield piece.copy()  # which may lie in a larger array
            if info.seconds > start + _PIECE_SECONDS + _SHORTEST_REST:
                longer.append(path)
        paths, start = longer, start + _PIECE_SECONDS
