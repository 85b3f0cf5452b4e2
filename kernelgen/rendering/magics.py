"""IPython's own lines in a cell: brought back from comments, and taken out for whoever reads Python."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from kernelgen.rendering.lexing import PYTHON_CELL_MAGICS, scan

# jupytext writes magics as comments so that a script stays valid Python. It would take `# %d is a format`
# or `# more of it` for magics too; only what IPython really has is brought back here.
LINE_MAGICS = frozenset(
    "autoreload cd conda config debug env history load_ext ls matplotlib mkdir notebook pdb pip precision "
    "prun psearch pwd pylab reload_ext reset reset_selective run set_env sx system tensorboard time timeit "
    "uv who whos xmode".split()
)
CELL_MAGICS = PYTHON_CELL_MAGICS | frozenset(
    "bash html javascript js latex markdown script sh svg sx system writefile".split()
)
_COMMENTED = re.compile(r"# ?(%{1,2})([A-Za-z_]\w*)(?:\s|$)")
_COMMENTED_SHELL = re.compile(r"# !{1,2}[A-Za-z./~$][\w./~$-]*(?:\s|$)")
_ASSIGNED = re.compile(r"(\s*)([A-Za-z_]\w*)\s*=\s*[%!]")
_CAPTURE = re.compile(r"\s*%%capture\s+(?:-\S+\s+)*([A-Za-z_]\w*)")


@dataclass(frozen=True)
class CellCode:
    """One code cell. source: as IPython gets it. python: the same lines with the magics commented out.

    binds: names that its magics assign. injects: whether a magic may bring in names that cannot be known.
    """

    source: str
    python: str
    binds: frozenset[str]
    injects: bool


@lru_cache(maxsize=1024)
def cell_code(text: str, *, uncomment: bool) -> CellCode:
    """The two readings of a code cell; with ``uncomment``, commented magics at its head become magics."""
    lines = text.split("\n")
    if uncomment:
        lines = _uncommented(lines)
    source = "\n".join(lines)
    magic_lines = _magic_lines(source)
    python, binds, injects = list(lines), set(), False
    for number in sorted(magic_lines):
        line = lines[number]
        indent = line[: len(line) - len(line.lstrip())]
        python[number] = f"{indent}pass  # {line.lstrip()}" if indent else f"# {line}"
        if match := _CAPTURE.match(line):
            binds.add(match[1])
        elif match := _ASSIGNED.match(line):
            binds.add(match[2])
            python[number] = f"{match[1]}{match[2]} = None  # {line.lstrip()}"
        if re.match(r"\s*%{1,2}(run|pylab|store|load|load_ext|reload_ext|macro|script|bash|sh)\b", line):
            injects = True
    return CellCode(source, "\n".join(python), frozenset(binds), injects)


def _magic_lines(source: str) -> set[int]:
    numbers = set()
    for span in scan(source).spans:
        if span.kind == "magic":
            numbers.add(source.count("\n", 0, span.start))
    return numbers


def _uncommented(lines: list[str]) -> list[str]:
    """Brings back the magics at a cell's head: below its first statement, a comment is a comment."""
    lines = list(lines)
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    for number in range(first, len(lines)):
        line = lines[number]
        if line.strip() and not line.startswith("#"):
            break
        match = _COMMENTED.match(line)
        if match and match[1] == "%%":
            if number != first or match[2] not in CELL_MAGICS:
                continue
            body = [line for line in lines[number + 1 :] if line.strip()]
            if match[2] not in PYTHON_CELL_MAGICS and all(line.startswith("#") for line in body):
                return lines[:number] + [re.sub(r"^# ?", "", line) for line in lines[number:]]
            lines[number] = line.removeprefix("#").lstrip()
        elif match and match[2] in LINE_MAGICS or _COMMENTED_SHELL.match(line):
            lines[number] = line.removeprefix("#").lstrip()
    return lines
