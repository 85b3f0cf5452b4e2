"""The library's files, compared three ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nbformat import NotebookNode

from kernelgen.errors import KernelgenError
from kernelgen.inlining.extraction import WrittenFile, files_of_cell
from kernelgen.inlining.magic import LIBRARY_NAME
from kernelgen.inlining.syntax import parse
from kernelgen.pulling.base import Base
from kernelgen.pulling.comparison import FileChange, State
from kernelgen.pulling.diffs import diff_of_files, visible
from kernelgen.pulling.editing import as_edited
from kernelgen.pulling.merging import merged
from kernelgen.pulling.places import is_new_name, place_of
from kernelgen.recipe.project import Project


@dataclass
class Fetched:
    """The library's cells of a fetched notebook.

    written: by file, each writing with its cell's number. problems: cells that cannot be read, a line each.
    """

    cells: Sequence[NotebookNode]
    written: dict[PurePosixPath, list[tuple[int, WrittenFile]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, cell in enumerate(self.cells, start=1):
            try:
                for one in files_of_cell(cell, number):
                    self.written.setdefault(one.file, []).append((number, one))
            except KernelgenError as error:
                self.problems.append(visible(str(error)))
        for file, found in self.written.items():
            # A cell that fills a file counts, not the one that made it empty before.
            self.written[file] = [pair for pair in found if not pair[1].is_touched] or found[-1:]

    def naming(self, file: PurePosixPath) -> list[int]:
        """The code cells that speak of a file, whether or not they still write it."""
        path, text = re.escape(str(file)), re.escape(repr(str(file)))
        name = re.compile(rf"""\{{{LIBRARY_NAME}\}}/{path}(?!\w)|\({LIBRARY_NAME}, {text}\)""")
        cells = enumerate(self.cells, start=1)
        return [
            number for number, cell in cells if cell.cell_type == "code" and name.search(cell.source.replace('"', "'"))
        ]


def compare_files(project: Project, base: Base, fetched: Fetched) -> list[FileChange]:
    """Every file of the library that Kaggle's notebook writes in another way than the base, by name."""
    files = sorted({*base.files, *fetched.written})
    return [change for file in files for change in _compared(project, base, fetched, file)]


def _compared(project: Project, base: Base, fetched: Fetched, file: PurePosixPath) -> Iterator[FileChange]:
    old = base.files.get(file, base.others.get(file))
    found = fetched.written.get(file)
    name = visible(str(file))
    if not found:
        if (change := _missing(project, base, fetched, file)) is not None:
            yield change
        return
    versions = [_version(written, old) for _, written in found]
    kaggle = versions[-1]
    if len(set(versions)) > 1:
        numbers = " and ".join(str(number) for number, _ in found)
        message = f"{name}: cells {numbers} of the notebook write it differently; remove all but one on Kaggle"
        yield FileChange(name, State.REFUSED, message)
    elif kaggle != old:
        yield _changed(project, base, file, old, kaggle)


def _version(written: WrittenFile, old: bytes | None) -> bytes:
    if written.body is None:
        return written.data
    if old is None:
        return as_edited(written.body, written.data, b"\n")
    return as_edited(written.body, written.data, old)


def _missing(project: Project, base: Base, fetched: Fetched, file: PurePosixPath) -> FileChange | None:
    name = visible(str(file))
    if numbers := fetched.naming(file):
        cell = f"cell {numbers[0]} of the notebook"
        message = (
            f"{name}: {cell} names it, but no longer writes it in a way that can be read; a module's cell begins "
            f"with the line %%writefile {{{LIBRARY_NAME}}}/{name}"
        )
        return FileChange(name, State.REFUSED, message)
    if not Path(project.root, file).exists():
        return None
    if not base.is_built:
        message = f"{name}: would be in the notebook if it were built here, and is not in Kaggle's"
        return FileChange(name, State.REMOVED, message)
    message = (
        f"{name}: its cell was removed on Kaggle; nothing is deleted here. To do the same, take what imports it "
        f"out of the templates and of the library, then git rm {name}"
    )
    return FileChange(name, State.REMOVED, message)


def _changed(project: Project, base: Base, file: PurePosixPath, old: bytes | None, kaggle: bytes) -> FileChange:
    name = visible(str(file))
    theirs = diff_of_files(name, old, kaggle)
    try:
        path = place_of(project.root, project.library, file)
        here = path.read_bytes() if path.exists() else None
        if here == kaggle:
            return FileChange(name, State.HERE, f"{name}: changed on Kaggle, and in the same way here")
        if here is None and old is None and not is_new_name(file):
            raise KernelgenError(f"{name}: is a hidden file, which --apply does not make")
        _check(file, kaggle)
    except OSError as error:
        message = f"{name}: cannot be read here ({error.strerror}); nothing is taken over"
        return FileChange(name, State.REFUSED, message, theirs, aside=kaggle)
    except KernelgenError as error:
        message = f"{name}: changed on Kaggle, and cannot be taken over: {_without(name, str(error))}"
        return FileChange(name, State.REFUSED, message, theirs, aside=kaggle)
    if here == old:
        news = "is new on Kaggle" if old is None else "changed on Kaggle"
        message = f"{name}: {news}; --apply writes it"
        if not base.is_built:
            message = f"{name}: is {'only on Kaggle' if here is None else 'not on Kaggle as it is here'}"
        return FileChange(name, State.WRITE, message, theirs, here, wanted=kaggle, aside=kaggle)
    if old is None:
        message = f"{name}: CONFLICT: is new on Kaggle, and another file of that name is here; not touched"
        return FileChange(name, State.CONFLICT, message, diff_of_files(name, here, kaggle), here, aside=kaggle)
    if here is None:
        message = f"{name}: CONFLICT: changed on Kaggle, but no longer here; not made again"
        return FileChange(name, State.CONFLICT, message, theirs, aside=kaggle)
    return _put_together(file, old, here, kaggle, theirs)


def _put_together(file: PurePosixPath, old: bytes, here: bytes, kaggle: bytes, theirs: tuple[str, ...]) -> FileChange:
    name = visible(str(file))
    both, marked = merged(old, here, kaggle)
    problem = "changed on Kaggle and here, in each other's way; not touched"
    if both is not None:
        try:
            _check(file, both)
        except KernelgenError as error:
            problem = f"changed on Kaggle and here; put together it is broken ({error}); not touched"
            both, marked = None, both
    if both is None:
        ours = diff_of_files(name, old, here)
        diff = ("on Kaggle:", *theirs, "here:", *ours)
        return FileChange(name, State.CONFLICT, f"{name}: CONFLICT: {problem}", diff, here, aside=marked or kaggle)
    if both == here:
        return FileChange(name, State.HERE, f"{name}: changed on Kaggle, and that is here already")
    message = f"{name}: changed on Kaggle and here, at different places; --apply puts Kaggle's into the file here"
    return FileChange(name, State.WRITE, message, diff_of_files(name, here, both), here, wanted=both, aside=both)


def _check(file: PurePosixPath, data: bytes) -> None:
    if file.suffix == ".py":
        parse(data, visible(str(file)))


def _without(name: str, text: str) -> str:
    return text.removeprefix(f"{name}: ")


def is_library_cell(cell: NotebookNode, number: int) -> bool:
    """Whether a cell is one file of the library and nothing else."""
    try:
        return any(written.body is not None for written in files_of_cell(cell, number))
    except KernelgenError:
        return True


def code_files(cell: NotebookNode, number: int) -> set[str]:
    """The files that a cell of ordinary code fills."""
    try:
        found = files_of_cell(cell, number)
    except KernelgenError:
        return set()
    return {visible(str(one.file)) for one in found if one.body is None and not one.is_touched}
