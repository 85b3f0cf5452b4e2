"""Parsing at the Python version of the image."""

import ast
import sys
import warnings
from functools import lru_cache

from kernelgen.errors import KernelgenError
from kernelgen.kaggle_image import kaggle_image

IMAGE_PYTHON = kaggle_image().python


@lru_cache(maxsize=4096)
def tree_of(source: bytes | str, python: tuple[int, int] = IMAGE_PYTHON) -> ast.Module:
    """The syntax tree of a source, the same object for all who ask; nobody may change it.

    Raises what `ast.parse` raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, feature_version=python)


def parse(source: bytes | str, where: str) -> ast.Module:
    """The syntax tree of a file's bytes, or of the text of a notebook's cell, which may await outside of functions.

    Raises KernelgenError with file and line where the image's Python could not compile it.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if isinstance(source, str) else 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = tree_of(source, IMAGE_PYTHON)
            # Mistakes such as `return` outside a function only show up when the tree is compiled.
            compile(tree, where, "exec", flags=flags, dont_inherit=True)
            return tree
        except SyntaxError as error:
            # The Python that builds may know less than the image's.
            least = ".".join(map(str, min(IMAGE_PYTHON, sys.version_info[:2])))
            raise KernelgenError(
                f"{where}:{error.lineno or 1}: is not valid Python {least}: {error.msg}; write it in the syntax of "
                f"Python {least} (Kaggle's image has {'.'.join(map(str, IMAGE_PYTHON))})"
            ) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise KernelgenError(f"{where}:1: is no Python source: {error or 'it is nested too deeply'}") from None
