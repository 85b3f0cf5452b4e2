"""A notebook as Kaggle hands it back, and what it says of the build that it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from nbformat import NotebookNode, from_dict

from kernelgen.errors import KernelgenError
from kernelgen.recipe.project import Kernel, Project

# The first sentence of `kernelgen.building.provenance`.
_SENTENCE = re.compile(
    r"Built\s+from\s+commit\s+`(?P<commit>[^`\n]*)`\s+of\s+the\s+library\s+`(?P<library>[^`\n]*)`:\s+"
    r"kernel\s+`(?P<kernel>[^`\n]*)`"
)
# What is said of a commit when the working tree differed from it: "+changes", "-dirty".
_MARK = re.compile(r"[+-](changes|changed|dirty|modified)$")


@dataclass(frozen=True)
class Origin:
    """The build that a notebook comes from.

    named: the commit as the notebook names it, perhaps with a mark for changes that were in no commit.
    overrides: the texts of ``--set``; resumed: whether ``--resume`` was given; None where the notebook does not say it.
    """

    named: str
    library: str
    kernel: str
    overrides: tuple[str, ...] | None = None
    resumed: bool | None = None

    @property
    def commit(self) -> str | None:
        """A hash or a tag; None for a build outside git."""
        return None if self.named == "no-commit" else _MARK.sub("", self.named)


def read_notebook(text: str, where: str) -> NotebookNode:
    """Read a notebook that an editor saved: sources may be lists of lines, ids and metadata may be missing.

    Raises:
        KernelgenError: the text is no notebook of format 4.
    """
    try:
        document = json.loads(text.removeprefix("\ufeff"))
        cells = [
            {
                "cell_type": cell["cell_type"],
                "id": cell.get("id") or "",
                "metadata": cell["metadata"] if isinstance(cell.get("metadata"), dict) else {},
                "source": "".join(cell.get("source", "")),
            }
            for cell in document["cells"]
        ]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise KernelgenError(f"{where}: is no notebook of format 4; open it on Kaggle and save it again") from None
    for number, cell in enumerate(cells, start=1):
        if half := re.search("[\ud800-\udfff]", cell["source"]):
            raise KernelgenError(f"{where}: cell {number} holds half a character ({half[0]!a}); type it again")
    metadata = document.get("metadata")
    nodes = [cast(NotebookNode, from_dict(cell)) for cell in cells]
    return notebook_of(nodes, metadata if isinstance(metadata, dict) else {})


def notebook_of(cells: Sequence[NotebookNode], metadata: Mapping[str, Any] = MappingProxyType({})) -> NotebookNode:
    """Return a notebook of these cells, for whoever reads one."""
    return NotebookNode(cells=list(cells), metadata=dict(metadata))


def origin_of(notebook: NotebookNode) -> Origin | None:
    """The origin that a notebook names: in its metadata, and in a sentence, where an editor dropped the metadata."""
    match notebook.metadata.get("kernelgen"):
        case {"commit": str(named), "library": str(library), "kernel": str(kernel), **others}:
            texts = others.get("set")
            overrides = tuple(text for text in texts if isinstance(text, str)) if isinstance(texts, list) else ()
            return Origin(named, library, kernel, overrides, bool(others.get("resumed")))
    for cell in notebook.cells:
        if match := _SENTENCE.search(cell.source):
            return Origin(match["commit"], match["library"], match["kernel"])
    return None


def check_origin(project: Project, kernel: Kernel, origin: Origin | None, where: str) -> None:
    """Raise KernelgenError where a notebook comes from another kernel or another library."""
    if origin is None:
        return
    if origin.kernel != kernel.name:
        raise KernelgenError(
            f"{where}: names the kernel {origin.kernel}, not {kernel.name}; give --target {origin.kernel}, or check "
            "the kernel's title"
        )
    if origin.library != project.library:
        raise KernelgenError(
            f"{where}: was built from the library {origin.library}, this project's is {project.library}; "
            "check --project"
        )
