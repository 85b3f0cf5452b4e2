"""IPython's own lines in a cell, taken out for whoever reads Python."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernelgen.rendering.scanning import spans

_ASSIGNED = re.compile(r"\s*([\w., \[\]'\"]+?)\s*=\s*[%!]")
_CAPTURE = re.compile(r"%%capture\s+(?:-\S+\s+)*([A-Za-z_]\w*)")
# Magics that may bring in names which cannot be known.
_INJECTS = re.compile(r"\s*%{1,2}(?:run|pylab|store|load|load_ext|reload_ext|macro|script|bash|sh)\b")


@dataclass(frozen=True)
class CellCode:
    """What Python there is in a code cell. python: the cell's lines with the magics commented out.

    binds: names that its magics assign. injects: whether a magic may bring in names that cannot be known.
    """

    python: str
    binds: frozenset[str]
    injects: bool


def cell_code(source: str) -> CellCode:
    """Reads a code cell: a line of a magic becomes a comment, or an assignment of None to what it assigns to."""
    lines = source.split("\n")
    binds: set[str] = set()
    injects = False
    for span in spans(source):
        if span.kind != "magic":
            continue
        first, *rest = range(source.count("\n", 0, span.start), source.count("\n", 0, span.end) + 1)
        line = lines[first]
        indent = line[: len(line) - len(line.lstrip())]
        injects = injects or bool(_INJECTS.match(line))
        if match := _CAPTURE.match(line):
            binds.add(match[1])
            lines[first] = f"# {line}"
        elif match := _ASSIGNED.match(line):
            binds.update(re.findall(r"[A-Za-z_]\w*", match[1]))
            lines[first] = f"{indent}{match[1]} = None  # {line.lstrip()}"
        else:
            lines[first] = f"{indent}pass  # {line.lstrip()}" if indent else f"# {line}"
        for number in rest:
            lines[number] = f"# {lines[number]}"
    return CellCode("\n".join(lines), frozenset(binds), injects)
