"""Class lists, joined by label, scientific name, synonym or genus."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.rows import one_line
from birdlib.competition.synonyms import other_names
from birdlib.errors import BirdlibError

LABEL, SCIENTIFIC_NAME, SYNONYM, GENUS = "label", "scientific name", "synonym", "genus"
# The tables that may name a competition's species: file, column of the label, column of the scientific name.
_TABLES = (
    ("taxonomy.csv", "primary_label", "scientific_name"),
    ("train_metadata.csv", "primary_label", "scientific_name"),
    ("train.csv", "primary_label", "scientific_name"),
    ("eBird_Taxonomy_v2021.csv", "SPECIES_CODE", "SCI_NAME"),
)


@dataclass(frozen=True)
class ClassList:
    """The classes of a model or a competition.

    Attributes:
        labels: distinct, in the order of the outputs or columns.
        scientific_names: of each class, such as "Corvus corax"; "" where it is not known.
    """

    labels: tuple[str, ...]
    scientific_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.scientific_names):
            raise BirdlibError(f"class list: {len(self.labels)} labels, {len(self.scientific_names)} scientific names")
        if len(set(self.labels)) < len(self.labels):
            raise BirdlibError("class list: a label stands twice; name each class once")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ClassJoin:
    """The classes of ``wanted``, each with those of ``offered`` that stand for it.

    Attributes:
        columns: for each wanted class the positions in ``offered``; none where nothing stands for it.
        how: for each wanted class "label", "scientific name", "synonym" or "genus"; "" where nothing stands for it.
    """

    wanted: ClassList
    offered: ClassList
    columns: tuple[tuple[int, ...], ...]
    how: tuple[str, ...]

    @property
    def joined(self) -> ClassList:
        """The wanted classes that something stands for, in their order."""
        places = [place for place, columns in enumerate(self.columns) if columns]
        return ClassList(*(tuple(names[place] for place in places) for names in _both(self.wanted)))

    @property
    def missing(self) -> tuple[str, ...]:
        """The labels of the wanted classes that nothing stands for."""
        return tuple(label for label, columns in zip(self.wanted.labels, self.columns, strict=True) if not columns)

    def take(self, values: np.ndarray) -> np.ndarray:
        """Bring values of the offered classes to the ``joined`` ones: the maximum where several stand for one.

        Args:
            values: float [..., offered classes].

        Returns:
            The same type, [..., joined classes].
        """
        joined = [columns for columns in self.columns if columns]
        taken = np.empty((*values.shape[:-1], len(joined)), values.dtype)
        for place, columns in enumerate(joined):
            taken[..., place] = values[..., list(columns)].max(axis=-1)
        return taken

    def table(self) -> pd.DataFrame:
        """A row per wanted class, for people: its names, how it was joined, and with what."""
        offered = ["; ".join(self.offered.labels[column] for column in columns[:3]) for columns in self.columns]
        names = dict(zip(("label", "scientific name"), _both(self.wanted), strict=True))
        return pd.DataFrame({**names, "joined by": self.how, "joined with": offered}).set_index("label")

    def summary(self) -> str:
        """One line: how many classes were joined how, and which were not."""
        counts = [(self.how.count(how), how) for how in (LABEL, SCIENTIFIC_NAME, SYNONYM, GENUS)]
        line = f"{len(self.wanted) - len(self.missing)} of {len(self.wanted)} classes are joined"
        line += "".join(f", {count} by {how}" for count, how in counts if count)
        return line + (f"; not joined: {', '.join(self.missing)}" if self.missing else "")


def join_classes(wanted: ClassList, offered: ClassList, *, genus: bool = False) -> ClassJoin:
    """Find for each wanted class the offered ones that stand for it.

    By label, then by scientific name, then by a synonym of it (``birdlib.competition.synonyms``).

    Args:
        genus: whether a species that is not offered is taken for the most likely one of its genus.
    """
    by_label = _places(offered.labels)
    by_name = _places(_name(name) for name in offered.scientific_names)
    by_genus = _places(_genus(name) for name in offered.scientific_names)
    ways: list[tuple[str, Callable[[str, str], list[int]]]] = [
        (LABEL, lambda label, name: by_label.get(label, [])),
        (SCIENTIFIC_NAME, lambda label, name: by_name.get(_name(name), [])),
        (SYNONYM, lambda label, name: [place for other in other_names(name) for place in by_name.get(other, [])]),
    ]
    if genus:
        ways.append((GENUS, lambda label, name: by_genus.get(_genus(name), [])))
    columns, hows = [], []
    for label, name in zip(*_both(wanted), strict=True):
        places, how = next(((places, how) for how, find in ways if (places := find(label, name))), ([], ""))
        columns.append(tuple(places))
        hows.append(how)
    return ClassJoin(wanted, offered, tuple(columns), tuple(hows))


def read_class_list(competition: Path, classes: Sequence[str]) -> ClassList:
    """A competition's classes with the scientific names that its own tables give them.

    Args:
        competition: its folder.

    Raises:
        BirdlibError: one of its tables cannot be read.
    """
    names: dict[str, str] = {}
    for file, label, name in _TABLES:
        path = competition / file
        if not path.exists():
            continue
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise BirdlibError(f"{path}: not readable as a table ({one_line(error)})") from None
        if label in table and name in table:
            pairs = zip(table[label].str.strip(), table[name].str.strip(), strict=True)
            names = {key: value for key, value in pairs if value} | names
    return ClassList(tuple(classes), tuple(names.get(label.strip(), "") for label in classes))


def _both(classes: ClassList) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return classes.labels, classes.scientific_names


def _places(keys: Iterable[str]) -> dict[str, list[int]]:
    """Where each key stands; "" is no key."""
    places: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        if key:
            places.setdefault(key, []).append(place)
    return places


def _name(scientific_name: str) -> str:
    return " ".join(scientific_name.lower().split())


def _genus(scientific_name: str) -> str:
    return _name(scientific_name).partition(" ")[0]
