"""The library modules and files that code needs, in the order in which they depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from kernelgen.errors import KernelgenError, near
from kernelgen.inlining.data_files import ShippedFile, check_files, shipped_files
from kernelgen.inlining.imports import ImportWalk, ThirdParty
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.notebook_limits import check_limits
from kernelgen.inlining.source import Code, source_of_cells


@dataclass(frozen=True)
class Closure:
    """What a notebook must hold for its code to find the library as it is.

    modules: each after what it imports, as far as cycles allow. folders: all that they and the files lie in.
    """

    modules: tuple[Module, ...] = ()
    folders: tuple[PurePosixPath, ...] = ()
    files: tuple[ShippedFile, ...] = ()
    third_party: tuple[ThirdParty, ...] = ()


def closure(
    library: Library, code: Sequence[Code], *, include: Sequence[str] = (), files: Sequence[str] = ()
) -> Closure:
    """Follow what a template's `code` imports, the modules in `include` and the data `files`.

    Args:
        include: names or globs of library modules that are imported by names which cannot be read off the source.
        files: data files, folders or globs, relative to the library's root.

    Raises:
        KernelgenError: with file and line, where the notebook's library could not behave as the folder does: missing
            modules, imports whose names cannot be told, data files that are not shipped, syntax that is too new.
    """
    included = [name for pattern in include for name in _included(library, pattern)]
    written = {name for cell in code for name in cell.writes_modules}
    cells = source_of_cells(code)
    walk = ImportWalk(library, cells, written, included)
    shipped = shipped_files(library, files)
    present = {module.file for module in walk.modules}
    check_files(library, written, walk.read, present | {file.file for file in shipped})
    check_limits(library, code, cells, walk.read)
    shipped = tuple(file for file in shipped if file.file not in present)
    paths = [*walk.folders, *present, *(file.file for file in shipped)]
    folders = walk.folders | {parent for path in paths for parent in path.parents if parent.parts}
    return Closure(tuple(walk.modules), tuple(sorted(folders)), shipped, tuple(walk.third_party))


def _included(library: Library, pattern: str) -> list[str]:
    if library.module(pattern):
        return [pattern]
    found = [module.name for module in library.modules() if fnmatchcase(module.name, pattern)]
    if not found:
        hint = near(pattern, [module.name for module in library.modules()])
        raise KernelgenError(
            f"include = [{pattern!r}]: the library {library.name} has no such module{hint}; "
            f"name modules that exist, such as {library.name}.*"
        )
    return found
