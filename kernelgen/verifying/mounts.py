"""Paths of mounted sources written into code, where only the declared sources may lead there."""

from __future__ import annotations

import ast
import re

from kernelgen.inlining.scopes import Scopes

# In a kernel's working folder `../input` is the same place.
_MOUNT = re.compile(r"(?:^|[^\w.-])/*kaggle/+input(?![\w-])|^(?:\./)*\.\./+input(?:/|$)")
WAY_OUT = "declare the source in kernels.toml and use {{ sources.NAME | literal }}"


def mount_lines(scopes: Scopes) -> list[int]:
    """The lines on which a string that is no docstring names /kaggle/input."""
    # A string that is a statement of its own documents something: a module, a function, an attribute.
    documentation = {id(node.value) for node in scopes.of_types(ast.Expr)}
    lines = set()
    for node in scopes.of_types(ast.Constant):
        if id(node) not in documentation:
            value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            if isinstance(value, str) and names_mount(value):
                lines.add(node.lineno)
    for node in scopes.of_types(ast.BinOp, ast.Call, ast.JoinedStr):
        if names_mount(_joined(node)):
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
