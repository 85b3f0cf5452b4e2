"""Builds one kernel: renders its template, inlines the library, verifies, writes."""

import json
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict

from kernelgen.building.metadata import kernel_metadata
from kernelgen.building.provenance import origin, provenance
from kernelgen.built import BuiltKernel
from kernelgen.errors import KernelgenError
from kernelgen.inlining.cells import library_cells, without_library
from kernelgen.inlining.closure import closure
from kernelgen.inlining.source import Code
from kernelgen.nodes import cell as notebook_cell
from kernelgen.nodes import notebook_text
from kernelgen.recipe.project import Kernel, Project
from kernelgen.rendering.template import TemplateCell, cell_ids
from kernelgen.verifying.checks import verify
from kernelgen.verifying.library_place import first_use
from kernelgen.writing import write_text

_KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
_LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


def build_kernel(project: Project, kernel: Kernel, *, commit: str) -> BuiltKernel:
    """Render, inline and verify one kernel. The same inputs, of which ``commit`` is one, give the same.

    Raises:
        KernelgenError: one line for each thing that is wrong.
    """
    cells = template_cells(project, kernel, commit)
    code = tuple(
        Code(kernel.template_name, cell.python, cell.line, cell.text)
        for cell in cells
        if cell.kind == "code" and not cell.is_library
    )
    library = project.library_files
    needed = closure(library, code, include=kernel.included, files=kernel.files)
    inlined = library_cells(library, needed)
    if inlined and not any(cell.is_library for cell in cells):
        use = first_use(library, code, at_once=False)
        place = f"{kernel.template_name}:{use}" if use else kernel.template_name
        what = f"needs {project.library}, but the template has no {{{{ library() }}}}"
        raise KernelgenError(f"{place}: {what}; put it alone in a code cell above the first import")
    notebook = _notebook(cells, inlined or [without_library()], origin(project, kernel, commit))
    built = BuiltKernel(kernel, notebook, kernel_metadata(project, kernel), needed, tuple(cells), code)
    verify(project, built)
    return built


def write_kernel(built: BuiltKernel, out: Path) -> Path:
    """Write OUT/NAME/NAME.ipynb and OUT/NAME/kernel-metadata.json; return the notebook's path.

    What else lies in OUT/NAME, the last run above all, stays.
    """
    folder = Path(out) / built.kernel.name
    notebook = folder / f"{built.kernel.name}.ipynb"
    write_text(notebook, notebook_text(built.notebook))
    write_text(folder / "kernel-metadata.json", json.dumps(built.metadata, indent=2, sort_keys=True) + "\n")
    return notebook


def template_cells(project: Project, kernel: Kernel, commit: str) -> list[TemplateCell]:
    """Render a kernel's template; of the library there is nothing yet but the cell that makes room for it.

    Raises:
        KernelgenError: with file and line, where the template cannot be rendered.
    """
    context = {
        **kernel.settings,
        "sources": kernel.source_literals,
        "kernel": {
            "name": kernel.name,
            "title": kernel.title,
            "commit": commit,
            "time_limit_minutes": kernel.time_limit_minutes,
        },
        "provenance": lambda: provenance(project, kernel, commit),
    }
    return project.templates[kernel.template_name].render(context)


def _notebook(cells: list[TemplateCell], inlined: list[NotebookNode], notes: dict[str, Any]) -> NotebookNode:
    ids = cell_ids(cells, {cell["id"] for cell in inlined})
    nodes: list[NotebookNode] = []
    for cell, identifier in zip(cells, ids, strict=True):
        if cell.is_library:
            nodes.extend(inlined)
        else:
            nodes.append(notebook_cell(cell.kind, identifier, cell.source, cell.metadata))
    metadata = {"kernelgen": notes, "kernelspec": _KERNELSPEC, "language_info": _LANGUAGE}
    return NotebookNode(cells=nodes, metadata=from_dict(metadata), nbformat=4, nbformat_minor=5)
