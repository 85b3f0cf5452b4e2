"""The table of training recordings, as every year's competition wrote it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from birdlib.competition.editions import WINDOWS
from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.rows import doubles, one_line, read_classes, shown
from birdlib.data.labels import parse_labels
from birdlib.errors import BirdlibError

_NEEDED = ("filename", "primary_label", "secondary_labels")
_AUTHOR = "author"
_PLACE = ("latitude", "longitude")
_LEAST = 0.1  # share of the recordings whose label has to be a class; of fewer the table is another competition's


@dataclass(frozen=True)
class Metadata:
    """The training recordings of a competition. All labels are strings, also those that look like numbers.

    Attributes:
        classes: in the order of sample_submission.csv; where that has no column for each, all labels, sorted.
        table: a row per row of the metadata, all columns strings: filename (``label/XC1.ogg``, below the audio
            folder), primary_label, secondary_labels (space separated; classes only, the primary not among them),
            author, place ("" where unknown).
        notes: what a person should know, a line each.
    """

    classes: tuple[str, ...]
    table: pd.DataFrame
    notes: tuple[str, ...]


def read_metadata(files: CompetitionFiles, *, unknown_secondary: str = "report") -> Metadata:
    """Reads the metadata of any year. Recordings whose label is no class of the competition are left out and noted.

    Args:
        unknown_secondary: what to do with secondary labels that are no class of the competition: "report" leaves
            them out and notes how many, "stop" refuses them.

    Raises:
        BirdlibError: a column is missing, a filename stands twice, a label is missing, nearly no label is a class,
            or secondary_labels is no list.
    """
    if unknown_secondary not in ("report", "stop"):
        raise BirdlibError(f'unknown_secondary = {unknown_secondary!r}: expected "report" or "stop"')
    path = files.metadata
    raw, notes = _read(files), []
    if _AUTHOR not in raw:
        raw[_AUTHOR] = ""
        notes.append(
            f"{path.name}: there is no column {_AUTHOR}: recordings of one person may be on both sides of a fold"
        )
    if incomplete := [number for number, label in enumerate(raw["primary_label"]) if not label]:
        raise BirdlibError(f"{path}: no primary_label in line {incomplete[0] + 2} ({len(incomplete)} such rows)")
    filenames = [
        # In 2021 the label's folder was left out.
        name if "/" in name else f"{label}/{name}"
        for name, label in zip(raw["filename"], raw["primary_label"], strict=True)
    ]
    if doubled := doubles(filenames):
        raise BirdlibError(f"{path}: {shown(doubled, 'filename')} more than once")
    classes = _classes(files)
    known = set(classes)
    if unknown := sorted(set(raw["primary_label"]) - known):
        is_known = raw["primary_label"].isin(known)
        text = f"{path}: {shown(unknown, 'primary label')} not among the {len(classes)} classes"
        if is_known.mean() < _LEAST:
            raise BirdlibError(f"{text} of {files.sample_submission.name}; is it of the same competition?")
        notes.append(f"{text}: {(~is_known).sum():,} of {len(raw):,} recordings left out")
        filenames = [name for name, keep in zip(filenames, is_known, strict=True) if keep]
        raw = raw[is_known].reset_index(drop=True)
    secondary, strangers = _secondary(raw, filenames, known, path)
    if strangers:
        text = f"{shown(sorted(strangers), 'secondary label')} that are no class of the competition"
        if unknown_secondary == "stop":
            raise BirdlibError(f'{path}: {text}; correct them, or leave them out with unknown_secondary = "report"')
        notes.append(f"{text}: left out of {strangers.total():,} recordings' labels")
    if silent := sorted(known - set(raw["primary_label"])):
        notes.append(
            f"{_of(silent, 'class', 'classes')} without a recording of its own: learnt from labelled soundscapes, if "
            "there are any of it"
        )
    table = pd.DataFrame(
        {
            "filename": filenames,
            "primary_label": raw["primary_label"],
            "secondary_labels": secondary,
            "author": raw[_AUTHOR],
            "place": _places(raw),
        }
    )
    return Metadata(classes, table, tuple(notes))


def _secondary(raw: pd.DataFrame, filenames: list[str], known: set[str], path: Path) -> tuple[list[str], Counter[str]]:
    """The secondary labels of each recording, space separated, and how many recordings have each that is no class."""
    lists = [_labels(text, filename, path) for text, filename in zip(raw["secondary_labels"], filenames, strict=True)]
    secondary = [
        " ".join(label for label in dict.fromkeys(labels) if label in known and label != primary)
        for labels, primary in zip(lists, raw["primary_label"], strict=True)
    ]
    return secondary, Counter(stranger for labels in lists for stranger in set(labels) - known)


def _labels(text: str, filename: str, path: Path) -> list[str]:
    try:
        return parse_labels(text)
    except ValueError:
        raise BirdlibError(f"{path}: secondary_labels of {filename} is no list of labels: {text!r}") from None


def _read(files: CompetitionFiles) -> pd.DataFrame:
    """The columns that are needed, as strings without blanks at their ends."""
    path = files.metadata
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise BirdlibError(f"{path}: not readable as a table ({one_line(error)})") from None
    if missing := [name for name in _NEEDED if name not in raw]:
        there = ", ".join(map(str, raw.columns))
        raise BirdlibError(f"{path}: there is no column {' or '.join(missing)}; the table has {there}")
    if raw.empty:
        raise BirdlibError(f"{path}: the table has no rows")
    raw = raw[[name for name in (*_NEEDED, _AUTHOR, *_PLACE) if name in raw]]
    return raw.apply(lambda column: column.str.strip())


def _places(raw: pd.DataFrame) -> pd.Series:
    """Latitude and longitude, "" where unknown."""
    if not set(_PLACE) <= set(raw):
        return pd.Series("", index=raw.index)
    place = raw[_PLACE[0]] + "," + raw[_PLACE[1]]
    return place.where(place != ",", "")


def _classes(files: CompetitionFiles) -> tuple[str, ...]:
    if files.edition.form != WINDOWS:
        return files.training_labels
    classes = read_classes(files.sample_submission)
    if spaced := [name for name in classes if name.split() != [name]]:
        raise BirdlibError(f"{files.sample_submission}: {shown(spaced, 'class name')} with blanks; labels have none")
    return classes


def _of(names: list[str], one: str, many: str) -> str:
    listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} {one if len(names) == 1 else many} ({listed})"
