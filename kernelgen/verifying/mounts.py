"""Paths of mounted sources written into code, where only the declared sources may lead there."""

from __future__ import annotations

import ast
import re

from kernelgen.inlining.source import ParsedSource

# In a kernel's working folder `../input` is the same place.
_MOUNT = re.compile(r"(?:^|[^\w.-])/*kaggle/+input(?![\w-])|^(?:\./)*\.\./+input(?:/|$)")
# The same in pieces: Path("/kaggle") / "input", join("/", "kaggle", "input"), "/kaggle" + "/input".
_IN_PIECES = re.compile(r"/\0?/*kaggle/*\0/*input(?![^/\0])")


def mount_problems(source: ParsedSource) -> list[str]:
    """A line for each string that is no docstring, and each of IPython's own lines, that names /kaggle/input."""
    strings = []
    for node, parent in source.parents.items():
        # A string that is a statement of its own documents something: a module, a function, an attribute.
        if isinstance(node, ast.Constant) and not isinstance(parent, ast.Expr):
            value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            if isinstance(value, str):
                strings.append((node.lineno, value))
    lines = {line for line, text in [*strings, *source.magics] if _MOUNT.search(text)}
    joined = "\0".join(text.replace("\0", " ") for _, text in strings)
    lines |= {strings[joined.count("\0", 0, match.end())][0] for match in _IN_PIECES.finditer(joined)}
    return [
        f"{source.where(line)}: writes the path of a mounted source; declare the source in kernels.toml and use "
        "{{ sources.NAME | literal }}"
        for line in sorted(lines)
    ]
