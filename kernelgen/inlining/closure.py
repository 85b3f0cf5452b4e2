"""The library modules and files that code needs, in the order in which they depend on each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.data_files import ShippedFile, check_data_files, shipped_files
from kernelgen.inlining.imports import Import, ImportFinder
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.notebook_limits import check_limits
from kernelgen.inlining.scripts import check_scripts
from kernelgen.inlining.source import Code, ParsedSource, source_of_cells, source_of_module

# With these a package binds names that no reader can tell.
_BINDS_ANYTHING = r"__getattr__|import \*|\b(globals|vars|locals|exec|setattr|__dict__)\b|\bsys\.modules\b"


@dataclass(frozen=True)
class ThirdParty:
    """An import of something that is neither the standard library's nor the library's.

    root: "numpy". where: "pk/a.py:3". guarded: the code goes on without it.
    """

    root: str
    where: str
    guarded: bool


@dataclass(frozen=True)
class Closure:
    """What a notebook must hold for its code to find the library as it is.

    modules: each after what it imports, as far as cycles allow. folders: all that they and the files lie in, packages
    without `__init__` among them. third_party: every import that must come from somewhere else.
    """

    modules: tuple[Module, ...] = ()
    folders: tuple[PurePosixPath, ...] = ()
    files: tuple[ShippedFile, ...] = ()
    third_party: tuple[ThirdParty, ...] = ()


def closure(
    library: Library,
    code: Sequence[Code],
    *,
    include: Sequence[str] = (),
    files: Sequence[str] = (),
) -> Closure:
    """Follow what a template's `code` imports, the modules in `include` and the data `files`.

    Args:
        include: names or globs of library modules that are imported by names which cannot be read off the source.
        files: data files, folders or globs, relative to the library's root.

    Raises:
        KernelgenError: with file and line, where the notebook's library could not behave as the folder does: missing
            modules, imports whose names cannot be told, data files that are not shipped, syntax that is too new.
    """
    included = [module for pattern in include for module in _included(library, pattern)]
    written = {name for cell in code for name in cell.writes_modules}
    walk = _Walk(library, ImportFinder(library, written, [module.name for module in included]))
    cells = source_of_cells(code)
    walk.follow(walk.imports(cells))
    for module in included:
        walk.follow(walk.with_parents(module.name))
    walk.check_missing()
    shipped = shipped_files(library, files)
    present = {module.file for module in walk.modules}
    check_data_files(library, walk.read, present | {file.file for file in shipped})
    check_scripts(library, written, walk.read)
    check_limits(library, code, cells, walk.read)
    shipped = tuple(file for file in shipped if file.file not in present)
    paths = [*walk.folders, *present, *(file.file for file in shipped)]
    folders = walk.folders | {parent for path in paths for parent in path.parents if parent.parts}
    return Closure(tuple(walk.modules), tuple(sorted(folders)), shipped, tuple(walk.third_party))


class _Walk:
    """Collects the modules that sources need. read: every source that was read, cells first."""

    def __init__(self, library: Library, finder: ImportFinder):
        self.library = library
        self.finder = finder
        self.modules: list[Module] = []
        self.read: list[ParsedSource] = []
        self.folders: set[PurePosixPath] = set()
        self.third_party: dict[ThirdParty, None] = {}
        self.missing: list[Import] = []
        self._seen: set[str] = set()

    def follow(self, needed: Iterator[Module]) -> None:
        """Add modules depth first, each after what it imports; on a stack of its own, as chains may be long."""
        stack: list[tuple[Module | None, Iterator[Module]]] = [(None, needed)]
        while stack:
            module, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                if module is not None:
                    self.modules.append(module)
            elif following.name not in self._seen:
                self._seen.add(following.name)
                stack.append((following, self.imports(source_of_module(following))))

    def imports(self, source: ParsedSource) -> Iterator[Module]:
        """The modules that a source imports; what is missing is judged when everything is read."""
        self.read.append(source)
        for found in self.finder.imports(source):
            if found.kind == "foreign":
                self.third_party[ThirdParty(found.name, found.where, found.is_optional)] = None
            elif self.library.exists(found.full_name):
                yield from self.with_parents(found.full_name)
            elif found.kind != "present":
                # What can be imported of the way there is imported before the rest is found to be missing.
                yield from self.with_parents(found.name)
                if not found.is_optional:
                    self.missing.append(found)

    def with_parents(self, name: str) -> Iterator[Module]:
        """A module and the packages above it, as far as they exist; folders without `__init__` are noted."""
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            prefix = ".".join(parts[:length])
            module = self.library.module(prefix)
            if module is not None:
                yield module
            elif self.library.is_namespace(prefix):
                self.folders.add(PurePosixPath(*parts[:length]))

    def check_missing(self) -> None:
        """Raise KernelgenError for the first import of a library module that no file and no code makes."""
        text = "\n".join(source.text for source in self.read)
        for found in self.missing:
            if not self._is_made(found, text):
                place = found.full_name.replace(".", "/")
                raise KernelgenError(
                    f"{found.where}: there is no module {found.full_name} in the library (neither {place}.py nor "
                    f"{place}/ exists); correct the name, add the module, or guard the import with try/except "
                    "ImportError"
                )

    def _is_made(self, missing: Import, text: str) -> bool:
        """Whether what no file holds is there all the same, as the package binds it or other code sets it."""
        if missing.kind == "module":
            return bool(re.search(rf"""modules\[["']{re.escape(missing.name)}["']\]\s*=""", text))
        package = self.library.module(missing.name)
        if package is None:
            return not self.library.is_namespace(missing.name)  # if it is missing too, it is told by itself
        if not package.is_package or missing.attribute.startswith("__") or re.search(_BINDS_ANYTHING, package.text):
            return True  # an attribute that a plain module lacks fails in the notebook as it does in the folder
        uses = re.findall(rf"\b{re.escape(missing.attribute)}\b", package.text)
        is_own = missing.where.startswith(f"{package.file}:")  # `from . import name` in the package binds nothing
        return len(uses) > is_own or bool(re.search(rf"\.{re.escape(missing.attribute)}\s*=[^=]", text))


def _included(library: Library, pattern: str) -> list[Module]:
    exact = library.module(pattern)
    found = [exact] if exact else [module for module in library.modules() if fnmatchcase(module.name, pattern)]
    if not found:
        raise KernelgenError(
            f"include = [{pattern!r}]: the library {library.name} has no such module; "
            f"name modules that exist, such as {library.name}.*"
        )
    return found
