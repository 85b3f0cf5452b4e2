"""Names of modules that stand literally in a source: as a string, joined from strings, or in a table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from itertools import product

from kernelgen.inlining.source import FUNCTIONS, ParsedSource

# Stands for each part of a text that is no literal: f"pk.models.{name}" gives "pk.models." and this sign.
OPEN = "\0"
_DEEPEST = 5  # names of names of names
_CHANGES = r"\b{}(\.(append|extend|insert|add|update|setdefault)\(|\s*\+=|\[[^]]*\]\s*=[^=])"


def texts(node: ast.AST | None, source: ParsedSource, depth: int = _DEEPEST) -> list[str]:
    """What an expression can be: one text of a literal, many of an element of a literal table."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id="__name__"):
            return [source.name]
        case ast.Name(id="__package__"):
            return [source.package or ""]
        case ast.FormattedValue(value=value, format_spec=None):
            return texts(value, source, depth)
        case ast.JoinedStr(values=parts):
            return _joined(parts, source, depth)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _joined([left, right], source, depth)
        case ast.IfExp(body=body, orelse=other):
            return [*texts(body, source, depth), *texts(other, source, depth)]
        case ast.Subscript(value=table) | ast.Call(func=ast.Attribute(attr="get", value=table)):
            return _elements(table, source, depth, of_keys=False)
        case ast.Name() if depth:
            return _texts_of_name(node, source, depth - 1) or [OPEN]
    return [OPEN]


def absolute(names: Iterable[str], packages: Iterable[str]) -> Iterator[str]:
    """The full names of modules, of which relative ones start from one of the packages."""
    for name, package in product(names, packages):
        try:
            yield resolve_name(name, package)
        except ImportError:
            yield OPEN


def _joined(parts: Iterable[ast.expr], source: ParsedSource, depth: int) -> list[str]:
    return ["".join(choice) for choice in product(*(texts(part, source, depth) for part in parts))]


def _texts_of_name(name: ast.Name, source: ParsedSource, depth: int) -> list[str]:
    """What a name is assigned, or the elements of the table that a loop takes it from.

    A parameter can be anything, unless its function asks `name in TABLE`, as packages do that load modules lazily.
    """
    around = [parent for _, parent in source.around(name) if isinstance(parent, FUNCTIONS)]
    takes = [one for one in around if name.id in {each.arg for each in ast.walk(one.args) if isinstance(each, ast.arg)}]
    found: list[str] = []
    # The branch of `if name in TABLE:` knows that table alone.
    branches = [
        parent.test for child, parent in source.around(name) if isinstance(parent, ast.If) and child in parent.body
    ]
    scope = next((test for test in branches if _asks(test, name.id)), takes[0] if takes else None)
    for node in ast.walk(scope) if takes and scope else source.parents:
        if takes and isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            if _is_name(node.left, name.id):
                found += _elements(node.comparators[0], source, depth)
        elif not takes and isinstance(node, (ast.For, ast.comprehension)) and _is_name(node.target, name.id):
            found += _elements(node.iter, source, depth)
        elif not takes and isinstance(node, ast.Assign) and any(_is_name(one, name.id) for one in node.targets):
            found += texts(node.value, source, depth)
    return found


def _elements(table: ast.expr, source: ParsedSource, depth: int, *, of_keys: bool = True) -> list[str]:
    """What the elements of a list, tuple or set can be, or the keys (or the values) of a dict."""
    match table:
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
            parts = table.elts if not isinstance(table, ast.Dict) else table.keys if of_keys else table.values
            return [text for part in parts for text in texts(part, source, depth)] or [OPEN]
        case ast.Call(func=ast.Attribute(attr="keys" | "values" as attribute, value=value)):
            return _elements(value, source, depth, of_keys=attribute == "keys")
        case ast.Name(id=name) if depth and not re.search(_CHANGES.format(name), source.text):
            assigned = [node for node in source.parents if isinstance(node, ast.Assign)]
            values = [node.value for node in assigned if any(_is_name(one, name) for one in node.targets)]
            return [text for one in values for text in _elements(one, source, depth - 1, of_keys=of_keys)] or [OPEN]
    return [OPEN]


def _asks(test: ast.expr, name: str) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In) and _is_name(test.left, name)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
