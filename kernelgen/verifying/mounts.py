"""Paths of mounted sources written into code, where only the declared sources may lead there."""

from __future__ import annotations

import ast
import re
from itertools import pairwise

from kernelgen.inlining.source import ParsedSource

# In a kernel's working folder `../input` is the same place.
_MOUNT = re.compile(r"(?:^|[^\w.-])/*kaggle/+input(?![\w-])|^(?:\./)*\.\./+input(?:/|$)")
# The same in two strings: Path("/kaggle") / "input", join("/kaggle", "input"), "/kaggle" + "/input".
_IN_PIECES = re.compile(r"/+kaggle/*\n/*input(?:/|$)")


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
    lines |= {line for (line, text), (_, next_text) in pairwise(strings) if _IN_PIECES.match(f"{text}\n{next_text}")}
    return [
        f"{source.where(line)}: writes the path of a mounted source; declare the source in kernels.toml and use "
        "{{ sources.NAME | literal }}"
        for line in sorted(lines)
    ]
