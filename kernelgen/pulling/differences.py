"""Differences as a person reads them."""

from __future__ import annotations

import difflib
import re

# What would act on a terminal, or show a text in another order than it has.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def difference_of_files(file: str, old: bytes | None, new: bytes) -> tuple[str, ...]:
    """Return a unified diff in git's form; one line where a file is no text. old: None for a new file."""
    if b"\0" in (old or b"") + new:
        return (f"{file}: no text: {len(old or b'')} bytes before, {len(new)} after",)
    before, after = ((data or b"").decode("utf-8", "replace").removeprefix("\ufeff") for data in (old, new))
    return unified(before, after, "/dev/null" if old is None else f"a/{file}", f"b/{file}")


def unified(old: str, new: str, old_name: str = "as built", new_name: str = "on Kaggle") -> tuple[str, ...]:
    """Return a unified diff, line by line, without line ends; lines that differ in their ends alone are the same."""
    texts = (text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") for text in (old, new))
    before, after = (text.split("\n") if text else [] for text in texts)
    return tuple(difflib.unified_diff(before, after, old_name, new_name, lineterm=""))


def visible(text: str) -> str:
    """Return a text in which nothing acts on the terminal that shows it."""
    return _UNSEEN.sub(lambda sign: sign[0].encode("unicode_escape").decode("ascii"), text)
