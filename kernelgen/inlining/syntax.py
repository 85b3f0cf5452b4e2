"""Parsing at the Python version of the image."""

import ast
import re
import sys
import warnings
from functools import lru_cache

from kernelgen.errors import KernelgenError
from kernelgen.kaggle_image import kaggle_image

# The Python of Kaggle's image, unless the caller knows better.
IMAGE_PYTHON = kaggle_image().python

# Told apart from plain mistakes by their look, because an older parser than theirs can't name them.
_NEWER = (
    ((3, 14), re.compile(r"""(?<![\w"'])([tT][rR]?|[rR][tT])(?=["'])""")),
    ((3, 14), re.compile(r"^\s*except\*?\s+[\w.]+\s*,[^:]*:")),
    ((3, 13), re.compile(r"^\s*(?:async\s+def|def|class|type)\s+\w+\s*\[[^\]]*=[^\]]*\]")),
    ((3, 12), re.compile(r"^\s*(?:(?:async\s+def|def|class)\s+\w+\s*\[|type\s+\w+\s*(?:\[.*\])?\s*=)")),
)


def tree_of(source: bytes | str, python: tuple[int, int] = IMAGE_PYTHON) -> ast.Module:
    """The syntax tree of a source, the same object for all who ask; nobody may change it.

    Raises what `ast.parse` raises.
    """
    return _tree_of(source, python)


@lru_cache(maxsize=4096)
def _tree_of(source: bytes | str, python: tuple[int, int]) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, feature_version=python)


def parse(
    source: bytes | str,
    where: str,
    *,
    python: tuple[int, int] = IMAGE_PYTHON,
    is_cell: bool = False,
) -> ast.Module:
    """The syntax tree of a file's bytes, or of a notebook's cell, which may await outside of functions.

    Raises KernelgenError with file and line where Python `python` could not compile it.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if is_cell else 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = tree_of(source, python)
            # Mistakes such as `return` outside a function only show up when the tree is compiled.
            compile(tree, where, "exec", flags=flags, dont_inherit=True)
            return tree
        except SyntaxError as error:
            raise KernelgenError(f"{where}:{error.lineno or 1}: {_explain(source, error, python)}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            reason = str(error) if isinstance(error, ValueError) else "is nested too deeply to be read"
            raise KernelgenError(f"{where}:1: {reason}; it is no Python source") from None


def _explain(source: bytes | str, error: SyntaxError, python: tuple[int, int]) -> str:
    image = f"{python[0]}.{python[1]}"
    newer = f"newer than Kaggle's image (Python {image})"
    way_out = f"write it in the syntax of Python {image}"
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        pass
    else:
        if "feature" in error.msg or "only supported in" in error.msg:
            return f"syntax {newer}: {error.msg}; {way_out}"
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    lines = text.splitlines()
    line = lines[error.lineno - 1] if error.lineno and error.lineno <= len(lines) else ""
    for version, look in _NEWER:
        if look.search(line):
            if version > python:
                return f"syntax {newer}: {error.msg}; {way_out}"
            if sys.version_info < version:
                own = f"{sys.version_info[0]}.{sys.version_info[1]}"
                return (
                    f"syntax newer than Python {own}, which builds and runs kernels here: {error.msg}; "
                    f"write it in the syntax of Python {own}, or build with Python {image}"
                )
    reader = ""
    if sys.version_info[:2] < python:
        reader = f" (as Python {sys.version_info[0]}.{sys.version_info[1]} reads it)"
    return f"is not valid Python {image}{reader}: {error.msg}; correct the syntax"
