"""The values that reading a source can tell: plain Python objects, paths, collections, and what is not known.

What an expression may be is a tuple of such values. A path that the code makes from `__file__` begins with `MARK`, so
that data files read beside a module can be told from all others.
"""

import ast
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kernelgen.inlining.source import Source

# Goes before every path that is made from `__file__`. No real path can start like that.
MARK = "/\0"
LIMIT = 400


@dataclass(frozen=True)
class Unknown:
    """A value that reading cannot tell; of a string or path perhaps its beginning."""

    prefix: str = ""


@dataclass(frozen=True)
class External:
    """Something of another package, or a builtin ("builtins.open"), by its full name."""

    name: str


@dataclass(frozen=True)
class LibraryModule:
    """A module object of the library."""

    name: str


@dataclass(frozen=True)
class Spec:
    """A module's `__spec__`."""

    name: str


@dataclass(frozen=True, eq=False)
class Items:
    """A list, tuple or set, or what can be iterated: for each element what it may be."""

    elements: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, eq=False)
class Table:
    """A dict: for each entry what key and value may be."""

    entries: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the library or of a cell."""

    node: ast.AST
    source: Source


@dataclass(frozen=True, eq=False)
class Method:
    """`value.name`, waiting to be called."""

    value: Any
    name: str


Values = tuple[Any, ...]
UNKNOWN: Values = (Unknown(),)


def text_of(value: Any) -> str | None:
    """A string or path as text; of an unknown one what its beginning is, if that is known; else None."""
    if isinstance(value, str):
        return value
    if isinstance(value, PurePosixPath):
        return str(value)
    if isinstance(value, Unknown) and value.prefix:
        return value.prefix
    return None


def is_beside(value: Any) -> bool:
    """Whether a value is a path (or the beginning of one) that was made from `__file__`."""
    text = text_of(value)
    return text is not None and text.startswith(MARK)


def real_path(value: Any) -> Path:
    """The path on this machine that a path made from `__file__` stands for."""
    return Path(posixpath.normpath((text_of(value) or MARK)[len(MARK) :] or "/"))


def plain(value: Any) -> Any:
    """Results of Python's own functions, as values."""
    if isinstance(value, (list, tuple)):
        return Items(tuple((plain(one),) for one in value))
    return value


def merge(groups: Iterable[Values]) -> Values:
    """All values of some groups, each once; too many of them are as good as unknown."""
    found: list[Any] = []
    keys = set()
    for group in groups:
        for value in group:
            key = (type(value), value) if not isinstance(value, (Items, Table, Function, Method)) else id(value)
            if key not in keys:
                keys.add(key)
                found.append(value)
    return tuple(found) if len(found) <= LIMIT else UNKNOWN
