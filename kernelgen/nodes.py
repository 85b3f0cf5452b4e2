"""Notebook cells as nbformat has them, and the text of a notebook's file."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from nbformat import NotebookNode, from_dict

# What tells cells apart: kind, id, source, and metadata as JSON.
Content = tuple[str, str, str, str]


def cell(kind: str, identity: str, source: str, metadata: Mapping[str, Any] | None = None) -> NotebookNode:
    """A cell of `kind` code, markdown or raw.

    nbformat's own functions validate each cell by itself, which takes longer than all the rest of building a
    notebook. The whole notebook is validated when it is built.
    """
    return from_dict(_fields(kind, identity, source, metadata or {}))


def content_of(cell: NotebookNode) -> Content:
    """All that a cell made by `cell` holds, as a key: kernels share most of their cells, those of the library."""
    metadata = cell["metadata"]
    return cell["cell_type"], cell["id"], cell["source"], json.dumps(metadata) if metadata else "{}"


def notebook_text(notebook: NotebookNode) -> str:
    """The file's text: what Kaggle's client makes of a notebook, so that Kaggle gets the very bytes of the file.

    That is JSON on one line with a cell's source in one string: a list of lines, as Jupyter saves it, is refused
    there. The notebook is one whose cells were made by `cell`.
    """
    # Said as json.dumps(notebook, sort_keys=True) says it, but each cell that notebooks share is said once.
    frame = json.dumps({**notebook, "cells": []}, sort_keys=True)
    cells = ", ".join(_cell_text(*content_of(cell)) for cell in notebook.cells)
    return frame.replace('"cells": []', f'"cells": [{cells}]', 1)


@lru_cache(maxsize=8192)
def _cell_text(kind: str, identity: str, source: str, metadata: str) -> str:
    return json.dumps(_fields(kind, identity, source, json.loads(metadata)), sort_keys=True)


def _fields(kind: str, identity: str, source: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    output = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": identity, "metadata": metadata, "source": source, **output}
