"""What a notebook says of itself: the commit, library, kernel and template that made it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nbformat import NotebookNode

# The first sentence of `kernelgen.rendering.provenance`.
_SENTENCE = re.compile(
    r"Built\s+from\s+commit\s+`(?P<commit>[^`\n]*)`\s+of\s+the\s+library\s+`(?P<library>[^`\n]*)`:\s+"
    r"kernel\s+`(?P<kernel>[^`\n]*)`\s+of\s+`[^`\n]*`,\s+template\s+`(?P<template>[^`\n]*)`"
)


@dataclass(frozen=True)
class Origin:
    """commit: as it was written, perhaps with ``+changes``. template: "kernel_templates/case.py.j2"."""

    commit: str
    library: str
    kernel: str
    template: str


def origin_of(cells: Iterable[NotebookNode]) -> Origin | None:
    """What the notebook names; None where its template does not say it, or somebody took it out."""
    cells = list(cells)
    for kind in ("markdown", "code", "raw"):
        for cell in cells:
            if cell.cell_type == kind and (match := _SENTENCE.search(cell.source)):
                return Origin(**match.groupdict())
    return None
