"""The files of a competition, as they lie on Kaggle."""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, islice
from itertools import count as count_from
from pathlib import Path

from birdlib.competition.editions import COLUMNS, EDITIONS, WINDOWS, Edition
from birdlib.competition.rows import ROW_ID, read_columns, read_header
from birdlib.errors import BirdlibError

SAMPLE = "sample_submission.csv"
DEMO = "demo"
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


def likely_edition(root: Path) -> Edition:
    """The year that a folder is of, by its sample submission and the files that it has."""
    form = _form(root)

    def fit(entry: Edition) -> tuple[bool, bool, int]:
        missing = _missing(root, entry)
        return form in (None, entry.form), not missing, len(entry.marks) - len(missing)

    return max((entry for entry in EDITIONS if entry.slug != DEMO), key=fit)


def _form(root: Path) -> str | None:
    """The form of a folder's sample submission, as editions name it; None where it cannot be read."""
    try:
        columns = set(read_header(root / SAMPLE))
    except BirdlibError:
        return None
    return next((form for form, column in COLUMNS.items() if columns == {ROW_ID, column}), WINDOWS)


def _missing(root: Path, entry: Edition) -> list[str]:
    return [name for name in entry.marks if not (root / name).exists()]


class CompetitionFiles:
    """Finds the parts of a competition's folder by their names in its year.

    A part that is missing raises BirdlibError when it is asked for, not before. The soundscape folders may
    be empty or absent (in a commit run they are): then there are simply no recordings.

    Args:
        edition: None for the likely one.

    Raises:
        BirdlibError: there is no such folder, or it is another year's.
    """

    def __init__(self, root: Path | str, edition: Edition | None = None) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise BirdlibError(f"{self.root}: no such folder; give the folder of a competition")
        likely, reasons = likely_edition(self.root), []
        self.edition = edition = edition or likely
        if _form(self.root) not in (None, edition.form):
            reasons = [f"{SAMPLE} has other columns"]
        elif not _missing(self.root, likely):
            reasons = [f"no {name}" for name in _missing(self.root, edition)]
            # A folder may hold more than its year's had, as long as the other year's scores were no others.
            if likely.metric != edition.metric:
                reasons += [f"it has {name}" for name in likely.marks if name not in edition.marks]
        if reasons:
            raise BirdlibError(
                f"{self.root}: is not of {edition.slug}: {reasons[0]}; it looks like {likely.slug}: "
                f"--set competition={likely.slug}"
            )

    @cached_property
    def sample_submission(self) -> Path:
        """The table that shows what a submission looks like."""
        return self.part(SAMPLE)

    @cached_property
    def training_labels(self) -> tuple[str, ...]:
        """The labels that training recordings have, sorted; where there is no table, the names of their folders."""
        try:
            labels = {label.strip() for (label,) in read_columns(self.metadata, "primary_label")} - {""}
        except BirdlibError:
            labels = {path.name for path in self.train_audio.iterdir() if path.is_dir()}
        return tuple(sorted(labels))

    @cached_property
    def metadata(self) -> Path:
        """The table of training recordings."""
        return self.part(self.edition.metadata)

    @cached_property
    def train_audio(self) -> Path:
        """The folder of training recordings, a folder per class in it."""
        return self.part(self.edition.train_audio)

    @cached_property
    def soundscape_labels(self) -> Path | None:
        """The table of what can be heard in training soundscapes, by any year's name; None without."""
        names = [self.edition.labels, *(entry.labels for entry in EDITIONS)]
        return next((self.root / name for name in names if name and (self.root / name).is_file()), None)

    @cached_property
    def test_soundscapes(self) -> tuple[Path, ...]:
        """The recordings to be scored, by name; none in a commit run."""
        return recordings_in(self.root / "test_soundscapes")

    @cached_property
    def other_soundscapes(self) -> tuple[Path, ...]:
        """Soundscapes that come with the training data, unlabelled for the most part."""
        names = dict.fromkeys([self.edition.soundscapes_folder, *(entry.soundscapes_folder for entry in EDITIONS)])
        return tuple(path for name in names if name for path in recordings_in(self.root / name))

    def dry_run_audio(self, count: int) -> tuple[Path, ...]:
        """Up to `count` recordings to rehearse on where `test_soundscapes` holds none; always the same ones.

        Soundscapes first, then training recordings spread evenly over the classes.
        """
        chosen = tuple(islice(chain(_not_empty(self.other_soundscapes), self._spread(count)), count))
        if not chosen:
            raise BirdlibError(
                f"{self.root}: no recording for a dry run in {self.edition.soundscapes_folder or 'train_soundscapes'} "
                f"or {self.edition.train_audio}; attach the competition's data"
            )
        return chosen

    def _spread(self, count: int) -> Iterator[Path]:
        """Training recordings: one of each class, then a second of each, and so on."""
        folder = self.root / self.edition.train_audio
        if not folder.is_dir():
            return
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

    def part(self, name: str) -> Path:
        """A file or folder that the year's competitions have; BirdlibError where it is missing."""
        if (self.root / name).exists():
            return self.root / name
        there = sorted(p.name for p in self.root.iterdir())
        listing = ", ".join(there[:15]) + (" …" if len(there) > 15 else "") if there else "nothing"
        raise BirdlibError(f"{self.root}: {name} is missing; the folder holds {listing}")
