"""Differences as a person reads them."""

from __future__ import annotations

import difflib
import re

from kernelgen.pulling.cells import with_newlines
from kernelgen.pulling.merging import as_text

# What would act on a terminal, or show a text in another order than it has.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def diff_of_files(file: str, old: bytes | None, new: bytes) -> tuple[str, ...]:
    """A unified diff that `git apply` takes, line ends aside; one line where a file is no text.

    old: None where there was no such file.
    """
    old_text, new_text = as_text(old or b""), as_text(new)
    if old_text is None or new_text is None:
        return (f"(no text: {len(old or b'')} bytes before, {len(new)} after)",)
    before, after = with_newlines(old_text), with_newlines(new_text)
    if before == after:
        if old is None:
            return ("(an empty file)",)
        return ("(the same lines: a byte order mark or line ends differ)",)
    return unified(before, after, "/dev/null" if old is None else f"a/{file}", f"b/{file}")


def unified(old: str, new: str, old_name: str, new_name: str) -> tuple[str, ...]:
    """A unified diff, line by line, without line ends."""
    lines: list[str] = []
    pairs = difflib.unified_diff(_lines(old), _lines(new), visible(old_name), visible(new_name))
    for line in pairs:
        lines.append(visible(line.removesuffix("\n")))
        if not line.endswith("\n"):
            lines.append("\\ No newline at end of file")
    return tuple(lines)


def visible(text: str) -> str:
    """A text in which nothing acts on the terminal that shows it."""
    return _UNSEEN.sub(lambda sign: sign[0].encode("unicode_escape").decode("ascii"), text)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
