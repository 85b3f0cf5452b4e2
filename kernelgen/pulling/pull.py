"""`--pull` and `--diff`: what was edited on Kaggle becomes a commit on a branch, or files beside the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kernelgen.building import build_kernel
from kernelgen.errors import KernelgenError
from kernelgen.pulling.differences import difference_of_files, visible
from kernelgen.pulling.edits import Edits, Then, find_edits
from kernelgen.pulling.fetched import check_origin, origin_of, read_notebook
from kernelgen.pulling.repository import TRAILER, Checkout, GitError, Repository
from kernelgen.recipe import Kernel, Project


@dataclass(frozen=True)
class Pulled:
    """What a pull did. report: for the reader. is_complete: whether nothing is left to a person."""

    report: str
    is_complete: bool


def pull_kernel(
    project: Project, kernel: Kernel, text: str, *, pushed: Path | None, out: Path, keep: bool = True
) -> Pulled:
    """Bring home what was edited in a kernel on Kaggle.

    The edits become a commit on the branch ``kaggle/NAME``, on top of the commit that the notebook names. Working
    tree, index and the current branch stay as they are. Edits without a commit go to OUT/NAME/pulled.

    Args:
        text: the notebook as Kaggle has it. pushed: the notebook that was pushed last, None if that is not known.
        out: the folder of built kernels. keep: whether to write anything; without it the edits are only shown.

    Raises:
        KernelgenError: what Kaggle has is not this kernel, its commit is not here, or the branch cannot be written.
    """
    where = f"{kernel.slug} on Kaggle"
    fetched = read_notebook(text, where)
    origin = origin_of(fetched)
    commit = origin.commit if origin else None
    check_origin(project, kernel, origin, where)
    aside = Path(out) / kernel.name / "pulled"
    why = "was built outside git" if origin else "does not say which commit built it"
    try:
        repository = Repository(project.root) if commit else None
    except GitError as error:
        repository, why = None, f"cannot be compared with its commit ({error})"
    if repository is None or commit is None:
        then = Then(project, kernel, project.root, False, origin, pushed)
        edits = find_edits(then, fetched, where)
        edits.notes.insert(0, f"the notebook {why}: compared with a fresh build; what differs may be of either side")
        done = _write_beside(aside, edits) if keep else []
        return _told(kernel, edits, "a fresh build", done, aside if keep else None)
    with repository.checkout(repository.resolve(commit)) as checkout:
        then = Then(project, kernel, checkout.project, True, origin, pushed)
        edits = find_edits(then, fetched, where)
        if then.commit != commit:
            edits.notes.append(f"it was built from {commit} with changes of no commit, which are part of what differs")
        done = _commit(then, edits, repository, checkout) if keep and edits.files else []
    return _told(kernel, edits, f"commit {commit}", done, aside if keep else None)


def _commit(then: Then, edits: Edits, repository: Repository, checkout: Checkout) -> list[str]:
    """Put the edits on the branch; returns lines for the reader."""
    paths = [(checkout.project / file).resolve() for file in edits.files]
    for path, data in zip(paths, edits.files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    try:
        build_kernel(*then.load(), commit=then.commit)
    except KernelgenError as error:
        reason = str(error).partition("\n")[0]
        edits.notes.append(f"as it was edited, the kernel does not build: {reason}")
    branch, owner = f"kaggle/{then.kernel.name}", then.project.owner_or_placeholder
    message = "\n".join([
        f"Take over edits of kernel {then.kernel.name} from Kaggle",
        "",
        f"The notebook was built from commit {then.commit}.",
        *(f"Not taken over: cells {leftover.what}" for leftover in edits.leftovers),
        "",
        f"{TRAILER}: {owner}/{then.kernel.slug}",
    ])  # fmt: skip
    tree = repository.tree_with(checkout, paths)
    commit = repository.put_on_branch(branch, tree, checkout.commit, message, owner)
    return [
        f"branch {branch} has it already:" if commit is None else f"commit {commit[:12]} on branch {branch}:",
        f"  git diff {checkout.commit[:12]} {branch}    shows it",
        f"  git merge {branch}    takes it over (git branch -D {branch} drops it)",
    ]


def _write_beside(folder: Path, edits: Edits) -> list[str]:
    for file, data in edits.files.items():
        _write(folder / file, data)
    names = ", ".join(map(str, edits.files))
    return [f"written to {folder}, not over your files: {names}"] if names else []


def _told(kernel: Kernel, edits: Edits, base: str, done: list[str], aside: Path | None) -> Pulled:
    files, cells = len(edits.files), len(edits.leftovers)
    counts = [f"{files} file{'s' * (files != 1)} edited on Kaggle"] * bool(files)
    counts += [f"{cells} edit{'s' * (cells != 1)} of cells left to you"] * bool(cells)
    lines = [f"{kernel.slug}: {', '.join(counts) or 'nothing was edited on Kaggle'} (compared with {base})"]
    lines += [f"note: {note}" for note in edits.notes]
    for file, data in edits.files.items():
        lines += ["", *difference_of_files(str(file), edits.before[file], data)]
    left = [line for leftover in edits.leftovers for line in ("", f"left to you, {leftover.what}", *leftover.diff)]
    if left and aside:
        _write(aside / "cells.diff", "\n".join([*left[1:], ""]).encode())
        done = [*done, f"what is left to you: {aside / 'cells.diff'}"]
    return Pulled("\n".join(map(visible, [*lines, *left, *[""] * bool(done), *done])), is_complete=not left)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise KernelgenError(f"{path}: cannot be written: {error.strerror or error}") from None
