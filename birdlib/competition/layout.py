"""The files of a competition, as they lie on Kaggle."""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, islice
from itertools import count as count_from
from pathlib import Path

from birdlib.errors import BirdlibError

SAMPLE = "sample_submission.csv"
AUDIO_SUFFIXES = frozenset({".ogg", ".oga", ".opus", ".wav", ".flac", ".mp3"})  # what libsndfile decodes


def recordings_in(folder: Path) -> tuple[Path, ...]:
    """The recordings that lie directly in a folder, by name; none if the folder is absent.

    What only has the name of a recording (a folder, a link to nowhere) is among them, so that it is named when it is
    to be read.
    """
    if not folder.is_dir():
        return ()
    # macOS archives leave "._name.ogg" stubs beside the real files.
    audio = (p for p in folder.iterdir() if p.suffix.lower() in AUDIO_SUFFIXES and not p.name.startswith("."))
    return tuple(sorted(audio))


def names_on_disk(folder: Path, filenames: Iterable[str]) -> list[str]:
    """The names of files below a folder as the disk has them: macOS writes "é" as two letters, most others as one."""
    listings: dict[Path, dict[str, str]] = {}
    names = []
    for filename in filenames:
        path = folder / filename
        if not filename.isascii() and not path.exists() and path.parent.is_dir():
            if path.parent not in listings:
                listings[path.parent] = {composed(entry.name): entry.name for entry in path.parent.iterdir()}
            name = listings[path.parent].get(composed(path.name), path.name)
            filename = filename.removesuffix(path.name) + name
        names.append(filename)
    return names


def composed(name: str) -> str:
    """A name in the Unicode form that most systems write."""
    return unicodedata.normalize("NFC", name)


def _not_empty(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file() and path.stat().st_size)


class CompetitionFiles:
    """Finds the parts of a BirdCLEF competition's folder, whichever year's names they have.

    A part that is missing raises BirdlibError when it is asked for, not before. The soundscape folders may
    be empty or absent (in a commit run they are): then there are simply no recordings.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise BirdlibError(f"{self.root}: no such folder; give the folder of a competition")

    @cached_property
    def sample_submission(self) -> Path:
        """The table whose rows and columns the submission copies."""
        return self._first(SAMPLE)

    @property
    def training_labels(self) -> tuple[str, ...]:
        """The labels that training recordings are sorted by, a folder each: in every year so far all classes."""
        return tuple(sorted(path.name for path in self.train_audio.iterdir() if path.is_dir()))

    @cached_property
    def metadata(self) -> Path:
        """The table of training recordings."""
        return self._first("train_metadata.csv", "train.csv")

    @cached_property
    def train_audio(self) -> Path:
        """The folder of training recordings, a folder per class in it."""
        return self._first("train_audio", "train_short_audio")

    @cached_property
    def test_soundscapes(self) -> tuple[Path, ...]:
        """The recordings to be scored, by name; none in a commit run."""
        return recordings_in(self.root / "test_soundscapes")

    @cached_property
    def other_soundscapes(self) -> tuple[Path, ...]:
        """Soundscapes that come with the training data, unlabelled for the most part."""
        folders = ("train_soundscapes", "unlabeled_soundscapes")
        return tuple(path for name in folders for path in recordings_in(self.root / name))

    def dry_run_audio(self, count: int) -> tuple[Path, ...]:
        """Up to `count` recordings to rehearse on where `test_soundscapes` holds none; always the same ones.

        Soundscapes first, then training recordings spread evenly over the classes.
        """
        chosen = tuple(islice(chain(_not_empty(self.other_soundscapes), self._spread(count)), count))
        if not chosen:
            raise BirdlibError(
                f"{self.root}: no recording for a dry run in train_soundscapes, unlabeled_soundscapes, "
                "train_audio or train_short_audio; attach the competition's data"
            )
        return chosen

    def _spread(self, count: int) -> Iterator[Path]:
        """Training recordings: one of each class, then a second of each, and so on."""
        names = [name for name in ("train_audio", "train_short_audio") if (self.root / name).is_dir()]
        if not names:
            return
        folder = self.root / names[0]
        classes = sorted(path for path in folder.iterdir() if path.is_dir())
        step = max(1, len(classes) // max(1, count))
        # A class folder is listed only when its turn comes: there are hundreds, on a slow disk.
        order = [c for first in range(step) for c in classes[first::step]] + [folder]
        listed: dict[Path, list[Path]] = {}
        for turn in count_from(0):
            left = False
            for class_folder in order:
                if class_folder not in listed:
                    listed[class_folder] = list(_not_empty(recordings_in(class_folder)))
                if turn < len(listed[class_folder]):
                    left = True
                    yield listed[class_folder][turn]
            if not left:
                return

    def _first(self, *names: str) -> Path:
        for name in names:
            if (self.root / name).exists():
                return self.root / name
        there = sorted(p.name for p in self.root.iterdir())
        listing = ", ".join(there[:15]) + (" …" if len(there) > 15 else "") if there else "nothing"
        raise BirdlibError(f"{self.root}: {' or '.join(names)} is missing; the folder holds {listing}")
