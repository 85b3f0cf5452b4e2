"""Who recorded what: names of people, however they are spelled."""

import html
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

# What stands in the author column where nobody is known; two such recordings need not be the same person's.
_NOBODY = frozenset(
    {
        "",
        "unknown",
        "unknown author",
        "not known",
        "anonymous",
        "anon",
        "none",
        "null",
        "nan",
        "n/a",
        "na",
        "<na>",
        "-",
        "?",
    }
)
_LICENCE = re.compile(r"^\(c\)|^©|^copyright\b|,? *\b(?:some|all|no) rights reserved\b.*|,? *uploaded by\b.*")


def people(names: Sequence[str], filenames: Sequence[str] | None = None) -> np.ndarray:
    """A number for each person, int64 [recordings]; recordings of nobody known have one each.

    Names are the same where they differ in Unicode form, width, case, blanks, HTML, or a licence around them, or
    were read in the wrong encoding.

    Args:
        filenames: of recordings of nobody known, those of one stem are one upload, under two labels.
    """
    stems = range(len(names)) if filenames is None else (PurePosixPath(name).stem for name in filenames)
    plain = map(_plain, names)
    keys = [("", stem) if name in _NOBODY else (name, "") for name, stem in zip(plain, stems, strict=True)]
    return pd.factorize(pd.Series(keys))[0]


def _plain(name: str) -> str:
    name = html.unescape(name)
    try:
        name = name.encode("latin-1").decode("utf-8")  # "JosÃ©" is "José", read in the wrong encoding
    except UnicodeError:
        pass
    name = unicodedata.normalize("NFKC", name).casefold()
    # Marks of direction and of zero width are no part of a name.
    name = "".join(letter for letter in name if unicodedata.category(letter) not in ("Cf", "Cc") or letter.isspace())
    return " ".join(_LICENCE.sub("", " ".join(name.split())).split())
