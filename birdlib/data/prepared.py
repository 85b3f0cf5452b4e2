"""What a preparation wrote, as training reads it: recordings, folds and targets."""

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.rows import one_line, read_header
from birdlib.data.cache import CACHE_FILE, Cache
from birdlib.data.clip_table import RECORDINGS, ClipTable
from birdlib.errors import BirdlibError

RECORDINGS_FILE = "recordings.csv"
FOLDS_FILE = "folds.json"
SCHEMA = 2
COLUMNS = (
    "filename",
    "primary_label",
    "secondary_labels",
    "author",
    "seconds",
    "sample_rate",
    "channels",
    "audio_sha256",
    "fault",
    "duplicate_of",
    "fold",
    "cache_start",
    "cache_samples",
    "copy",
)
_INTEGERS = ("sample_rate", "channels", "fold", "cache_start", "cache_samples")
FULL = "full"  # the fold of models that are trained on everything
SECONDARY = ("target", "mask", "ignore")


@dataclass(frozen=True, eq=False)
class Prepared:
    """The usable recordings of a competition: readable, no copies of each other, each in its fold.

    Attributes:
        folder: that the preparation wrote.
        audio: the folder below which the recordings' filenames are.
        classes: in the order of sample_submission.csv.
        recordings: the columns of recordings.csv without fault and duplicate_of; row numbers count from 0.
        n_folds, seed: of the folds.
        data_version: another one stands for other labels or other audio.
        secondary: what secondary labels are to the loss: "target" (1, as a primary label), "mask" (left out of
            the loss, since nobody knows whether the bird is in the clip), or "ignore" (0).
        cache: of the recordings' starts, or None.
    """

    folder: Path
    audio: Path
    classes: tuple[str, ...]
    recordings: pd.DataFrame
    n_folds: int
    seed: int
    data_version: str
    secondary: str
    cache: Cache | None

    @classmethod
    def read(cls, folder: Path, files: CompetitionFiles, *, secondary: str = "target") -> "Prepared":
        """Reads what the preparation wrote to a folder and holds it against the competition's own files.

        Raises:
            BirdlibError: something is missing or damaged, or was made from another version of the data.
        """
        if secondary not in SECONDARY:
            raise BirdlibError(f"secondary = {secondary!r}: expected one of {', '.join(SECONDARY)}")
        facts = _read_facts(folder / FOLDS_FILE)
        table = _read_recordings(folder / RECORDINGS_FILE, facts["recordings"])
        classes = tuple(facts["classes"])
        if competition_version(files) != facts["competition"]:
            raise BirdlibError(
                f"{folder}: prepared from another version of the data than {files.metadata} ({len(table)} recordings "
                f"of {len(classes)} classes); prepare it again"
            )
        usable = table[(table["fault"] == "") & (table["duplicate_of"] == "")]
        recordings = usable.drop(columns=["fault", "duplicate_of"]).reset_index(drop=True)
        recordings = recordings.astype(dict.fromkeys(_INTEGERS, np.int64) | {"seconds": np.float64})
        if recordings.empty:
            raise BirdlibError(f"{folder / RECORDINGS_FILE}: no recording is usable; run the preparation again")
        starts, samples = (recordings[name].to_numpy(np.int64) for name in ("cache_start", "cache_samples"))
        cache = Cache(folder / CACHE_FILE, facts["sample_rate"], starts, samples) if samples.any() else None
        own = facts["n_folds"], facts["seed"], facts["data_version"]
        return cls(folder, files.train_audio, classes, recordings, *own, secondary, cache)

    def training_rows(self, fold: int | str) -> np.ndarray:
        """Row numbers, int64, of what a model of this fold may see: all but the fold; for "full", all."""
        if fold == FULL:
            return np.arange(len(self.recordings))
        return np.flatnonzero(self._folds(fold) != fold)

    def validation_rows(self, fold: int | str) -> np.ndarray:
        """Row numbers, int64, of the fold; none for "full"."""
        if fold == FULL:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self._folds(fold) == fold)

    def clip_table(self, rows: np.ndarray) -> ClipTable:
        """Some recordings, by their row numbers, as what can be learnt from: clips come from anywhere in them.

        Raises:
            BirdlibError: a row does not exist.
        """
        rows = np.asarray(rows, np.int64)
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self.recordings)):
            raise BirdlibError(f"rows {rows.min()} to {rows.max()} of {len(self.recordings)} recordings")
        recordings = self.recordings.iloc[rows]
        targets, weights = self.targets(rows)
        seconds = recordings["seconds"].to_numpy(np.float64)
        table = pd.DataFrame(
            {
                "path": [
                    self.folder / copy if copy else self.audio / filename
                    for filename, copy in zip(recordings["filename"], recordings["copy"], strict=True)
                ],
                "number": rows,
                "first": 0.0,
                "seconds": seconds,
                "recording_seconds": seconds,
                "sample_rate": recordings["sample_rate"].to_numpy(),
                "channels": recordings["channels"].to_numpy(),
                "cached": rows if self.cache else -1,
                "group": recordings["author"].to_numpy(),
                "weight": 1.0,
                "source": RECORDINGS,
            }
        )
        return ClipTable(self.classes, table, targets.astype(np.float16), weights > 0, {}, self.cache)

    def targets(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Targets, 0 or 1, and weights, 0 where a class is masked out of the loss: float32 [rows, classes] each."""
        targets = np.zeros((len(rows), len(self.classes)), dtype=np.float32)
        weights = np.ones_like(targets)
        for number, row in enumerate(rows):
            if self.secondary == "target":
                targets[number, self._secondary[row]] = 1
            elif self.secondary == "mask":
                weights[number, self._secondary[row]] = 0
            targets[number, self._primary[row]] = 1
        return targets, weights

    @cached_property
    def _primary(self) -> np.ndarray:
        """int64 [recordings]: the class of each."""
        return self.recordings["primary_label"].map(self._places).to_numpy(np.int64)

    @cached_property
    def _secondary(self) -> list[np.ndarray]:
        """For each recording, int64 [its secondary labels]: their classes."""
        places = self._places
        lists = (labels.split() for labels in self.recordings["secondary_labels"])
        return [np.array([places[label] for label in labels], dtype=np.int64) for labels in lists]

    @property
    def _places(self) -> dict[str, int]:
        return {label: position for position, label in enumerate(self.classes)}

    def _folds(self, fold: int | str) -> np.ndarray:
        if isinstance(fold, bool) or not isinstance(fold, (int, np.integer)) or not 0 <= fold < self.n_folds:
            raise BirdlibError(f'fold = {fold!r}: expected 0 to {self.n_folds - 1}, or "{FULL}"')
        folds = self.recordings["fold"].to_numpy()
        if not (folds == fold).any():
            raise BirdlibError(f'fold = {fold}: the preparation could make no folds; train folds = ["{FULL}"]')
        return folds


def competition_version(files: CompetitionFiles) -> str:
    """A name for the competition's metadata and its classes: another one is another version of the data."""
    digest = hashlib.sha256(files.metadata.read_bytes())
    digest.update(" ".join(read_header(files.sample_submission)).encode())
    return digest.hexdigest()[:16]


def _read_recordings(path: Path, sha256: str) -> pd.DataFrame:
    """The table as it was written, all columns strings.

    Raises:
        BirdlibError: it is missing, or another one than that of this hash.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BirdlibError(f"{path}: there is no such file; attach the output of the preparation") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BirdlibError(f"{path}: not the one that {FOLDS_FILE} belongs to; take both from one preparation")
    return pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)


def _read_facts(path: Path) -> dict:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BirdlibError(f"{path}: there is no such file; attach the output of the preparation") from None
    except (OSError, ValueError) as error:
        raise BirdlibError(f"{path}: not readable as JSON ({one_line(error)}); run the preparation again") from None
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise BirdlibError(f"{path}: not written by this preparation (schema {SCHEMA}); run it again")
    return facts
