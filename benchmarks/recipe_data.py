"""What benchmarks/recipe.py learns from and is judged by: birdfield, birdmini and ESC-10, decoded once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

from birdlib.data.folds import assign_folds
from birdlib.data.labels import parse_labels

SAMPLE_RATE = 32_000
WINDOW = 5 * SAMPLE_RATE
FULL = "full"
_WINDOWS_OF_ONE = 6  # by which a held-out recording is judged


@dataclass(frozen=True, eq=False)
class Audio:
    """Decoded recordings one after the other, mapped from a file that all processes share.

    Attributes:
        samples: float32 [samples].
        starts: int64 [recordings + 1].
    """

    samples: np.ndarray
    starts: np.ndarray

    def window(self, recording: int, start: int) -> np.ndarray:
        """float32 [WINDOW] from a sample of the recording on; what is shorter is repeated."""
        whole = self.samples[self.starts[recording] : self.starts[recording + 1]]
        return np.resize(whole[start : start + WINDOW], WINDOW)

    def random_window(self, recording: int, random: np.random.Generator) -> np.ndarray:
        """A window from anywhere in the recording."""
        return self.window(recording, int(random.integers(self.spare(recording) + 1)))

    def spare(self, recording: int) -> int:
        """The last sample at which a whole window begins."""
        return max(int(self.starts[recording + 1] - self.starts[recording]) - WINDOW, 0)

    def spread(self, recording: int) -> np.ndarray:
        """Starts of up to six windows, spread over the recording."""
        spare = self.spare(recording)
        return np.linspace(0, spare, min(_WINDOWS_OF_ONE, 1 + round(spare / WINDOW))).astype(int)


@dataclass(frozen=True, eq=False)
class Task:
    """Recordings to learn from, and rows that judge.

    Attributes:
        primary: int [recordings], the class of each one's primary label.
        targets: float32 [recordings, classes], primary and secondary labels alike.
        folds: int [recordings]; -1 is always in training. Of a task with rows of its own, all -1.
        judge: the audio of the rows.
        windows: int64 [windows, 3]: the row, and the recording of ``judge`` and its sample where the window begins.
        truth: float32 [rows, classes].
        groups: what the rows belong to; those of one author or soundscape are far from independent.
        row_folds: int [rows], whose model predicts a row; -1 for rows that every model of all data predicts.
        pool: from the probabilities of a row's windows, [windows, classes], to the row's.
    """

    name: str
    classes: tuple[str, ...]
    audio: Audio
    primary: np.ndarray
    targets: np.ndarray
    folds: np.ndarray
    judge: Audio
    windows: np.ndarray
    truth: np.ndarray
    groups: Sequence[str]
    row_folds: np.ndarray = field(repr=False)
    pool: Callable[..., np.ndarray] = np.mean

    @property
    def models(self) -> list[int | str]:
        """The folds, each of which has a model; "full" for a model of all data."""
        return sorted(set(self.folds[self.folds >= 0].tolist())) or [FULL]

    def learnt(self, fold: int | str) -> np.ndarray:
        """The recordings that a fold's model learns from."""
        return np.flatnonzero(self.folds != fold) if fold != FULL else np.arange(len(self.folds))

    def rows(self, fold: int | str) -> np.ndarray:
        """The rows that a fold's model is judged by."""
        return np.flatnonzero(self.row_folds == (-1 if fold == FULL else fold))


def decoded(paths: Sequence[Path], file: Path) -> Audio:
    """Recordings as one file of samples, which is written if it is not there."""
    starts = file.with_suffix(".npy")
    if not starts.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        ends = [0]
        with file.open("wb") as out:
            for path in paths:
                wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
                wave = soxr.resample(wave.mean(axis=1), rate, SAMPLE_RATE).astype("<f4")
                out.write(wave.tobytes())
                ends.append(ends[-1] + len(wave))
        np.save(starts, np.array(ends, np.int64))
    return Audio(np.memmap(file, "<f4", "r"), np.load(starts))


@dataclass(frozen=True, eq=False)
class Focal:
    """Recordings to learn from: classes, audio, and the labels as ``Task`` has them."""

    classes: tuple[str, ...]
    audio: Audio
    primary: np.ndarray
    targets: np.ndarray

    def by_folds(self, name: str, folds: np.ndarray, groups: Sequence[str]) -> Task:
        """Held-out recordings judge, by windows spread over them."""
        spread = [(row, row, start) for row in range(len(folds)) for start in self.audio.spread(row)]
        row_folds = np.where(folds < 0, -2, folds)  # what is always in training judges nobody
        return Task(
            name,
            **vars(self),
            folds=folds,
            judge=self.audio,
            windows=np.array(spread),
            truth=self.targets,
            groups=list(groups),
            row_folds=row_folds,
        )

    def by_rows(self, name: str, **judging) -> Task:
        """Rows of other recordings judge a model of all of these."""
        row_folds = np.full(len(judging["truth"]), -1)
        return Task(name, **vars(self), folds=np.full(len(self.primary), -1), row_folds=row_folds, **judging)


def birdfield(source: Path, cache: Path) -> Task:
    """Its focal recordings in three folds by recordist."""
    table = _table(source / "train.csv")
    place = table["latitude"] + " " + table["longitude"]
    folds, _ = assign_folds(table.assign(place=place.where(place != " ", "")), n_folds=3, seed=0)
    return _focal(table, source, cache / "birdfield.f32").by_folds("birdfield", folds, table["author"])


def birdfield_test(source: Path, cache: Path) -> Task:
    """Learns from all of it; judged by the recordists' species lists of its test recordings."""
    focal = _focal(_table(source / "train.csv"), source, cache / "birdfield.f32")
    table = _table(source / "truth.csv").set_index("recording")
    pieces = sorted((source / "test_soundscapes").glob("*.ogg"))
    judge = decoded(pieces, cache / "birdfield_test.f32")
    row_of = {recording: row for row, recording in enumerate(table.index)}
    rows = [row_of[path.stem.split("_")[1]] for path in pieces]
    windows = [(r, n, start) for n, r in enumerate(rows) for start in range(0, judge.spare(n) + 1, WINDOW)]
    truth = table[list(focal.classes)].to_numpy(np.float32)
    truth[:, truth.sum(0) < 3] = 0  # classes of fewer recordings say little
    return focal.by_rows(
        "birdfield_test", judge=judge, windows=np.array(windows), truth=truth, groups=list(row_of), pool=np.max
    )


def birdmini(source: Path, cache: Path) -> Task:
    """Learns from its focal recordings; judged by every window of its soundscapes."""
    focal = _focal(_table(source / "train_metadata.csv"), source, cache / "birdmini.f32")
    table = _table(source / "soundscape_labels.csv").set_index("row_id")
    soundscapes = sorted((source / "test_soundscapes").glob("*.ogg"))
    judge = decoded(soundscapes, cache / "birdmini_test.f32")
    numbers = {path.stem: number for number, path in enumerate(soundscapes)}
    rows = [row_id.rpartition("_") for row_id in table.index]
    windows = [(row, numbers[stem], (int(end) - 5) * SAMPLE_RATE) for row, (stem, _, end) in enumerate(rows)]
    truth = table[list(focal.classes)].to_numpy(np.float32)
    groups = [stem for stem, _, _ in rows]
    return focal.by_rows("birdmini", judge=judge, windows=np.array(windows), truth=truth, groups=groups)


def esc10(source: Path, cache: Path) -> Task:
    """Its clips in its authors' five folds."""
    table = _table(source / "esc10.csv")
    audio = decoded([source / "audio" / name for name in table["filename"]], cache / "esc10.f32")
    classes, primary = np.unique(table["category"], return_inverse=True)
    focal = Focal(tuple(classes), audio, primary, np.eye(len(classes), dtype=np.float32)[primary])
    return focal.by_folds("esc10", table["fold"].astype(int).to_numpy() - 1, table["src_file"])


TASKS = {"birdfield": birdfield, "esc10": esc10, "birdmini": birdmini, "birdfield_test": birdfield_test}
FOLDERS = {"birdfield": "birdfield", "esc10": "esc10", "birdmini": "birdmini", "birdfield_test": "birdfield"}


def load_task(name: str, audio: Path, cache: Path) -> Task:
    """A task by its name. audio: the folder that holds birdfield, birdmini and esc10."""
    return TASKS[name](audio / FOLDERS[name], cache)


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _focal(table: pd.DataFrame, source: Path, file: Path) -> Focal:
    """A competition's recordings. Secondary labels that are no class are left out."""
    classes, primary = np.unique(table["primary_label"], return_inverse=True)
    targets = np.eye(len(classes), dtype=np.float32)[primary]
    for row, cell in enumerate(table["secondary_labels"]):
        targets[row, np.isin(classes, parse_labels(cell))] = 1
    audio = decoded([source / "train_audio" / name for name in table["filename"]], file)
    return Focal(tuple(classes), audio, primary, targets)
