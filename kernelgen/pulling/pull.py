"""`--pull` and `--diff`: what was edited on Kaggle becomes a commit on a branch, or files beside the kernel."""

from __future__ import annotations

import difflib
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, cast

from nbformat import NotebookNode, v4

from kernelgen.building import build_kernel, template_cells
from kernelgen.building.provenance import CHANGES, NO_COMMIT
from kernelgen.built import BuiltKernel
from kernelgen.errors import KernelgenError
from kernelgen.inlining.extraction import take_library
from kernelgen.pulling.checkout import TRAILER, Checkout, GitError
from kernelgen.pulling.library_edits import as_it_was, safe_place, unix_lines
from kernelgen.pulling.template_edits import Cell, cells_of, script, take_over
from kernelgen.recipe import Kernel, Project, load_project

_LEFT = "left to you (values of the recipe, cells that are new, gone or moved, cells of the generator):"


class Pulled(NamedTuple):
    """What a pull did. report: for the reader. is_complete: whether nothing is left to a person."""

    report: str
    is_complete: bool


def pull_kernel(project: Project, kernel: Kernel, text: str, *, out: Path, keep: bool = True) -> Pulled:
    """Bring home what was edited in a kernel on Kaggle.

    The edits become a commit on the branch ``kaggle/NAME``, on top of the commit that the notebook names. Working
    tree, index and the current branch stay as they are. Edits without a commit go to OUT/NAME/pulled. Without ``keep``
    they are only shown. ``text`` is the notebook as Kaggle has it.

    Raises:
        KernelgenError: what Kaggle has is not this kernel, its commit is not here, or the branch cannot be written.
    """
    notebook, origin = _read(text, project, kernel)
    commit = origin.get("commit", NO_COMMIT).removesuffix(CHANGES)
    base, aside, done = f"commit {commit}", Path(out) / kernel.name / "pulled", []
    with tempfile.TemporaryDirectory(prefix="kernelgen-pull-") as folder:
        try:
            if commit == NO_COMMIT:
                raise GitError("it was built outside git" if origin else "it does not say which commit built it")
            checkout = Checkout(project.root, commit, Path(folder).resolve())
            edits = _Edits(notebook, project, kernel, origin, checkout.project)
            if commit != origin["commit"]:
                edits.notes.append(f"it was built from {commit} with changes of no commit, which are shown as edits")
            if keep and edits.files:
                done = _commit(checkout, project, kernel, edits)
        except GitError as error:
            edits, base = _Edits(notebook, project, kernel, origin, project.root), f"a fresh build ({error})"
            for file, (_, data) in edits.files.items() if keep else ():
                _write(aside / file, data)
                done.append(f"written to {aside / file}, not over your file")
    what = "was edited on Kaggle" if edits.files or edits.left else "nothing was edited on Kaggle"
    lines = [f"{kernel.slug}: {what} (compared with {base})", *(f"note: {note}" for note in edits.notes)]
    for file, (old, new) in edits.files.items():
        lines += ["", *_difference(str(file), old, new)]
    if edits.left:
        lines += ["", _LEFT, *edits.left]
        if keep:
            _write(aside / "cells.diff", "\n".join([_LEFT, *edits.left, ""]).encode())
            done.append(f"what is left to you: {aside / 'cells.diff'}")
    text = "\n".join([*lines, *[""] * bool(done), *done])
    # A cell's text must not act on a terminal, nor show itself in another order than it has.
    report = "".join(sign if sign.isprintable() or sign in "\n\t" else ascii(sign)[1:-1] for sign in text)
    return Pulled(report, is_complete=not edits.left)


def _read(text: str, project: Project, kernel: Kernel) -> tuple[NotebookNode, dict[str, Any]]:
    """A notebook that an editor saved, and what it says of its build; {} where it says nothing."""
    try:
        notebook = cast(NotebookNode, v4.reads(text))
        cells_of(notebook.cells)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        what = "is no notebook of format 4; open it on Kaggle and save it again"
        raise KernelgenError(f"{kernel.slug} on Kaggle: {what}") from None
    match notebook.metadata.get("kernelgen"):
        case {"commit": str(), "library": project.library, "kernel": kernel.name} as origin:
            return notebook, dict(origin)
        case {"commit": str(), "library": str(library), "kernel": str(name)}:
            what = f"was built as kernel {name} of the library {library}, not as {kernel.name} of {project.library}"
            raise KernelgenError(f"{kernel.slug} on Kaggle: {what}; check --target, --project and the kernel's title")
    return notebook, {}


class _Edits:
    """What was edited in a notebook since it was built of the files in ``root``.

    files: what each was, None if it is new, and what it is. left: a diff of all other edits. notes: for the reader.
    """

    def __init__(self, notebook: NotebookNode, project: Project, kernel: Kernel, origin: dict[str, Any], root: Path):
        self._project, self._kernel, self._origin, self._root = project, kernel, origin, root
        self._commit = str(origin.get("commit", NO_COMMIT))
        self.files: dict[PurePosixPath, tuple[bytes | None, bytes]] = {}
        self.left, self.notes = list[str](), list[str]()
        library, before = take_library(notebook), dict[PurePosixPath, bytes]()
        try:
            built = build_kernel(*self._load(), commit=self._commit)
            before = take_library(built.notebook)
            self._compare_cells(built, notebook)
        except KernelgenError as error:
            reason = str(error).partition("\n")[0]
            self.notes.append(f"{self._commit} cannot be built again ({reason}), so only library files are compared")
        for file, data in sorted(library.items()):
            path = safe_place(root, project.library, file)
            # A file of the library that was in no cell is compared with the commit's.
            old = before.get(file, path.read_bytes() if path.is_file() else None)
            new = as_it_was(data, old or b"")
            if new != old:
                self.files[file] = old, new
        for file in sorted(set(before) - set(library)):
            self.notes.append(f"{file}: no cell on Kaggle writes it any more; the file stays (git rm it, if unused)")

    def _load(self) -> tuple[Project, Kernel]:
        """The recipe of then, with the ``--set`` of now, or of then where none is given now."""
        overrides = self._project.overrides or map(str, self._origin.get("set") or ())
        then = load_project(self._root, overrides, self._project.owner)
        (kernel,) = (target for target in then.select(self._kernel.name) if isinstance(target, Kernel))
        return then, replace(kernel, resumed=bool(self._origin.get("resumed")))

    def _compare_cells(self, built: BuiltKernel, notebook: NotebookNode) -> None:
        """Take over edits of the template, if it is a commit's, and show all others."""
        made = cells_of(built.cells)
        generators = set(cells_of(built.notebook.cells)) - set(made)
        # A cell of the library writes a file with something in it; the set-up's files are empty.
        others = [cell for cell in notebook.cells if not any(take_library(NotebookNode(cells=[cell])).values())]
        after = [cell for cell in cells_of(others) if cell not in generators]
        path = (self._root / built.kernel.template_name).resolve()
        if self._root != self._project.root and path.is_relative_to(self._root):
            data = path.read_bytes()

            def render(text: str) -> list[Cell]:
                path.write_bytes(as_it_was(text.encode(), data))
                return cells_of(template_cells(*self._load(), self._commit))

            template = unix_lines(data.decode("utf-8-sig"))
            text, made = take_over(template, built.cells, after, render)
            if text != template:
                self.files[PurePosixPath(built.kernel.template_name)] = data, as_it_was(text.encode(), data)
        old, new = (script(cells).encode("utf-8", "backslashreplace") for cells in (made, after))
        self.left = _difference("cells", old, new)


def _difference(file: str, old: bytes | None, new: bytes) -> list[str]:
    """A unified diff in git's form; a single line where a file is no text. old: None for a new file."""
    if b"\0" in (old or b"") + new:
        return [f"{file}: no text: {len(old or b'')} bytes before, {len(new)} after"]
    before, after = (unix_lines((data or b"").decode("utf-8-sig", "replace")).split("\n") for data in (old, new))
    name = "/dev/null" if old is None else f"a/{file}"
    return list(difflib.unified_diff(before if old else [], after, name, f"b/{file}", lineterm=""))


def _commit(checkout: Checkout, project: Project, kernel: Kernel, edits: _Edits) -> list[str]:
    """Put the edits on the branch; returns lines for the reader."""
    paths = [(checkout.project / file).resolve() for file in edits.files]
    for path, (_, data) in zip(paths, edits.files.values(), strict=True):
        _write(path, data)
    branch, owner = f"kaggle/{kernel.name}", project.owner_or_placeholder
    message = f"Take over edits of kernel {kernel.name} from Kaggle\n\n"
    message += f"The notebook was built from commit {checkout.commit[:12]}.\n"
    if edits.left:
        message += "Some edits of cells are not in this commit: they touch values, or add, remove or move cells.\n"
    commit = checkout.commit_to(branch, paths, f"{message}\n{TRAILER}: {owner}/{kernel.slug}", owner)
    return [
        f"branch {branch} has it already:" if commit is None else f"commit {commit[:12]} on branch {branch}:",
        f"  git diff {checkout.commit[:12]} {branch}    shows it",
        f"  git merge {branch}    takes it over (git branch -D {branch} drops it)",
    ]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
