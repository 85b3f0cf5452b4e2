"""Notebook cells as nbformat has them, and the text of a notebook's file."""

import json
from collections.abc import Mapping
from typing import Any, cast

from nbformat import NotebookNode, from_dict


def cell(kind: str, identity: str, source: str, metadata: Mapping[str, Any] | None = None) -> NotebookNode:
    """A cell of `kind` code, markdown or raw.

    nbformat's own functions validate each cell by itself, which takes longer than all the rest of building a
    notebook. The whole notebook is validated when it is built.
    """
    output: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    fields = {"cell_type": kind, "id": identity, "metadata": metadata or {}, "source": source, **output}
    return cast(NotebookNode, from_dict(fields))


def notebook_text(notebook: NotebookNode) -> str:
    """The file's text: what Kaggle's client makes of a notebook, so that Kaggle gets the very bytes of the file.

    That is JSON on one line with a cell's source in one string: a list of lines, as Jupyter saves it, is refused
    there. The notebook is one whose cells were made by `cell`.
    """
    return json.dumps(notebook, sort_keys=True)
