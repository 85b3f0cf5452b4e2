"""Data files: which are shipped, and which code reads although they are not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.data_folders import FolderUses
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.paths import UNREAD, is_part, text_of
from kernelgen.inlining.source import ParsedSource

_LONGEST = 200  # a longer text is no file's path, and some systems refuse to look for it
_PATHS = (ast.Constant, ast.BinOp, ast.JoinedStr, ast.Call)
_DOCUMENTS = re.compile(
    r"(?i)(readme|licen[cs]e|copying|notice|changelog)\b.*|py\.typed|.*\.(md|rst|pyi|pyc|orig)|\..*"
)


@dataclass(frozen=True)
class ShippedFile:
    """A data file that goes into the notebook. file: relative to the library's root, "pk/x.csv"."""

    file: PurePosixPath
    path: Path
    data: bytes


def shipped_files(library: Library, files: Sequence[str]) -> tuple[ShippedFile, ...]:
    """The data files that `files` of a kernel names: files, folders or globs.

    Raises:
        KernelgenError: where a name lies outside the project or nothing has it.
    """
    found: dict[PurePosixPath, ShippedFile] = {}
    for name in files:
        pure = PurePosixPath(name)
        where = f"files = [{name!r}]"
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise KernelgenError(f"{where}: must lie in the project; give its path relative to {library.root.name}/")
        path = library.root / pure
        if path.is_dir():
            paths = sorted(path.rglob("*"))
        else:
            paths = [path] if path.is_file() else sorted(library.root.glob(name))
        paths = [one for one in paths if one.is_file() and "__pycache__" not in one.parts]
        if not paths:
            raise KernelgenError(f"{where}: there is no such file in {library.root}; correct its path")
        for one in paths:
            file = PurePosixPath(one.relative_to(library.root).as_posix())
            try:
                found[file] = ShippedFile(file, one, one.read_bytes())
            except OSError as error:
                raise KernelgenError(f"{where}: cannot be read ({error.strerror}); check its permissions") from None
    return tuple(found[file] for file in sorted(found))


def check_data_files(
    library: Library, read: Sequence[ParsedSource], modules: Sequence[Module], shipped: Sequence[ShippedFile]
) -> None:
    """Refuse what reads a file that the notebook would not hold.

    Raises:
        KernelgenError: with file and line, and the way out.
    """
    present = {file.file for file in shipped} | {module.file for module in modules}
    finder = _DataFinder(library, read, present)
    for source in read:
        for message in finder.problems(source):
            raise KernelgenError(message)


class _DataFinder:
    """Finds what sources read of a library's folder. present: the files that the notebook holds."""

    def __init__(self, library: Library, read: Sequence[ParsedSource], present: set[PurePosixPath]):
        self.library = library
        self.present = present
        folder = library.root / library.name
        paths = sorted(folder.rglob("*")) if folder.is_dir() else []
        files = [PurePosixPath(path.relative_to(library.root).as_posix()) for path in paths if path.is_file()]
        self.files = [file for file in files if "__pycache__" not in file.parts]
        self.names = {file.name for file in self.files}
        self.absent = [file for file in self.files if file not in present]
        self.lacks_data = any(file.suffix != ".py" and not _DOCUMENTS.fullmatch(file.name) for file in self.absent)
        folders = {parent.parts for file in self.files for parent in file.parents}
        located: set[str] = set()
        modules = [source for source in read if source.package is not None] if self.absent else []
        before = -1
        while len(located) > before:
            before = len(located)
            for source in modules:
                FolderUses(library, source, folders, located)
        self.uses = {source: FolderUses(library, source, folders, located) for source in read}

    def problems(self, source: ParsedSource) -> Iterator[str]:
        """A line for everything that a source reads and the notebook would not hold."""
        uses = self.uses[source]
        locates = uses.locates(source.tree)
        for node, parent in source.parents.items():
            if not isinstance(node, _PATHS) or isinstance(parent, ast.Expr):
                continue
            text = text_of(node)
            path = text.rpartition(UNREAD)[2]
            if locates or path.rpartition("/")[2] in self.names:
                relative = None if text != path or is_part(node, parent) else self._from_working_folder(path)
                if file := relative or self._absent(path, locates, is_cell=source.package is None):
                    yield f"{source.where(node)}: {self._explain(file, is_relative=file is relative)}"
        for line, magic in source.magics:
            for file in filter(None, map(self._from_working_folder, re.findall(r"[\w./-]+", magic))):
                yield f"{source.where(line)}: {self._explain(file, is_relative=True)}"
        own = PurePosixPath(source.file).parent if source.package is not None else PurePosixPath()
        listed = uses.lists() if any(own in file.parents for file in self.absent) else iter(())
        for node in (*listed, *(uses.reads() if self.lacks_data else ())):
            yield (
                f"{source.where(node)}: may read any file in the library's folder, and the notebook does not hold all "
                f'of them; list them in kernels.toml, files = ["{self.library.name}/…"] of the kernel '
                "(for modules: include = [...])"
            )

    # --- files by their names -----------------------------------------------------------------------------------

    def _from_working_folder(self, text: str) -> PurePosixPath | None:
        """The file of the library that a path names if it starts in the project's folder: "pk/x.csv"."""
        file = PurePosixPath(text.removeprefix("./"))
        return file if file.parts[:1] == (self.library.name,) and file in self.files else None

    def _absent(self, path: str, locates: bool, *, is_cell: bool) -> PurePosixPath | None:
        """A file that is not in the notebook and whose path ends in this one.

        In a template's cell `x.csv` is a file of its own, unless the cell asks where the library lies.
        """
        parts = tuple(part for part in normpath(path).split("/") if part not in {"", ".", ".."})
        if not parts or len(path) > _LONGEST or (is_cell and not locates and parts[0] != self.library.name):
            return None
        for file in self.absent:
            if file.suffix == ".py" and not locates:
                continue
            if file.parts[-len(parts) :] == parts or path.startswith("../") and parts[-len(file.parts) :] == file.parts:
                return file
        beside = PurePosixPath(*parts)
        is_beside = locates and len(parts) > 1 and parts[0] != self.library.name and beside not in self.present
        return beside if is_beside and Path(self.library.root, beside).is_file() else None

    def _explain(self, file: PurePosixPath, *, is_relative: bool) -> str:
        module = self.library.by_file.get(file)
        if is_relative and module:
            return (
                f"names {file} by its path from the working folder, which on Kaggle is another; use "
                f"`python -m {module.name}`, or make the path from `__file__` in the library"
            )
        if is_relative:
            return (
                f"names {file} by its path from the working folder, which on Kaggle is another; make the path from "
                f'`__file__` in the library, and list the file in kernels.toml, files = ["{file}"] of the kernel'
            )
        if module:
            return (
                f"names the source {file}, which no import brings into the notebook; list it in kernels.toml, "
                f'include = ["{module.name}"] of the kernel'
            )
        return (
            f"names the data file {file}, which the notebook does not hold; list it in kernels.toml, "
            f'files = ["{file}"] of the kernel, or attach it as a dataset'
        )
