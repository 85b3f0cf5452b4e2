"""Predictions of a validation: scores of rows, and what they should have been."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from birdlib.errors import BirdlibError

# What a model is judged on, and how files and logs call it.
CLIPS, SOUNDSCAPES = "clips", "soundscapes"


@dataclass(frozen=True)
class Predictions:
    """Scores of rows and what they should have been.

    Attributes:
        row_ids: each once.
        filenames: of recordings as in train_audio, of soundscapes their stem.
        classes: of the columns.
        scores: float [rows, classes], probabilities.
        truth, weights: float32 [rows, classes] of 0 and 1; weight 0 is "do not count".
        groups: what each row belongs to, for intervals: a person who recorded clips, or a soundscape.
        note: whose predictions they are, where they are not simply the model's.
    """

    row_ids: tuple[str, ...]
    filenames: tuple[str, ...]
    classes: tuple[str, ...]
    scores: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    groups: tuple[str, ...]
    note: str = ""

    @property
    def logits(self) -> np.ndarray:
        """The scores as logits, float32 [rows, classes]: as probabilities 32 bits would tie the surest ones."""
        return logit(self.scores.astype(np.float64)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the predictions as .npz: scores as logits, truth and weights as bits."""
        texts = {name: np.array(getattr(self, name), np.str_) for name in _TEXTS}
        bits = {name: np.packbits(getattr(self, name) > 0) for name in _BITS}
        np.savez_compressed(path, logits=self.logits, note=np.array(self.note), **texts, **bits)

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Read what ``save`` wrote; BirdlibError where the file is missing, damaged or something else."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                logits = stored["logits"]
                texts = {name: tuple(stored[name].tolist()) for name in _TEXTS}
                bits = {
                    name: np.unpackbits(stored[name], count=logits.size).reshape(logits.shape).astype(np.float32)
                    for name in _BITS
                }
                return cls(scores=expit(logits.astype(np.float64)), note=str(stored["note"]), **texts, **bits)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise BirdlibError(f"{path}: not readable as predictions ({reason}); export the models anew") from None


_TEXTS, _BITS = ("row_ids", "filenames", "classes", "groups"), ("truth", "weights")


def mean_of(parts: Sequence[Predictions]) -> Predictions:
    """The mean of the scores of each row, over those that have it; rows in the order of their first appearance."""
    first = parts[0]
    if len(parts) == 1:
        return first
    place = {row_id: at for at, row_id in enumerate(dict.fromkeys(row_id for part in parts for row_id in part.row_ids))}
    shape = len(place), len(first.classes)
    summed, times = np.zeros(shape, np.float64), np.zeros((len(place), 1))
    truth, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    names, groups = np.zeros((2, len(place)), object)
    for part in parts:
        rows = [place[row_id] for row_id in part.row_ids]
        summed[rows] += part.scores
        times[rows] += 1
        truth[rows], weights[rows] = part.truth, part.weights
        names[rows], groups[rows] = part.filenames, part.groups
    return replace(
        first,
        row_ids=tuple(place),
        filenames=tuple(names),
        scores=summed / times,
        truth=truth,
        weights=weights,
        groups=tuple(groups),
    )
