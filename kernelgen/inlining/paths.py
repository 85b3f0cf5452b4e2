"""Paths that code joins, as far as they stand there literally."""

from __future__ import annotations

import ast

# Stands for each part of a path that is no literal.
UNREAD = "\0"
_JOINING = frozenset("Path PurePath PosixPath PurePosixPath join".split())


def called(node: ast.AST) -> str:
    """The last name of what a call calls: join in `os.path.join(…)`; "" for what is no call."""
    function = node.func if isinstance(node, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def parts_of(node: ast.AST) -> list[ast.expr]:
    """The parts that an expression joins to a path or text; [] if it joins none."""
    match node:
        case ast.BinOp(op=ast.Div() | ast.Add()):
            return [node.left, node.right]
        case ast.JoinedStr():
            return [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        case ast.Call(func=ast.Attribute(attr="joinpath" | "with_name", value=value)):
            return [value, *node.args]
        case ast.Call() if called(node) in _JOINING:
            return node.args
    return []


def text_of(node: ast.AST) -> str:
    """The path that an expression joins, "pk/x.csv" of `Path("pk") / "x.csv"`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    is_text = isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "op", None), ast.Add)
    parts = parts_of(node)
    return ("" if is_text else "/").join(map(text_of, parts)) if parts else UNREAD


def is_part(node: ast.AST, parent: ast.AST) -> bool:
    """Whether an expression is a part of a longer path."""
    return any(part is node for part in parts_of(parent))
