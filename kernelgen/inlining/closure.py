"""The library modules and files that code needs, in the order in which they depend on each other."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.data_files import ShippedFile, check_data_files, shipped_files
from kernelgen.inlining.imports import Import, ImportFinder
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.members import binds, registers, sets_attribute
from kernelgen.inlining.notebook_limits import check_limits
from kernelgen.inlining.source import Code, ParsedSource, source_of_module, sources_of_cells
from kernelgen.inlining.string_values import OPEN, Literals
from kernelgen.inlining.syntax import IMAGE_PYTHON


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
    """Follow what a template's `code` imports, the modules in `include` and the data `files`.

    Args:
        include: names or globs of library modules that are imported by names which cannot be read off the source.
        files: data files, folders or globs, relative to the library's root.
        python: the version that the notebook will meet.

    Raises:
        KernelgenError: with file and line, where the notebook's library could not behave as the folder does: missing
            modules, imports whose names cannot be told, data files that are not shipped, syntax that is too new.
    """
    walk = _Walk(library, python, {cell.writes_module for cell in code})
    cells = sources_of_cells(code, python)
    for source in cells:
        walk.follow(walk.imports(source))
    included = [module for pattern in include for module in _included(library, pattern)]
    for module in included:
        walk.follow(walk.with_parents(module.name))
    walk.check(included)
    shipped = shipped_files(library, files)
    check_data_files(library, walk.read, walk.modules, shipped)
    check_limits(library, code, cells[0], walk.read)
    present = {module.file for module in walk.modules}
    shipped = tuple(file for file in shipped if file.file not in present)
    paths = [*walk.folders, *present, *(file.file for file in shipped)]
    folders = walk.folders | {parent for path in paths for parent in path.parents if parent.parts}
    return Closure(tuple(walk.modules), tuple(sorted(folders)), shipped, tuple(walk.third_party))


class _Walk:
    """Collects the modules that sources need. read: every source that was read, cells first."""

    def __init__(self, library: Library, python: tuple[int, int], written: set[str]):
        self.library = library
        self.python = python
        self.finder = ImportFinder(library, python, written)
        self.modules: list[Module] = []
        self.read: list[ParsedSource] = []
        self.folders: set[PurePosixPath] = set()
        self.third_party: dict[ThirdParty, None] = {}
        self.judged: list[tuple[Import, ParsedSource]] = []
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
                stack.append((following, self.imports(source_of_module(following, self.python))))

    def imports(self, source: ParsedSource) -> Iterator[Module]:
        """The modules that a source imports; what cannot be followed is kept to be judged at the end."""
        self.read.append(source)
        for found in self.finder.imports(source):
            name = f"{found.name}.{found.attribute}" if found.attribute else found.name
            if found.kind == "foreign":
                self.third_party[ThirdParty(found.name, found.where, found.is_optional)] = None
            elif found.kind in {"unknown", "beside"}:
                self.judged.append((found, source))
            elif self.library.exists(name):
                yield from self.with_parents(name)
            elif found.kind in {"module", "member"}:
                # What can be imported of the way there is imported before the rest is found to be missing.
                yield from self.with_parents(found.name)
                self.judged.append((found, source))

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

    def check(self, included: Sequence[Module]) -> None:
        """Raise KernelgenError for the first import that a notebook could not do as a script does it."""
        for found, source in self.judged:
            if found.kind == "beside":
                raise KernelgenError(f"{found.where}: {_explain_beside(found.name, self.library)}")
            if found.kind == "unknown" and not self._is_answered(found, source, included):
                raise KernelgenError(f"{found.where}: {_explain_unknown(found, self.library)}")
        for found, _ in self.judged:
            if found.kind in {"module", "member"} and not found.is_optional and not self._is_made(found):
                raise KernelgenError(f"{found.where}: {_explain_missing(found, self.library)}")

    def _is_made(self, missing: Import) -> bool:
        """Whether what no file holds is there all the same when it is imported."""
        if missing.kind == "module":
            return registers(self.read, missing.name)
        module = self.library.module(missing.name)
        if module is not None and not module.is_package:
            return True  # an attribute that a plain module lacks fails in the notebook as it does in the folder
        bound = module is not None and binds(source_of_module(module, self.python), missing.attribute)
        return bound or not self.library.exists(missing.name) or sets_attribute(self.read, missing.attribute)

    def _is_answered(self, unknown: Import, source: ParsedSource, included: Sequence[Module]) -> bool:
        """Whether `include` names modules that the import may mean, or its callers name all of them."""
        if any(module.name.startswith(unknown.name) for module in included):
            return True
        texts = list(_texts_of_callers(unknown, source, self.read))
        if not texts or any(OPEN in text or text.startswith(".") for text in texts):
            return False
        for text in texts:
            root = text.partition(".")[0]
            if self.library.exists(text):
                self.follow(self.with_parents(text))
            elif self.library.owns(text):
                if not unknown.is_optional:
                    return False
            elif root not in self.finder.standard:
                self.third_party[ThirdParty(root, unknown.where, unknown.is_optional)] = None
        return True


def _texts_of_callers(unknown: Import, source: ParsedSource, read: Iterable[ParsedSource]) -> Iterator[str]:
    """What callers hand to a function `def optional(name): … import_module(name)`; OPEN where that cannot be read."""
    call = unknown.node
    argument = call.args[0] if isinstance(call, ast.Call) and call.args else None
    around = [parent for _, parent in source.around(call)] if call else []
    function = next((parent for parent in around if isinstance(parent, ast.FunctionDef)), None)
    parameters = [one.arg for one in function.args.args] if function else []
    if function is None or source.parents[function] is not source.tree or function.decorator_list:
        return
    if not isinstance(argument, ast.Name) or argument.id not in parameters:
        return
    position = parameters.index(argument.id)
    for other in read:
        literals = Literals(other)
        names = {local for local, full in other.aliases.items() if full.rpartition(".")[2] == function.name}
        names |= {function.name} if other is source else set()
        for node, parent in other.parents.items():
            if getattr(node, "id", "") in names or getattr(node, "attr", "") == function.name:
                if isinstance(parent, ast.Call) and parent.func is node and len(parent.args) > position:
                    yield from literals.texts(parent.args[position])
                else:
                    yield OPEN


def _included(library: Library, pattern: str) -> list[Module]:
    exact = library.module(pattern)
    found = [exact] if exact else [module for module in library.modules() if fnmatchcase(module.name, pattern)]
    if not found:
        raise KernelgenError(
            f"include = [{pattern!r}]: the library {library.name} has no such module; "
            f"name modules that exist, such as {library.name}.*"
        )
    return found


def _explain_unknown(unknown: Import, library: Library) -> str:
    text = " ".join(ast.unparse(unknown.node).split()) if unknown.node else ""
    text = text if len(text) <= 80 else text[:77] + "…"
    above = unknown.name.rpartition(".")[0] or library.name
    return (
        f"dynamic import `{text}`: which module it imports cannot be known when the notebook is built; import it by a "
        f'literal name, or list what it may import in kernels.toml, include = ["{above}.*"] of the kernel'
    )


def _explain_beside(name: str, library: Library) -> str:
    root = name.partition(".")[0]
    file = f"{root}.py" if (library.root / f"{root}.py").is_file() else f"{root}/"
    return (
        f"imports {name} from {file} beside the library, which no notebook holds; move {file} into {library.name}/ "
        f"and import {library.name}.{name}"
    )


def _explain_missing(found: Import, library: Library) -> str:
    name = f"{found.name}.{found.attribute}" if found.attribute else found.name
    place = "/".join(name.split("."))
    module = library.module(name.rpartition(".")[0])
    if module is not None and not module.is_package:
        reason = f"{module.file} is a module, not a package"
    else:
        reason = f"neither {place}.py nor {place}/ exists"
        reason += f", and {module.file} does not bind that name" if module is not None and found.attribute else ""
    return (
        f"there is no module {name} in the library ({reason}); "
        "correct the name, add the module, or guard the import with try/except ImportError"
    )
