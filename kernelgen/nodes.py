"""Notebook cells as nbformat has them."""

from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode, from_dict


def cell(kind: str, identity: str, source: str, metadata: Mapping[str, Any] | None = None) -> NotebookNode:
    """A cell of `kind` code, markdown or raw.

    nbformat's own functions validate each cell by itself, which takes longer than all the rest of building a
    notebook. The whole notebook is validated when it is built and when it is written.
    """
    output = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return from_dict({"cell_type": kind, "id": identity, "metadata": metadata or {}, "source": source, **output})
