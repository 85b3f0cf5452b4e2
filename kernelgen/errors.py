"""The one error that the generator shows to its user, and what its text can suggest."""

import difflib
from collections.abc import Iterable


class KernelgenError(Exception):
    """A user's mistake or a state that stops the work.

    Its text is what the user reads: where it is, what is wrong and what to do, in one line.
    """


def near(name: str, known: Iterable[str]) -> str:
    """A hint that starts with a space: the known names nearest to ``name``, or all if they are few."""
    known = sorted(set(known))
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f" (did you mean {', '.join(close)}?)"
    if known and len(known) <= 12:
        return f" (there is {', '.join(known)})"
    return ""


def in_line(text: str) -> str:
    """``text`` as a message can hold it: as it is, or quoted where a character of it would break the line."""
    return text if text.isprintable() else repr(text)
