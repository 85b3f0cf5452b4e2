"""Who recorded what: names of people, however they are spelled."""

import html
import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
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
        "n.a",
        "na",
    }
)
_LICENCE = re.compile(
    r"^\(c\)|^©|^copyright\b|,? *\b(?:some|all|no) rights reserved\b.*|,? *\(?uploaded by\b.*|,? *\(?cc[ -](?:by|0)\b.*"
)
_MARKS = str.maketrans(dict.fromkeys("’‘ʼ´`", "'") | dict.fromkeys("‐‑‒–—", "-"))
_AROUND_NOBODY = " ()<>[].?-"


def people(names: Sequence[str], filenames: Sequence[str] | None = None) -> np.ndarray:
    """A number for each person, int64 [recordings]; recordings of nobody known have one each.

    Names are the same where they differ in Unicode form, width, case, blanks, kinds of hyphens and apostrophes, HTML,
    or a licence around them, or were read in the wrong encoding.

    Args:
        filenames: of recordings of nobody known, those of one stem are one upload, under two labels.
    """
    stems = range(len(names)) if filenames is None else (PurePosixPath(name).stem for name in filenames)
    plain = map(_plain, names)
    keys = [
        ("", stem) if name.strip(_AROUND_NOBODY) in _NOBODY else (name, "")
        for name, stem in zip(plain, stems, strict=True)
    ]
    return pd.factorize(pd.Series(keys))[0]


def _plain(name: str) -> str:
    name = html.unescape(name)
    for wrong in ("latin-1", "cp1252"):
        with suppress(UnicodeError):
            name = name.encode(wrong).decode("utf-8")  # "JosÃ©" is "José", read in the wrong encoding
    name = unicodedata.normalize("NFKC", name).casefold().translate(_MARKS)
    # Marks of direction and of zero width are no part of a name.
    name = "".join(letter for letter in name if unicodedata.category(letter) not in ("Cf", "Cc") or letter.isspace())
    return " ".join(_LICENCE.sub("", " ".join(name.split())).split())
