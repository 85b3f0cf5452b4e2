"""Titles and slugs by Kaggle's rules: 5 to 50 characters, the slug made from the title."""

from __future__ import annotations

import hashlib
import re

SHORTEST, LONGEST = 5, 50
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def default_title(library: str, kernel: str) -> str:
    """The title of a kernel that states none: library and kernel name, made to fit.

    Where it is too long it is cut and ends in a hash of the whole, so that names that differ late
    stay apart.
    """
    title = f"{library} {kernel}"
    if len(title) < SHORTEST:
        title += " kernel"
    if len(title) > LONGEST:
        digest = hashlib.sha256(title.encode()).hexdigest()[:6]
        title = f"{title[: LONGEST - len(digest) - 1].rstrip(' -_')} {digest}"
    return title


def slug_of(title: str) -> str:
    """The slug that Kaggle makes of a title, by the function that Kaggle's client compares with."""
    from slugify import slugify

    return slugify(title)


def title_problem(title: str) -> str | None:
    """What Kaggle would refuse in a kernel's title, or None."""
    if title != title.strip() or not title.isprintable():
        return f"{title!r} has white space at its ends or characters that cannot be printed; remove them"
    if not SHORTEST <= len(title) <= LONGEST:
        return f"{title!r} has {len(title)} characters; Kaggle takes {SHORTEST} to {LONGEST}, so choose another title"
    slug = slug_of(title)
    if not SHORTEST <= len(slug) <= LONGEST:
        return (
            f"{title!r} makes the slug {slug!r}; Kaggle takes slugs of {SHORTEST} to {LONGEST} characters, "
            "so choose another title"
        )
    return None
