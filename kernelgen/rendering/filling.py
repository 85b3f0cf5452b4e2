"""The text that a live form becomes."""

from __future__ import annotations

import re
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.rendering.jinja import Literal
from kernelgen.rendering.literals import literal
from kernelgen.rendering.live_forms import LiveForm

_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def filled(form: LiveForm, value: Any, *, line: str = "", is_flat: bool = False) -> str:
    """The text of ``value``, which stays in the place of ``form`` whatever it is.

    Args:
        line: what stands before the form on its line; long literals in code are broken to align with it.
        is_flat: whether the text must have one line.

    Raises:
        KernelgenError: with file and line, for a value that cannot stand there.
    """
    indent = line[: len(line) - len(line.lstrip())]
    try:
        if isinstance(value, Literal):
            is_broken = form.place == "live" and not is_flat
            return literal(value.value, column=len(line), indent=len(indent)) if is_broken else str(value)
        if not isinstance(value, str):
            literal(value)  # refuses what is nothing to read either: a generator, a method
    except ValueError as error:
        raise KernelgenError(f"{form.where}: {error} in {form.text}; correct it") from None
    text = str(value)
    if form.place == "prose":
        return re.sub(r"\s*[\r\n]\s*", " ", text) if is_flat else text
    if form.place == "comment":
        return (" " if is_flat else f"\n{indent}# ").join(map(_escaped, text.split("\n")))
    if form.place == "magic" and text != _escaped(text):
        raise KernelgenError(f"{form.where}: {form.text} is no plain text of one line, as a magic needs; correct it")
    if form.place == "live" and isinstance(value, str) and not _DOTTED_NAME.fullmatch(value):
        raise KernelgenError(
            f"{form.where}: {form.text} is no name in Python; "
            f"write {{{{ {form.text[2:-2].strip()} | literal }}}} for its value"
        )
    return text


def _escaped(text: str) -> str:
    """``text`` with an escape for all that Python, IPython or an editor may take for the end of a line."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
