"""What an edited notebook is compared with: what was pushed, or what its commit builds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from nbformat import NotebookNode

from kernelgen.errors import KernelgenError
from kernelgen.inlining.extraction import files_of_cell
from kernelgen.pulling.cells import plain, read_cells
from kernelgen.pulling.commit import NoBase, project_at
from kernelgen.pulling.origin import Origin, origin_of
from kernelgen.recipe.project import Kernel, Project, load_project

Say = Callable[[str], None]


@dataclass(frozen=True)
class Base:
    """What was built.

    name: for the report. files: of the library, as the notebook wrote them. others: files of the library that were
    there, but not in the notebook. cells: of the whole notebook; None where only the files are known.
    is_built: whether it is what was built; else it is the working tree, and nothing may be applied.
    is_rebuilt: whether it was built anew from its commit.
    notes: what a reader of the differences must know.
    """

    name: str
    files: dict[PurePosixPath, bytes]
    cells: Sequence[NotebookNode] | None
    others: dict[PurePosixPath, bytes] = field(default_factory=dict)
    is_built: bool = True
    is_rebuilt: bool = False
    notes: tuple[str, ...] = ()


def find_base(
    project: Project,
    kernel: Kernel,
    origin: Origin | None,
    fetched: Sequence[NotebookNode],
    named: Collection[PurePosixPath],
    pushed: Path | None,
    say: Say,
) -> Base:
    """The base of a fetched notebook.

    Args:
        named: the library's files that the fetched notebook writes.
        pushed: the notebook that was pushed last, if that is known.
    """
    if pushed is not None and (base := _pushed(kernel, origin, pushed, say)):
        return base
    try:
        return _of_commit(project, kernel, origin, fetched, named, say)
    except NoBase as reason:
        note = (
            f"{reason}. Without its base the notebook is compared with the working tree: what differs may be of "
            "either side, and nothing of it can be applied"
        )
        built = _built(project, _ways(kernel), origin.commit if origin else "no-commit", fetched, named)
        return replace(built, name="the working tree", is_built=False, notes=(_sentence(note), *built.notes))


def _pushed(kernel: Kernel, origin: Origin | None, pushed: Path, say: Say) -> Base | None:
    try:
        cells = read_cells(pushed.read_bytes().decode("utf-8"), str(pushed))
        files = _files(cells)
    except OSError as error:
        say(f"note: {pushed}: cannot be read ({error.strerror}), so it is not what Kaggle's is compared with")
        return None
    except (UnicodeDecodeError, KernelgenError) as error:
        say(f"note: {pushed}: is no notebook of ours, so it is not what Kaggle's is compared with ({error})")
        return None
    own = origin_of(cells)
    if own and own.kernel != kernel.name:
        say(f"note: {pushed} is kernel {own.kernel}, so it is not what Kaggle's is compared with")
        return None
    if origin and (own is None or own.commit != origin.commit):
        what = f"commit {own.commit}" if own else "an unknown commit"
        say(f"note: what was pushed last from here was built from {what}, Kaggle's from {origin.commit}")
        return None
    commit = f" (commit {own.commit})" if own else ""
    return Base(f"the notebook that was pushed{commit}", files, cells)


def _of_commit(
    project: Project,
    kernel: Kernel,
    origin: Origin | None,
    fetched: Sequence[NotebookNode],
    named: Collection[PurePosixPath],
    say: Say,
) -> Base:
    if origin is None:
        raise NoBase("the notebook does not say which commit built it; put {{ provenance() }} into its template")
    if origin.commit == "no-commit":
        raise NoBase("the notebook was built outside git; push it from a commit the next time")
    if origin.commit.endswith("+changes"):
        commit = origin.commit.removesuffix("+changes")
        raise NoBase(
            f"the notebook was built from commit {commit} with changes that were in no commit; push it from a "
            "commit the next time"
        )
    with project_at(project.root, origin.commit) as folder:
        say(f"building kernel {kernel.name} of commit {origin.commit} again, to compare with it ...")
        try:
            then = load_project(folder, project.overrides, project.owner)
        except KernelgenError as error:
            raise NoBase(f"commit {origin.commit} cannot be built: {_first(error)}") from None
        if kernel.name not in then.kernels:
            raise NoBase(f"commit {origin.commit} has no kernel {kernel.name}, though the notebook names both")
        base = _built(then, _ways(then.kernels[kernel.name]), origin.commit, fetched, named)
        return replace(base, name=f"commit {origin.commit}, built again", is_rebuilt=True)


def _ways(kernel: Kernel) -> list[Kernel]:
    """The kernel built with and without --resume: what is more like the notebook is what was pushed."""
    return [replace(kernel, resumed=resumed) for resumed in ((False, True) if kernel.earlier else (False,))]


def _built(
    project: Project,
    ways: Sequence[Kernel],
    commit: str,
    fetched: Sequence[NotebookNode],
    named: Collection[PurePosixPath],
) -> Base:
    """What a project builds now. Where it cannot be built, its files alone."""
    from kernelgen.building import build_kernel

    try:
        built = [build_kernel(project, kernel, commit=commit).notebook.cells for kernel in ways]
    except KernelgenError as error:
        files = _there(project.root, named)
        note = f"template cells cannot be compared, for the base cannot be built: {_first(error)}"
        return Base("", files, None, notes=(note,))
    cells = max(built, key=lambda one: _alike(one, fetched))
    files = _files(cells)
    return Base("", files, cells, others=_there(project.root, set(named) - set(files)))


def _files(cells: Sequence[NotebookNode]) -> dict[PurePosixPath, bytes]:
    found = enumerate(cells, start=1)
    return {written.file: written.data for number, cell in found for written in files_of_cell(cell, number)}


def _there(root: Path, named: Collection[PurePosixPath]) -> dict[PurePosixPath, bytes]:
    found = {}
    for file in named:
        try:
            found[file] = Path(root, file).read_bytes()
        except (OSError, ValueError):
            continue
    return found


def _alike(one: Sequence[NotebookNode], other: Sequence[NotebookNode]) -> int:
    return len({plain(cell.source) for cell in one} & {plain(cell.source) for cell in other})


def _first(error: KernelgenError) -> str:
    return str(error).partition("\n")[0]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
