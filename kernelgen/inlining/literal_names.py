"""Names of modules that stand literally in a source: as a string, joined from strings, or in a table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
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


def _joined(parts: Iterable[ast.expr], source: ParsedSource, depth: int) -> list[str]:
    return ["".join(choice) for choice in product(*(texts(part, source, depth) for part in parts))]


def _texts_of_name(name: ast.Name, source: ParsedSource, depth: int) -> list[str]:
    """What a name is assigned, or the elements of the table that a loop takes it from.

    A parameter can be anything, unless its function asks `name in TABLE`, as packages do that load modules lazily.
    """
    for child, parent in source.around(name):
        if isinstance(parent, ast.If) and child in parent.body and (tables := _asked([parent.test], name.id, ast.In)):
            break  # this branch knows the one table alone
        if isinstance(parent, FUNCTIONS) and name.id in {getattr(part, "arg", "") for part in ast.walk(parent.args)}:
            tables = _asked(ast.walk(parent), name.id, (ast.In, ast.NotIn))
            break
    else:
        loops = [node for node in source.parents if isinstance(node, (ast.For, ast.comprehension))]
        tables = [loop.iter for loop in loops if _is_name(loop.target, name.id)]
        values = [text for value in _assigned(name.id, source) for text in texts(value, source, depth)]
        return [*values, *(text for table in tables for text in _elements(table, source, depth))]
    return [text for table in tables for text in _elements(table, source, depth)]


def _elements(table: ast.expr, source: ParsedSource, depth: int, *, of_keys: bool = True) -> list[str]:
    """What the elements of a list, tuple or set can be, or the keys (or the values) of a dict."""
    match table:
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
            parts = table.elts if not isinstance(table, ast.Dict) else table.keys if of_keys else table.values
            return [text for part in parts for text in texts(part, source, depth)] or [OPEN]
        case ast.Call(func=ast.Attribute(attr="keys" | "values" as attribute, value=value)):
            return _elements(value, source, depth, of_keys=attribute == "keys")
        case ast.Name(id=name) if depth and not re.search(_CHANGES.format(name), source.text):
            tables = _assigned(name, source)
            return [text for one in tables for text in _elements(one, source, depth - 1, of_keys=of_keys)] or [OPEN]
    return [OPEN]


def _asked(nodes: Iterable[ast.AST], name: str, operators: type | tuple[type, ...]) -> list[ast.expr]:
    """The tables of `name in TABLE`."""
    comparisons = [node for node in nodes if isinstance(node, ast.Compare) and isinstance(node.ops[0], operators)]
    return [node.comparators[0] for node in comparisons if _is_name(node.left, name)]


def _assigned(name: str, source: ParsedSource) -> list[ast.expr]:
    return [
        node.value
        for node in source.parents
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and node.value
        and any(_is_name(target, name) for target in getattr(node, "targets", [getattr(node, "target", node)]))
    ]


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
