"""The notebook as a file: its form, its ids, its size."""

from __future__ import annotations

from collections import Counter

import nbformat
from nbformat import NotebookNode

from kernelgen.nodes import notebook_text

LARGEST = 900_000  # Kaggle refuses a megabyte; what the client sends must stay well below


def form_problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with the notebook's form."""
    problems = []
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        problems.append(f"not a valid notebook: {str(error).splitlines()[0]}")
    if not notebook.metadata.get("kernelspec", {}).get("name"):
        problems.append("metadata.kernelspec is missing; papermill cannot run it")
    ids = Counter(cell["id"] for cell in notebook.cells)
    problems += [f"the cell id {identifier!r} is there {count} times" for identifier, count in ids.items() if count > 1]
    return problems


def sent_size(notebook: NotebookNode) -> int:
    """How many bytes Kaggle's client sends."""
    return len(notebook_text(notebook))  # which is ASCII
