"""Whether a template's cells are Python that the image's Python can read."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable
from functools import lru_cache

from kernelgen.errors import KernelgenError
from kernelgen.rendering.cells import TemplateCell
from kernelgen.verifying.image import kaggle_image


@lru_cache(maxsize=1024)
def parsed(text: str, line: int, where: str) -> ast.Module:
    """The tree of a cell's Python, with the template's line numbers; ``await`` may stand outside functions.

    Nobody may change it.

    Raises:
        KernelgenError: for what the image's Python cannot read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(
                text, where, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
                dont_inherit=True, _feature_version=kaggle_image().python[1],
            )  # fmt: skip
    except SyntaxError as error:
        at = line + (error.lineno or 1) - 1
        version = ".".join(map(str, kaggle_image().python))
        raise KernelgenError(f"{where}:{at}: not valid Python {version}: {error.msg}; correct it") from None
    except ValueError as error:
        raise KernelgenError(f"{where}:{line}: not valid Python: {error}; correct it") from None
    ast.increment_lineno(tree, line - 1)
    return tree


def check_syntax(where: str, cells: Iterable[TemplateCell]) -> None:
    """Raises KernelgenError with a line for each code cell that cannot be read."""
    problems = []
    for cell in cells:
        if cell.kind == "code":
            try:
                parsed(cell.python, cell.line, where)
            except KernelgenError as error:
                problems.append(str(error))
    if problems:
        raise KernelgenError("\n".join(problems))
