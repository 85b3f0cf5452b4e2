"""Score tables: what one model scores for a set of rows, in memory and on disk."""

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from birdlib.errors import BirdlibError

_FIELDS = ("name", "row_ids", "classes", "logits")


@dataclass(frozen=True)
class ScoreTable:
    """The scores of one model.

    Attributes:
        name: the model's.
        row_ids: of the rows, which may be named twice.
        classes: of the columns, each once.
        logits: float32 [rows, classes]; NaN where the model did not score. They are kept in float32 because 16 bits
            would tie the surest scores of a class.
    """

    name: str
    row_ids: tuple[str, ...]
    classes: tuple[str, ...]
    logits: np.ndarray

    def __post_init__(self) -> None:
        shape = (len(self.row_ids), len(self.classes))
        if self.logits.shape != shape or self.logits.dtype != np.float32:
            raise BirdlibError(
                f"score table {self.name}: logits {self.logits.dtype} {self.logits.shape}; expected float32 {shape} "
                "(row ids, classes)"
            )
        if len(set(self.classes)) < len(self.classes):
            raise BirdlibError(f"score table {self.name}: a class stands twice; name each once")

    @property
    def scored(self) -> np.ndarray:
        """Which rows the model scored, bool [rows]."""
        return ~np.isnan(self.logits).all(axis=1)

    def probabilities(self, classes: Sequence[str] | None = None) -> np.ndarray:
        """The sigmoid of the logits, float32 [rows, classes]; NaN where the model did not score.

        Args:
            classes: of the columns to return, by name and in this order; a class that the model does not know is NaN,
                one that stands twice has its scores twice. None for the table's own.
        """
        if classes is None:
            return expit(self.logits)
        column = {label: number for number, label in enumerate(self.classes)}
        known = [place for place, label in enumerate(classes) if label in column]
        probabilities = np.full((len(self.row_ids), len(classes)), np.nan, np.float32)
        probabilities[:, known] = expit(self.logits[:, [column[classes[place]] for place in known]])
        return probabilities

    def save(self, path: Path) -> None:
        """Write the table as .npz, whole or not at all; OSError where it does not fit on the disk."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        try:
            with draft.open("wb") as file:
                np.savez(
                    file,
                    name=np.array(self.name),
                    row_ids=np.array(self.row_ids, np.str_),
                    classes=np.array(self.classes, np.str_),
                    logits=self.logits,
                )
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> "ScoreTable":
        """Read what ``save`` wrote; BirdlibError where the file is missing, damaged or something else."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                name, row_ids, classes, logits = (stored[field] for field in _FIELDS)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise BirdlibError(f"{path}: not readable as a score table ({reason}); score the rows anew") from None
        return cls(str(name), tuple(row_ids.tolist()), tuple(classes.tolist()), logits)
