"""Notebook cells as nbformat has them, and the text of a notebook's file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode, from_dict


def cell(kind: str, identity: str, source: str, metadata: Mapping[str, Any] | None = None) -> NotebookNode:
    """Make a cell of `kind` code, markdown or raw.

    nbformat's own functions validate each cell by itself, which takes longer than all the rest of building a
    notebook. The whole notebook is validated when it is built.
    """
    fields = {"cell_type": kind, "id": identity, "metadata": metadata or {}, "source": source}
    output: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    node: NotebookNode = from_dict({**fields, **output})
    return node


def notebook_text(notebook: NotebookNode) -> str:
    """The file's text: what Kaggle's client makes of a notebook, so that Kaggle gets the very bytes of the file.

    That is JSON on one line with a cell's source in one string: a list of lines, as Jupyter saves it, is refused
    there.
    """
    return json.dumps(notebook, sort_keys=True)
