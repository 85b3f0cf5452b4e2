"""All that was edited in a kernel on Kaggle since it was built."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from nbformat import NotebookNode

from kernelgen.building import build_kernel, template_cells
from kernelgen.built import BuiltKernel
from kernelgen.errors import KernelgenError
from kernelgen.inlining.extraction import take_library
from kernelgen.pulling.fetched import Origin, notebook_of, origin_of, read_notebook
from kernelgen.pulling.library_edits import as_it_was, edited_files, safe_place
from kernelgen.pulling.template_edits import LIBRARY, Key, Leftover, key_of, take_over
from kernelgen.recipe import Kernel, Project, load_project


@dataclass
class Edits:
    """What was edited. files: by their path in the project, what they are now. leftovers: what is a person's to do.

    before: the files as they were, None for new ones. notes: lines that a reader must know.
    """

    files: dict[PurePosixPath, bytes] = field(default_factory=dict)
    before: dict[PurePosixPath, bytes | None] = field(default_factory=dict)
    leftovers: list[Leftover] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Then:
    """A kernel's project as it was when the kernel was built.

    root: its folder. is_copy: whether that is a copy, in which the template may be written. origin: what the notebook
    says of its build. pushed: the notebook that was pushed last from here, None if that is not known.
    """

    project: Project
    kernel: Kernel
    root: Path
    is_copy: bool
    origin: Origin | None
    pushed: Path | None

    @property
    def commit(self) -> str:
        """The commit, as the notebook names it."""
        return self.origin.named if self.origin else "no-commit"

    def load(self) -> tuple[Project, Kernel]:
        """Read the recipe of then, with the ``--set`` of now, or of then where none is given now."""
        overrides = self.project.overrides or (self.origin and self.origin.overrides) or ()
        then = load_project(self.root, overrides, self.project.owner)
        if self.kernel.name not in then.kernels:
            raise KernelgenError(f"it has no kernel {self.kernel.name}")
        return then, then.kernels[self.kernel.name]


def find_edits(then: Then, fetched: NotebookNode, where: str) -> Edits:
    """Compare a fetched notebook with what was built.

    Raises:
        KernelgenError: nothing of the library is left in it, or a cell writes a file where none of the library can lie.
    """
    edits = Edits()
    built = _built(then, fetched, edits)
    before = _pushed(then) or (built.notebook if built else notebook_of([]))
    library, new_library = take_library(before), take_library(fetched)
    if library and not new_library:
        raise KernelgenError(
            f"{where}: nothing of the library {then.project.library} is left in it; push the kernel again, or restore "
            "an earlier version on Kaggle"
        )
    for file in new_library:
        safe_place(then.root, then.project.library, file)
    for file, data in edited_files(library, new_library, then.root).items():
        path = then.root / file
        edits.files[file], edits.before[file] = data, library.get(file, path.read_bytes() if path.is_file() else None)
    for file in sorted(set(library) - set(new_library)):
        edits.notes.append(
            f"{file}: no cell on Kaggle writes it any more; the file stays (git rm it if nothing needs it)"
        )
    if built:
        _compare_cells(then, built, before, fetched, edits)
    return edits


def _compare_cells(then: Then, built: BuiltKernel, before: NotebookNode, fetched: NotebookNode, edits: Edits) -> None:
    file = PurePosixPath(built.kernel.template_name)
    path = then.root / file
    data = path.read_bytes()

    def render(text: str) -> list[Key]:
        if not then.is_copy or not path.resolve().is_relative_to(then.root.resolve()):
            raise KernelgenError("without a commit a template's cells are only shown")
        path.write_bytes(as_it_was(text.encode(), data))
        try:
            project, kernel = then.load()
            cells = template_cells(project, replace(kernel, resumed=built.kernel.resumed), then.commit)
        finally:
            path.write_bytes(data)
        return [LIBRARY if cell.is_library else key_of(cell.kind, cell.source) for cell in cells]

    told = {*edits.files, *(set(take_library(fetched)) - set(take_library(before)))}
    old, new = _but_for(before, told), _but_for(fetched, told)
    template = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    text, edits.leftovers = take_over(template, built, old, new, render)
    if text != template:
        edits.files[file], edits.before[file] = as_it_was(text.encode(), data), data


def _but_for(notebook: NotebookNode, told: set[PurePosixPath]) -> list[NotebookNode]:
    """The cells without those that write a file that is told already, or a second time: no template holds them."""
    cells, told = [], set(told)
    for cell in notebook.cells:
        files = {file for file, data in take_library(notebook_of([cell])).items() if data}  # the set-up's are empty
        if not files or files - told:
            cells.append(cell)
        told |= files
    return cells


def _built(then: Then, fetched: NotebookNode, edits: Edits) -> BuiltKernel | None:
    """The kernel built again, with --resume or without it, whichever is more like the notebook."""
    keys = {key_of(cell.cell_type, cell.source) for cell in fetched.cells}

    def likeness(built: BuiltKernel) -> int:
        return len(keys & {key_of(cell.cell_type, cell.source) for cell in built.notebook.cells})

    try:
        project, kernel = then.load()
        known = then.origin.resumed if then.origin else None
        ways = {False, kernel.earlier is not None} if known is None else {known}
        builds = [build_kernel(project, replace(kernel, resumed=way), commit=then.commit) for way in sorted(ways)]
        return max(builds, key=likeness)
    except KernelgenError as error:
        reason = str(error).partition("\n")[0]
        edits.notes.append(f"{then.commit} cannot be built again ({reason}), so only the library's files are compared")
        return None


def _pushed(then: Then) -> NotebookNode | None:
    """The notebook that was pushed, where nothing says that Kaggle's comes from another build."""
    if then.pushed is None:
        return None
    try:
        notebook = read_notebook(then.pushed.read_text(encoding="utf-8"), str(then.pushed))
    except (OSError, UnicodeDecodeError, KernelgenError):
        return None
    origins = [origin for origin in (origin_of(notebook), then.origin) if origin]
    return notebook if len({(origin.named, origin.library, origin.kernel) for origin in origins}) <= 1 else None
