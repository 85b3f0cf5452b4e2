"""Conditions on the Python version and the operating system, which are known when a notebook is built."""

import ast
import operator
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


class _Version(NamedTuple):
    major: int
    minor: int
    micro: int = 0
    releaselevel: str = "final"
    serial: int = 0


class _NotKnown(Exception):
    pass


def platform_truth(test: ast.AST, image: tuple[int, int], name_of: Callable[[ast.AST], str | None]) -> bool | None:
    """Whether a condition holds on Linux, under the image's Python and under this one, where kernels are tried.

    name_of: the full name of what a name or attribute stands for, "sys.platform". None: it asks for something else,
    or the two Pythons differ.
    """
    try:
        answers = {bool(_value(test, _Version(*python), name_of)) for python in (image, sys.version_info[:2])}
    except (_NotKnown, TypeError, ValueError, LookupError, AttributeError):
        return None
    return answers.pop() if len(answers) == 1 else None


def _value(node: ast.AST, version: _Version, name_of: Callable[[ast.AST], str | None]) -> Any:
    def value(part: ast.AST | None) -> Any:
        return None if part is None else _value(part, version, name_of)

    match node:
        case ast.Constant():
            return node.value
        case ast.Tuple() | ast.List() | ast.Set():
            return tuple(value(element) for element in node.elts)
        case ast.Compare(ops=[one], comparators=[right]) if type(one) in _OPERATORS:
            return _OPERATORS[type(one)](value(node.left), value(right))
        case ast.Subscript():
            return value(node.value)[value(node.slice)]
        case ast.Slice():
            return slice(value(node.lower), value(node.upper), value(node.step))
        case ast.Call(func=ast.Attribute(attr="startswith"), args=[prefix]):
            return value(node.func.value).startswith(value(prefix))
        case ast.Call(func=function, args=[]) if name_of(function) == "platform.system":
            return "Linux"
        case ast.Name() | ast.Attribute():
            known = {"sys.version_info": version, "sys.platform": "linux", "os.name": "posix"}
            name = name_of(node)
            if name in known:
                return known[name]
            if isinstance(node, ast.Attribute) and node.attr in _Version._fields:
                return getattr(value(node.value), node.attr)
    raise _NotKnown
