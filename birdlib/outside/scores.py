"""Scores and embeddings of an outside model for rows, as they lie on disk."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdlib.errors import BirdlibError
from birdlib.scores.score_table import ScoreTable


@dataclass(frozen=True)
class EmbeddingTable:
    """A model's embeddings of rows.

    Attributes:
        row_ids: of the rows, in the order of the score table that belongs to it.
        embedding: float16 [rows, size].
    """

    row_ids: tuple[str, ...]
    embedding: np.ndarray

    def save(self, path: Path) -> None:
        """Write the table as .npz, whole or not at all."""
        save_arrays(path, row_ids=np.array(self.row_ids, np.str_), embedding=self.embedding)

    @classmethod
    def load(cls, path: Path) -> "EmbeddingTable":
        """Read what ``save`` wrote; BirdlibError where the file is missing, damaged or something else."""
        stored = load_arrays(path, "row_ids", "embedding")
        return cls(tuple(stored["row_ids"].tolist()), stored["embedding"])


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays as .npz, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    with draft.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(draft, path)


def load_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read named arrays of an .npz file.

    Raises:
        BirdlibError: the file is missing, damaged, or lacks one of them.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise BirdlibError(f"{path}: cannot be read ({reason}); score the recordings anew") from None


def read_tables(folder: Path, group: str) -> tuple[ScoreTable, EmbeddingTable] | None:
    """The score table and the embeddings of a group of recordings that the outside kernel left; None if there are none.

    Raises:
        BirdlibError: they cannot be read, or are of different rows.
    """
    if not score_path(folder, group).is_file():
        return None
    scores, embeddings = ScoreTable.load(score_path(folder, group)), EmbeddingTable.load(embedding_path(folder, group))
    if scores.row_ids != embeddings.row_ids:
        raise BirdlibError(f"{embedding_path(folder, group)}: of other rows than the score table; score them anew")
    return scores, embeddings


def score_path(folder: Path, group: str) -> Path:
    """Where the score table of a group of recordings lies."""
    return folder / "scores" / f"{group}.npz"


def embedding_path(folder: Path, group: str) -> Path:
    """Where the embeddings of a group of recordings lie."""
    return folder / "embeddings" / f"{group}.npz"
