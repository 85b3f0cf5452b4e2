"""Settings of a recipe: what may replace what, and `--set key=value`."""

from __future__ import annotations

import tomllib
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.recipe.schema import SETTING_NAME, setting_problem


class OtherType(Exception):
    """A value of another type than the one it would replace; its text says which."""


def replaced(old: Any, new: Any) -> Any:
    """``new`` in the place of ``old``, an int as float where a float stood.

    Raises:
        OtherType: a bool is never a number, a float never an int; lists are compared by the kinds of
            their elements, tables by the keys that they share.
    """
    if isinstance(old, float) and type(new) is int:
        return float(new)
    if isinstance(old, list) and isinstance(new, list):
        known = {_kind(item) for item in old}
        for item in new:
            if known and _kind(item) not in known:
                raise OtherType(f"a list of {' and '.join(sorted(known))} cannot hold {item!r}")
        return new
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: replaced(old[key], value) if key in old else value for key, value in new.items()}
    if type(old) is not type(new):
        raise OtherType(f"{type_name(new)} {_short(new)} cannot replace {type_name(old)} {_short(old)}")
    return new


def merged(base: dict[str, Any], own: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """``own`` over ``base``, and (key, what is wrong) for each value of another type."""
    result, problems = dict(base), []
    for key, value in own.items():
        try:
            result[key] = replaced(base[key], value) if key in base else value
        except OtherType as error:
            problems.append((key, str(error)))
            result[key] = base[key]
    return result, problems


def split_override(text: str) -> tuple[str, str]:
    """``key=value`` as given to ``--set``, value still as text."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not SETTING_NAME.fullmatch(key):
        raise KernelgenError(f"--set {text}: not of the form key=value; write for example --set epochs=3")
    return key, value


def override_value(key: str, text: str, declared: Any) -> Any:
    """The value of ``--set key=text`` in the place of ``declared``.

    The text is read as a TOML value; where a string was declared, anything else is taken as it is
    written, so that quotes may be left out.
    """
    try:
        document = tomllib.loads(f"value = {text}")
        value = document["value"] if set(document) == {"value"} else text
        unread = set(document) != {"value"}
    except tomllib.TOMLDecodeError:
        value, unread = text, True
    if isinstance(declared, str) and not isinstance(value, str):
        value = text
    problem = setting_problem(value)
    if problem:
        raise KernelgenError(f"--set {key}={text}: {problem}")
    try:
        return replaced(declared, value)
    except OtherType as error:
        reading = " (read as a bare string: not a TOML value)" if unread else ""
        raise KernelgenError(f"--set {key}={text}: {error}{reading}; give a value of the same type") from None


def type_name(value: Any) -> str:
    """The kind of a TOML value in words."""
    names: dict[type, str] = {
        bool: "a bool",
        int: "an int",
        float: "a float",
        str: "a string",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), f"a {type(value).__name__}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bools"
    if isinstance(value, int | float):
        return "numbers"
    names: dict[type, str] = {str: "strings", list: "lists", dict: "tables"}
    return names.get(type(value), type(value).__name__)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
