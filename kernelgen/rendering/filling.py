"""The text that a live form becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.rendering.literals import literal
from kernelgen.rendering.live_forms import LiveForm

_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def filled(form: LiveForm, context: Mapping[str, Any], *, line: str = "", is_flat: bool = False) -> str:
    """The text of ``form``, which stays in the place of the form whatever the value is.

    Args:
        line: what stands before the form on its line; long literals in code are broken to align with it.
        is_flat: whether the text must have one line.

    Raises:
        KernelgenError: with file and line, where there is no value, or none that can stand there.
    """
    value = _value(form, context)
    if form.is_literal:
        is_flat = is_flat or form.place != "code"
        width = {"width": 10**9} if is_flat else {"column": len(line), "indent": len(line) - len(line.lstrip())}
        try:
            return literal(value, **width)
        except ValueError as error:
            raise KernelgenError(f"{form.where}: {form.text}: {error}; correct it") from None
    text = str(value)
    if form.place == "prose":
        return re.sub(r"\s*[\r\n]\s*", " ", text) if is_flat else text
    if form.place == "comment":
        sign = " " if is_flat else "\n" + line[: len(line) - len(line.lstrip())] + "# "
        return sign.join(_escaped(part) for part in text.split("\n"))
    if form.place == "magic" and text != _escaped(text):
        raise KernelgenError(f"{form.where}: {form.text} is no plain text of one line, as a magic needs; correct it")
    if form.place == "code" and isinstance(value, str) and not _DOTTED_NAME.fullmatch(value):
        raise KernelgenError(
            f"{form.where}: {form.text} is no name in Python; write {{{{ {form.text} | literal }}}} for its value"
        )
    return text


def _value(form: LiveForm, context: Mapping[str, Any]) -> Any:
    value: Any = context
    for name in form.path:
        if not isinstance(value, Mapping) or name not in value:
            raise KernelgenError(
                f"{form.where}: {form.text} has no value: there is no {name}; correct the name, or give it a value in "
                "kernels.toml"
            )
        value = value[name]
    return value


def _escaped(text: str) -> str:
    """``text`` with an escape for all that Python, IPython or an editor may take for the end of a line."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
