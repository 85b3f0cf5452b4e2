"""Settings of a recipe: what may replace what, and `--set key=value`."""

from __future__ import annotations

import tomllib
from typing import Any

from kernelgen.errors import KernelgenError, in_line
from kernelgen.recipe.schema import SETTING_NAME, setting_problem

_NAMES = {bool: "bool", int: "int", float: "float", str: "string", list: "list", dict: "table"}


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
        raise ValueError(f"{_named(new)} cannot replace {_named(old)}")
    return new


def split_override(text: str) -> tuple[str, str]:
    """``key=value`` as given to ``--set``, value still as text."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not SETTING_NAME.fullmatch(key):
        raise KernelgenError(f"--set {in_line(text)}: not of the form key=value; write for example --set epochs=3")
    return key, value


def override_value(key: str, text: str, declared: Any) -> Any:
    """The value of ``--set key=text`` in the place of ``declared``.

    The text is read as a TOML value; where a string was declared, anything else is taken as it is
    written, so that quotes may be left out.
    """
    try:
        document = tomllib.loads(f"value = {text}")
        is_read = set(document) == {"value"}
    except tomllib.TOMLDecodeError:
        is_read = False
    value = document["value"] if is_read else text
    if isinstance(declared, str) and not isinstance(value, str):
        value = text
    if wrong := setting_problem(value):
        raise KernelgenError(f"--set {in_line(f'{key}={text}')}: {wrong}")
    try:
        return replaced(declared, value)
    except ValueError as error:
        reading = "" if is_read else " (read as a bare string: not a TOML value)"
        raise KernelgenError(
            f"--set {in_line(f'{key}={text}')}: {error}{reading}; give a value of the same type"
        ) from None


def _kind(item: Any) -> str:
    return "numbers" if type(item) in (int, float) else f"{_NAMES[type(item)]}s"


def _named(value: Any) -> str:
    name, text = _NAMES[type(value)], repr(value)
    return f"{'an' if name == 'int' else 'a'} {name} {text if len(text) <= 40 else text[:37] + '...'}"
