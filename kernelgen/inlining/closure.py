"""The library modules and files that code needs, in the order in which they depend on each other."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.bound_names import bound_names, registered_modules, stored_attributes
from kernelgen.inlining.data_files import DataFinder, Need
from kernelgen.inlining.evaluator import Evaluator
from kernelgen.inlining.imports import Import, ImportFinder
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.notebook_limits import check_cells, check_run
from kernelgen.inlining.source import Code, Source, Sources
from kernelgen.inlining.syntax import IMAGE_PYTHON


@dataclass(frozen=True)
class ShippedFile:
    """A data file that goes into the notebook. file: relative to the library's root, "pk/x.csv"."""

    file: PurePosixPath
    path: Path
    data: bytes


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
    python: tuple[int, int] = IMAGE_PYTHON,
) -> Closure:
    """The closure of what `code` imports, of the modules in `include` and of the data `files`.

    include: names or globs of library modules that are imported by names which cannot be read off the source.
    files: data files, folders or globs, relative to the library's root.
    python: the version that the notebook will meet.

    Raises KernelgenError, with file and line, where the notebook's library could not behave as the folder does:
    missing modules, imports whose names cannot be told, data files that are not shipped, syntax that is too new.
    """
    walk = _Walk(library, python, include, files)
    walk.run(code)
    return walk.closure()


# What a walk meets in a source, in its order: modules to follow, what comes from elsewhere, folders without
# `__init__` on the way, and imports to judge once all that is imported is known.
_Step = Module | ThirdParty | PurePosixPath | Import


class _Reading:
    """What has been read off a library's sources, once for all kernels that are built from it."""

    def __init__(self, library: Library, python: tuple[int, int]):
        self.library = library
        self.sources = Sources(library, python)
        self.evaluator = Evaluator(library, self.sources)
        self.finder = ImportFinder(library, self.sources, self.evaluator)
        self.data = DataFinder(library, self.evaluator, self.finder)
        self._steps: dict[Source, tuple[_Step, ...]] = {}
        self._needs: dict[Source, tuple[Need, ...]] = {}

    def begin(self, cells: Sequence[Source]) -> None:
        """Makes ready for another notebook: what a cell means depends on the others."""
        self.evaluator.forget_cells()
        for source in cells:
            source.neighbours = tuple(other for other in cells if other is not source)
            self._steps.pop(source, None)
            self._needs.pop(source, None)

    def steps(self, source: Source) -> tuple[_Step, ...]:
        if source not in self._steps:
            self._steps[source] = tuple(dict.fromkeys(self._read_steps(source)))
        return self._steps[source]

    def needs(self, source: Source) -> tuple[Need, ...]:
        if source not in self._needs:
            self._needs[source] = tuple(self.data.needs(source))
        return self._needs[source]

    def with_parents(self, name: str) -> Iterator[Module | PurePosixPath]:
        """A module and the packages above it, as far as they are there; the folders of those without `__init__`."""
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            prefix = ".".join(parts[:length])
            module = self.library.module(prefix)
            if module is not None:
                yield module
            elif self.library.is_namespace(prefix):
                yield PurePosixPath(*parts[:length])

    def _read_steps(self, source: Source) -> Iterator[_Step]:
        for one in self.finder.imports(source):
            if one.kind == "foreign":
                yield ThirdParty(one.name, one.where, one.guarded)
            elif one.kind == "unknown":
                yield one
            elif one.kind == "member":
                full = f"{one.name}.{one.attribute}"
                if self.library.exists(full):
                    yield from self.with_parents(full)
                elif self.library.exists(one.name):
                    module = self.library.module(one.name)
                    # An attribute that a plain module lacks fails in the notebook as it does in the folder.
                    if module is None or module.is_package:
                        yield one
            elif self.library.exists(one.name):
                yield from self.with_parents(one.name)
            elif one.kind == "module":
                # What can be imported of the way there is imported before the rest is found to be missing.
                yield from self.with_parents(one.name)
                yield one


_reading = lru_cache(maxsize=4)(_Reading)


class _Walk:
    def __init__(self, library: Library, python: tuple[int, int], include: Sequence[str], files: Sequence[str]):
        self.library = library
        self.include = tuple(include)
        self.reading = _reading(library, python)
        self.sources, self.evaluator = self.reading.sources, self.reading.evaluator
        self.files = _shipped(library, files)
        self.seen: set[str] = set()
        self.modules: list[Module] = []
        self.read: list[Source] = []
        self.folders: set[PurePosixPath] = set()
        self.third_party: dict[ThirdParty, None] = {}
        self.judged: dict[str, list[Import]] = {"member": [], "module": [], "unknown": []}

    def run(self, code: Sequence[Code]) -> None:
        pieces = [self.sources.of_code(piece) for piece in code]
        self.reading.begin(pieces)
        check_cells(pieces, self.evaluator)
        for source in pieces:
            self._follow(self._imports(source))
        for pattern in self.include:
            self._follow(self._modules(self._included(pattern)))
        self._check_unknown()
        self._check_missing()
        self._check_members()
        self._check_data()
        check_run(pieces, self.read, self.evaluator)

    def closure(self) -> Closure:
        files = tuple(file for file in self.files if file.file not in {module.file for module in self.modules})
        folders = set(self.folders)
        for path in (*self.folders, *(one.file for one in (*self.modules, *files))):
            folders |= _above(path)
        return Closure(tuple(self.modules), tuple(sorted(folders)), files, tuple(self.third_party))

    # --- the walk -----------------------------------------------------------------------------------------------

    def _follow(self, steps: Iterator[Module]) -> None:
        """Depth first, each module after what it imports; on a stack of its own, as chains may be long."""
        stack: list[tuple[Module | None, Iterator[Module]]] = [(None, steps)]
        while stack:
            module, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                if module is not None:
                    self.modules.append(module)
            elif following.name not in self.seen:
                self.seen.add(following.name)
                stack.append((following, self._imports(self.sources.of_module(following))))

    def _imports(self, source: Source) -> Iterator[Module]:
        self.read.append(source)
        yield from self._modules(self.reading.steps(source))

    def _modules(self, steps: Iterable[_Step]) -> Iterator[Module]:
        for step in steps:
            if isinstance(step, Module):
                yield step
            elif isinstance(step, ThirdParty):
                self.third_party[step] = None
            elif isinstance(step, PurePosixPath):
                self.folders.add(step)
            else:
                self.judged[step.kind].append(step)

    def _included(self, pattern: str) -> list[_Step]:
        exact = self.library.module(pattern)
        found = [exact] if exact else [one for one in self.library.modules() if fnmatchcase(one.name, pattern)]
        if not found:
            raise KernelgenError(
                f"include = [{pattern!r}]: the library {self.library.name} has no such module; "
                "name modules that exist, such as "
                f"{self.library.name}.*"
            )
        return [step for module in found for step in self.reading.with_parents(module.name)]

    # --- refusals -----------------------------------------------------------------------------------------------

    def _check_unknown(self) -> None:
        for one in self.judged["unknown"]:
            foreign = self.reading.finder.foreign_by_callers(one, self.read)
            for root in foreign or ():
                self.third_party[ThirdParty(root, one.where, one.guarded)] = None
            if self.include or foreign is not None:
                continue
            raise KernelgenError(
                f"{one.where}: dynamic import `{_short(one.name)}`: which module it imports cannot be known when the "
                f"notebook is built; import it by a literal name, or list what it may import in kernels.toml, "
                f'include = ["{self.library.name}.…"] of the kernel'
            )

    def _check_missing(self) -> None:
        missing = [one for one in self.judged["module"] if not one.guarded]
        registered = set().union(*(registered_modules(source) for source in self.read)) if missing else set()
        for one in missing:
            if one.name in registered or "*" in registered:
                continue
            raise KernelgenError(
                f"{one.where}: there is no module {one.name} in the library ({self._nearest(one.name)}); "
                "correct the name, add the module, or guard the import with try/except ImportError"
            )

    def _nearest(self, name: str) -> str:
        place = "/".join(name.split("."))
        above = name.rpartition(".")[0]
        module = self.library.module(above) if above else None
        if module is not None and not module.is_package:
            return f"{module.file} is a module, not a package"
        return f"neither {place}.py nor {place}/ exists"

    def _check_members(self) -> None:
        members = [one for one in self.judged["member"] if not one.guarded and not self._binds(one)]
        stored = set().union(*(stored_attributes(source) for source in self.read)) if members else set()
        for one in members:
            if one.attribute in stored or "*" in stored:
                continue
            place = "/".join(one.name.split("."))
            raise KernelgenError(
                f"{one.where}: there is no module {one.name}.{one.attribute} in the library (neither "
                f"{place}/{one.attribute}.py nor {place}/{one.attribute}/ exists, and {place}/__init__.py does not "
                "bind that name); correct the name, add the module, or guard the import with try/except ImportError"
            )

    def _binds(self, member: Import) -> bool:
        """Whether the package that a name is taken from binds it by itself, as far as can be told."""
        module = self.library.module(member.name)
        known = bound_names(self.sources.of_module(module)) if module else frozenset()
        return known is None or member.attribute in known

    def _check_data(self) -> None:
        if not self.reading.data.may_read(self.read):
            return
        shipped = {str(file.file) for file in self.files}
        present = shipped | {str(module.file) for module in self.modules}
        for source in self.read:
            for need in self.reading.needs(source):
                if need.kind in {"file", "source"} and need.file in present:
                    continue
                if need.kind in {"folder", "unknown"} and (shipped or (need.kind == "folder" and self.include)):
                    continue
                raise KernelgenError(f"{need.where}: {_explain(need, self.library)}")


@lru_cache(maxsize=4096)
def _above(path: PurePosixPath) -> frozenset[PurePosixPath]:
    """The folders that a file or folder lies in, but for the library's root."""
    return frozenset(parent for parent in path.parents if parent.parts)


def _explain(need: Need, library: Library) -> str:
    if need.kind == "file":
        return (
            f"reads the data file {need.file} beside the library, which the notebook does not hold; "
            f'list it in kernels.toml, files = ["{need.file}"] of the kernel, or attach it as a dataset'
        )
    if need.kind == "source":
        module = library.by_file[PurePosixPath(need.file)]
        return (
            f"reads the source {need.file}, which no import brings into the notebook; "
            f'list it in kernels.toml, include = ["{module.name}"] of the kernel'
        )
    if need.kind == "outside":
        return f"reads the file {need.file} outside the project; attach it as a dataset"
    if need.kind == "relative":
        return (
            f"reads {need.file} relative to the working folder, which on Kaggle is another; make the path from "
            f'`__file__` in the library and list it in kernels.toml, files = ["{need.file}"] of the kernel'
        )
    place = f" of {need.file}/" if need.file not in {"", "."} else ""
    what = f"uses the folder{place} as a whole" if need.kind == "folder" else f"reads files{place} by unknown names"
    return (
        f"{what}, beside the library, and the notebook holds no file that is not listed; list what it needs in "
        f'kernels.toml, files = ["{need.file or library.name}/…"] of the kernel (for modules: include = [...])'
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "…"


def _shipped(library: Library, files: Sequence[str]) -> tuple[ShippedFile, ...]:
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
