"""What a preparation wrote, as training reads it: recordings, folds and targets."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.rows import one_line, shown
from birdlib.data.cache import CACHE_FILE, Cache
from birdlib.data.clip_table import RECORDINGS, ClipTable
from birdlib.data.metadata import read_metadata, version_of
from birdlib.errors import BirdlibError

RECORDINGS_FILE = "recordings.csv"
FOLDS_FILE = "folds.json"
SCHEMA = 1
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
)
_FACTS = {
    "data_version": str,
    "competition": str,
    "n_folds": int,
    "seed": int,
    "sample_rate": int,
    "classes": list,
}
_INTEGERS = ("sample_rate", "channels", "fold", "cache_start", "cache_samples")
FULL = "full"  # the fold of models that are trained on everything
SECONDARY = ("target", "mask", "ignore")


@dataclass(frozen=True, eq=False)
class Prepared:
    """The usable recordings of a competition: readable, no copies of each other, each in its fold.

    Attributes:
        audio: the folder below which the recordings' filenames are.
        classes: in the order of sample_submission.csv.
        recordings: the columns of recordings.csv without fault and duplicate_of; row numbers count from 0.
        n_folds, seed: of the folds.
        data_version: another one stands for other labels or other audio.
        secondary: what secondary labels are to the loss: "target" (1, as a primary label), "mask" (left out of
            the loss, since nobody knows whether the bird is in the clip), or "ignore" (0).
        cache: of the recordings' starts, or None.
    """

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
        table = _read_recordings(folder / RECORDINGS_FILE)
        if (version := data_version(table)) != facts["data_version"]:
            raise BirdlibError(
                f"{folder}: {RECORDINGS_FILE} is of data version {version}, {FOLDS_FILE} of {facts['data_version']}; "
                "take both from one run of the preparation"
            )
        metadata = read_metadata(files)
        classes = tuple(facts["classes"])
        if metadata.version != facts["competition"] or metadata.classes != classes:
            raise BirdlibError(
                f"{folder}: prepared from another version of the data than {files.metadata} ({len(table)} recordings "
                f"of {len(classes)} classes, here {len(metadata.table)} of {len(metadata.classes)}); prepare it again"
            )
        usable = table[(table["fault"] == "") & (table["duplicate_of"] == "")]
        recordings = usable.drop(columns=["fault", "duplicate_of"]).reset_index(drop=True)
        recordings = _with_numbers(recordings, folder / RECORDINGS_FILE)
        _check(recordings, classes, facts["n_folds"], folder / RECORDINGS_FILE)
        starts, samples = (recordings[name].to_numpy(np.int64) for name in ("cache_start", "cache_samples"))
        cache = Cache(folder / CACHE_FILE, facts["sample_rate"], starts, samples) if samples.any() else None
        audio = files.train_audio
        return cls(audio, classes, recordings, facts["n_folds"], facts["seed"], facts["data_version"], secondary, cache)

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
                "path": [self.audio / filename for filename in recordings["filename"]],
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


def data_version(recordings: pd.DataFrame) -> str:
    """A name for what a training sees and what it holds back: filenames, labels, audio and folds."""
    columns = ("filename", "primary_label", "secondary_labels", "audio_sha256", "fold")
    return version_of(zip(*(recordings[name] for name in columns), strict=True))


def _read_facts(path: Path) -> dict:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BirdlibError(f"{path}: there is no such file; attach the output of the preparation") from None
    except (OSError, ValueError) as error:
        raise BirdlibError(f"{path}: not readable as JSON ({one_line(error)}); run the preparation again") from None
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise BirdlibError(f"{path}: not written by this preparation (schema {SCHEMA}); run it again")
    if wrong := [name for name, kind in _FACTS.items() if type(facts.get(name)) is not kind]:
        raise BirdlibError(f"{path}: {', '.join(wrong)} missing or of the wrong kind; run the preparation again")
    return facts


def _read_recordings(path: Path) -> pd.DataFrame:
    """The table as it was written, all columns strings."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise BirdlibError(f"{path}: there is no such file; attach the output of the preparation") from None
    except (ValueError, OSError) as error:
        raise BirdlibError(f"{path}: not readable as a table ({one_line(error)})") from None
    if missing := [name for name in COLUMNS if name not in table]:
        raise BirdlibError(f"{path}: {shown(missing, 'column')} missing; run the preparation again")
    return table[list(COLUMNS)]


def _with_numbers(recordings: pd.DataFrame, path: Path) -> pd.DataFrame:
    kinds = dict.fromkeys(_INTEGERS, np.int64) | {"seconds": np.float64}
    try:
        return recordings.astype(kinds)
    except ValueError as error:
        raise BirdlibError(f"{path}: {one_line(error)}; run the preparation again") from None


def _check(recordings: pd.DataFrame, classes: tuple[str, ...], n_folds: int, path: Path) -> None:
    if recordings.empty:
        raise BirdlibError(f"{path}: no recording is usable; run the preparation again")
    if not recordings["fold"].between(-1, n_folds - 1).all():
        raise BirdlibError(f"{path}: folds outside -1 to {n_folds - 1}; run the preparation again")
    labels = {label for labels in recordings["secondary_labels"] for label in labels.split()}
    if unknown := sorted((labels | set(recordings["primary_label"])) - set(classes)):
        raise BirdlibError(f"{path}: {shown(unknown, 'label')} of no class; run the preparation again")
