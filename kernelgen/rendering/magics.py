"""IPython's own lines in a cell, taken out for whoever reads Python."""

from __future__ import annotations

import re

from kernelgen.rendering.scanning import spans

_BINDS = re.compile(r"%%capture\s+(?:-\S+\s+)*([A-Za-z_]\w*)|\s*([\w., \[\]'\"]+?)\s*=\s*[%!]")
# Magics that may bring in names which cannot be known.
_INJECTS = re.compile(r"\s*%{1,2}(?:run|pylab|store|load|load_ext|reload_ext|macro|script|bash|sh)\b")


def cell_code(source: str) -> tuple[str, bool]:
    """A code cell's Python, and whether a magic may bring in names that cannot be known.

    A line of a magic becomes a comment, or an assignment of None to what it assigns to.
    """
    lines = source.split("\n")
    injects = False
    for span in spans(source):
        if span.kind == "magic":
            number = source.count("\n", 0, span.start)
            line, text = lines[number], lines[number].lstrip()
            indent = line[: len(line) - len(text)]
            for each in range(number, source.count("\n", 0, span.end) + 1):
                lines[each] = f"# {lines[each]}"
            injects = injects or bool(_INJECTS.match(line))
            if match := _BINDS.match(line):
                lines[number] = f"{indent}{match[1] or match[2]} = None  # {text}"
            elif indent:
                lines[number] = f"{indent}pass  # {text}"
    return "\n".join(lines), injects
