"""Settings of a recipe: what may replace what, and `--set key=value`."""

from __future__ import annotations

import re
import reprlib
import tomllib
from typing import Any

from kernelgen.errors import KernelgenError, in_line
from kernelgen.recipe.schema import SETTING_NAME, checked_setting


def replaced(old: Any, new: Any) -> Any:
    """``new`` in the place of ``old``, an int as float where a float stood.

    Raises:
        ValueError: a bool is never a number, a float never an int; lists are compared by the kinds of
            their elements, tables by the keys that they share.
    """
    if isinstance(old, float) and type(new) is int:
        return float(new)
    if isinstance(old, list) and isinstance(new, list):
        known = {_kind(item) for item in old}
        for item in new:
            if known and _kind(item) not in known:
                raise ValueError(f"a list of {' and '.join(sorted(known))} cannot hold {item!r}")
        return new
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: replaced(old[key], value) if key in old else value for key, value in new.items()}
    if type(old) is not type(new):
        wrong, right = (f"{type(value).__name__} {reprlib.repr(value)}" for value in (new, old))
        raise ValueError(f"{wrong} cannot replace {right}; give a value of the same type")
    return new


def _kind(item: Any) -> str:
    return "number" if type(item) in (int, float) else type(item).__name__


def split_override(text: str) -> tuple[str, str]:
    """``key=value`` as given to ``--set``, value still as text."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not re.fullmatch(SETTING_NAME, key):
        raise KernelgenError(f"--set {in_line(text)}: not of the form key=value; write for example --set epochs=3")
    return key, value


def override_value(key: str, text: str, declared: Any) -> Any:
    """The value of ``--set key=text`` in the place of ``declared``: TOML, or the text as it is, without quotes."""
    try:
        (value,) = tomllib.loads(f"value = {text}").values()
    except ValueError:  # no TOML, or, with a line end in it, a whole document
        value = text
    if isinstance(declared, str) and not isinstance(value, str):
        value = text
    try:
        return replaced(declared, checked_setting(value))
    except ValueError as error:
        raise KernelgenError(f"--set {in_line(f'{key}={text}')}: {error}") from None
