"""All that was edited in a kernel on Kaggle since it was built."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

from nbformat import NotebookNode, from_dict

from kernelgen.building import build_kernel, template_cells
from kernelgen.built import BuiltKernel
from kernelgen.errors import KernelgenError
from kernelgen.inlining.extraction import take_library
from kernelgen.pulling.library_edits import as_it_was, safe_place
from kernelgen.pulling.template_edits import Key, Leftover, key_of, take_over
from kernelgen.recipe import Kernel, Project, load_project


@dataclass
class Edits:
    """What was edited.

    files: by their path in the project, what they were (None for new ones) and what they are now. leftovers: edits of
    cells that are a person's to take over. notes: lines that a reader must know.
    """

    files: dict[PurePosixPath, tuple[bytes | None, bytes]] = field(default_factory=dict)
    leftovers: list[Leftover] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Then:
    """A kernel's project as it was when the kernel was built.

    project: as it is now. root: a copy of its folder as it was then, or the folder itself where no commit is known.
    origin: what the notebook's metadata says of its build, {} where it says nothing.
    """

    project: Project
    kernel: Kernel
    root: Path
    origin: dict[str, Any]

    @property
    def commit(self) -> str:
        """The commit as the notebook names it."""
        return str(self.origin.get("commit", "no-commit"))

    def load(self) -> tuple[Project, Kernel]:
        """Read the recipe of then, with the ``--set`` of now, or of then where none is given now."""
        overrides = self.project.overrides or map(str, self.origin.get("set") or ())
        then = load_project(self.root, overrides, self.project.owner)
        if self.kernel.name not in then.kernels:
            raise KernelgenError(f"it has no kernel {self.kernel.name}")
        kernel = then.with_overrides(then.kernels[self.kernel.name])
        return then, replace(kernel, resumed=bool(self.origin.get("resumed")))

    def build(self) -> BuiltKernel:
        """Build the kernel again."""
        return build_kernel(*self.load(), commit=self.commit)


def read_notebook(text: str, where: str) -> NotebookNode:
    """Read a notebook that an editor saved: sources may be lists of lines, ids and metadata may be missing.

    Raises:
        KernelgenError: the text is no notebook of format 4.
    """
    try:
        document = json.loads(text)
        cells = [
            {
                "cell_type": cell["cell_type"],
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
    return cast(NotebookNode, from_dict({"cells": cells, "metadata": metadata if isinstance(metadata, dict) else {}}))


def origin_of(notebook: NotebookNode, project: Project, kernel: Kernel, where: str) -> dict[str, Any]:
    """Return what a notebook's metadata says of its build, as `kernelgen.building.provenance` wrote it; {} if nothing.

    Raises:
        KernelgenError: the notebook comes from another kernel or another library.
    """
    origin = notebook.metadata.get("kernelgen")
    match origin:
        case {"commit": str(), "library": project.library, "kernel": kernel.name}:
            return dict(origin)
        case {"commit": str(), "library": str(library), "kernel": str(name)}:
            raise KernelgenError(
                f"{where}: was built as kernel {name} of the library {library}, not as {kernel.name} of "
                f"{project.library}; check --target, --project and the kernel's title"
            )
    return {}


def find_edits(then: Then, fetched: NotebookNode, pushed: NotebookNode | None, where: str) -> Edits:
    """Compare a fetched notebook with the one that was pushed, or else with what is built again.

    Raises:
        KernelgenError: nothing of the library is left in it, or a cell writes a file where none of the library can lie.
    """
    edits = Edits()
    built = None
    try:
        built = then.build()
    except KernelgenError as error:
        reason = str(error).partition("\n")[0]
        edits.notes.append(f"{then.commit} cannot be built again ({reason}), so only the library's files are compared")
    before = pushed or (built.notebook if built else NotebookNode(cells=[]))
    library, new_library = take_library(before), take_library(fetched)
    if library and not new_library:
        raise KernelgenError(
            f"{where}: nothing of the library {then.project.library} is left in it; push the kernel again, or restore "
            "an earlier version on Kaggle"
        )
    for file, data in sorted(new_library.items()):
        path = safe_place(then.root, then.project.library, file)
        # A file of the library that was in no cell is compared with the commit's.
        old = library.get(file, path.read_bytes() if path.is_file() else None)
        new = as_it_was(data, old or b"")
        if new != old:
            edits.files[file] = old, new
    for file in sorted(set(library) - set(new_library)):
        edits.notes.append(
            f"{file}: no cell on Kaggle writes it any more; the file stays (git rm it if nothing needs it)"
        )
    if built:
        _compare_cells(then, built, _but_for_the_library(before), _but_for_the_library(fetched), edits)
    return edits


def _but_for_the_library(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that write no file of the library with anything in it: the set-up's are empty."""
    return [
        cell
        for cell in notebook.cells
        if cell.source.strip() and not any(take_library(NotebookNode(cells=[cell])).values())
    ]


def _compare_cells(
    then: Then, built: BuiltKernel, before: list[NotebookNode], after: list[NotebookNode], edits: Edits
) -> None:
    file = PurePosixPath(built.kernel.template_name)
    path = then.root / file
    data = path.read_bytes()

    def render(text: str) -> list[Key]:
        if then.root == then.project.root or not path.resolve().is_relative_to(then.root.resolve()):
            raise KernelgenError("without a commit a template's cells are only shown")
        path.write_bytes(as_it_was(text.encode(), data))
        try:
            return list(map(key_of, template_cells(*then.load(), then.commit)))
        finally:
            path.write_bytes(data)

    template = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    text, edits.leftovers = take_over(template, built.cells, before, after, render)
    if text != template:
        edits.files[file] = data, as_it_was(text.encode(), data)
