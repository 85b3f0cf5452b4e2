"""Paths of mounted sources written into code, where only the declared sources may lead there."""

from __future__ import annotations

import ast
import re

# In a kernel's working folder `../input` is the same place.
_MOUNT = re.compile(r"(?:^|[^\w.-])/*kaggle/+input(?![\w-])|^(?:\./)*\.\./+input(?:/|$)")
WAY_OUT = "declare the source in kernels.toml and use {{ sources.NAME | literal }}"


def mount_lines(tree: ast.Module) -> list[int]:
    """The lines on which a string that is no docstring names /kaggle/input."""
    # A string that is a statement of its own documents something: a module, a function, an attribute.
    nodes = list(ast.walk(tree))
    documentation = {node.value for node in nodes if isinstance(node, ast.Expr)}
    lines = set()
    for node in nodes:
        if isinstance(node, ast.Constant) and node not in documentation:
            value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            if isinstance(value, str) and names_mount(value):
                lines.add(node.lineno)
        elif isinstance(node, ast.BinOp | ast.Call | ast.JoinedStr) and names_mount(_joined(node)):
            lines.add(node.lineno)
    return sorted(lines)


def names_mount(text: str) -> bool:
    """Whether a string leads to the mounted sources."""
    return bool(_MOUNT.search(text))


def _joined(node: ast.AST) -> str:
    """The path that constant parts make: "/kaggle" + "/input", Path("/kaggle") / "input", join(…)."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_joined(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
        between = "/" if isinstance(node.op, ast.Div) else ""
        return _joined(node.left) + between + _joined(node.right)
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
        if name in ("Path", "PurePath", "PosixPath", "PurePosixPath", "join", "joinpath"):
            parts = [node.func.value] if name == "joinpath" and isinstance(node.func, ast.Attribute) else []
            return "/".join(_joined(part) for part in [*parts, *node.args])
    return ""
