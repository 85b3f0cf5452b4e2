"""Whether a template's cells are Python that the image's Python can read."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable

from kernelgen.errors import KernelgenError
from kernelgen.inlining.source import Code
from kernelgen.inlining.syntax import tree_of
from kernelgen.kaggle_image import kaggle_image

_PROMPT = re.compile(r"(?:>>>|\.\.\.)(?: |$)|In \[\d+\]: |\s*\.{3,}: ?")


def parsed(text: str, line: int, where: str) -> ast.Module:
    """The tree of a cell's Python, which nobody may change; its first line is the template's line ``line``.

    Raises:
        KernelgenError: for what the image's Python cannot read.
    """
    try:
        return tree_of(text, kaggle_image().python)
    except SyntaxError as error:
        at = line + (error.lineno or 1) - 1
        version = ".".join(map(str, kaggle_image().python))
        own = sys.version_info[:2]
        reader = f" (as Python {own[0]}.{own[1]} reads it)" if own < kaggle_image().python else ""
        raise KernelgenError(f"{where}:{at}: not valid Python {version}{reader}: {error.msg}; correct it") from None
    except ValueError as error:
        raise KernelgenError(f"{where}:{line}: not valid Python: {error}; correct it") from None


def check_syntax(code: Iterable[Code]) -> None:
    """Raises KernelgenError with a line for each piece of code that cannot be read, or that IPython would change."""
    problems = []
    for piece in code:
        try:
            parsed(piece.text, piece.first_line, piece.where)
        except KernelgenError as error:
            problems.append(str(error))
            continue
        # IPython looks for a pasted session's prompts in the first two lines only; the first is Python by now.
        if any(map(_PROMPT.match, piece.text.splitlines()[1:2])):
            problems.append(
                f"{piece.where}:{piece.first_line + 1}: IPython takes the second line of this cell for a prompt's and "
                "would change the cell's strings; put a comment above it"
            )
    if problems:
        raise KernelgenError("\n".join(problems))
