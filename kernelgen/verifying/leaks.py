"""What must not leave this machine in a notebook beside secrets: its paths, the owner's name."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from kernelgen.searching import Search

# Home folders of whichever machine, but for the names that stand for any user's.
_ANYBODY = r"(?!(?:user|username|you|yourname|me|name|jovyan|runner)[/\\\\])"
_HOMES = (
    rf"(?<![\w.-])(?:/home/{_ANYBODY}[A-Za-z0-9._-]+/|/Users/{_ANYBODY}[A-Za-z0-9._-]+/"
    rf"|[A-Za-z]:\\+Users\\+{_ANYBODY}[^\\\s]+)"
)
_HOME_WORDS = ("/home/", "/users/", ":\\")


def path_search(root: Path) -> Search:
    """Finds paths of this machine: the project's folder, the home folder, a temporary folder of its own."""
    places = {str(root), str(root.resolve()), os.path.expanduser("~"), tempfile.gettempdir()}
    # What any machine has, Kaggle's included, tells nothing.
    ordinary = {"/", "/root", "/tmp", "/var/tmp", "/usr/tmp", "/home", "/kaggle", "/kaggle/working", "~"}
    own = sorted(place for place in places - ordinary if len(place) > 1)
    expression = "|".join([rf"(?<![\w.-])(?:{'|'.join(map(re.escape, own))})(?![\w-])"] * bool(own) + [_HOMES])
    return Search(expression, (*(place.lower() for place in own), *_HOME_WORDS))


def owner_search(owner: str, exempt: Collection[str]) -> Search | None:
    """Finds the owner's name: before a slug, and as a word where it can be no other word.

    Args:
        exempt: words that stand in the notebook for other reasons (the library's name, the kernel's).
    """
    if owner.lower() == "kaggle":
        return None  # /kaggle/working is everywhere
    name = re.escape(owner)
    forms = [rf"(?<![\w./-]){name}/(?=[\w-])", rf"kaggle\.com/(?:code/|datasets/|models/)?{name}\b"]
    if len(owner) >= 5 and owner.lower() not in {word.lower() for word in exempt}:
        forms.append(rf"(?<![\w-]){name}(?![\w-])")
    return Search("|".join(forms), (owner.lower(),))


@lru_cache(maxsize=4096)
def matching_lines(text: str, search: Search) -> tuple[int, ...]:
    """The lines of ``text`` (from 1) on which something is found."""
    return tuple(sorted({text.count("\n", 0, match.start()) + 1 for match in search.matches(text)}))
