"""Titles and slugs by Kaggle's rules: 5 to 50 characters, the slug made from the title."""

from __future__ import annotations

import hashlib

SHORTEST, LONGEST = 5, 50


def default_title(library: str, kernel: str) -> str:
    """The title of a kernel that states none: library and kernel name, where that is too long cut and with a hash."""
    title = f"{library} {kernel}"
    if len(title) < SHORTEST:
        title += " kernel"
    if len(title) > LONGEST:
        title = f"{title[: LONGEST - 7].rstrip(' -_')} {hashlib.sha256(title.encode()).hexdigest()[:6]}"
    return title


def slug_of(title: str) -> str:
    """The slug that Kaggle makes of a title, by the function that Kaggle's client compares with."""
    from slugify import slugify

    return slugify(title)


def is_title(title: str) -> bool:
    """Whether Kaggle takes a kernel's title and its slug."""
    is_plain = title == title.strip() and title.isprintable()
    return is_plain and all(SHORTEST <= len(text) <= LONGEST for text in (title, slug_of(title)))
