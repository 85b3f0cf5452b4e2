"""The taxa of a competition's classes, from its taxonomy.csv."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from birdlib.errors import BirdlibError

_LABEL, _TAXON = "primary_label", "class_name"


def read_taxa(competition: Path, classes: Sequence[str]) -> tuple[str, ...] | None:
    """The taxon of each class, such as "Aves"; "" for a class that the taxonomy does not have.

    Args:
        competition: the folder that may hold a ``taxonomy.csv``, as those of 2025 and 2026 do.

    Returns:
        None where there is no taxonomy.

    Raises:
        BirdlibError: the table cannot be read, or lacks a column.
    """
    path = competition / "taxonomy.csv"
    if not path.exists():
        return None
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise BirdlibError(f"{path}: not readable as a table ({' '.join(str(error).split())})") from None
    if missing := [name for name in (_LABEL, _TAXON) if name not in table]:
        raise BirdlibError(f"{path}: no column {missing[0]}; expected {_LABEL} and {_TAXON}")
    taxon_of = dict(zip(table[_LABEL].str.strip(), table[_TAXON].str.strip(), strict=True))
    return tuple(taxon_of.get(label.strip(), "") for label in classes)


def check_taxa(named: Sequence[str], taxa: Sequence[str] | None, where: str) -> None:
    """Refuse taxa that a recipe names and the competition does not have.

    Args:
        named: in the recipe.
        taxa: of the classes; None where the competition has no taxonomy.
        where: who names them, for the message.

    Raises:
        BirdlibError: there is no taxonomy, or it has no such taxon.
    """
    if named and taxa is None:
        raise BirdlibError(f"{where}: names taxa, but the competition has no taxonomy.csv; leave them out")
    if unknown := [taxon for taxon in named if taxon not in taxa]:
        known = ", ".join(sorted(set(taxa) - {""}))
        raise BirdlibError(f"{where}: no class is of the taxon {unknown[0]!r}; expected one of {known}")
