"""What a piece of source imports, by statement or by call."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kernelgen.inlining.evaluator import Evaluator
from kernelgen.inlining.guards import Guards
from kernelgen.inlining.library import IMPORTER, Library
from kernelgen.inlining.source import Source, Sources
from kernelgen.inlining.values import (
    External,
    Function,
    Items,
    LibraryModule,
    Spec,
    Table,
    Unknown,
    Values,
    is_beside,
)

_IMPORT_MODULE = "importlib.import_module"
_DUNDER_IMPORT = frozenset({"builtins.__import__", "importlib.__import__"})
_IMPORTERS = _DUNDER_IMPORT | {_IMPORT_MODULE}
# Take a dotted name first and import it: the position and keyword of that name.
_BY_NAME = {
    _IMPORT_MODULE: "name",
    "importlib.util.find_spec": "name",
    "importlib.util.resolve_name": "name",
    "runpy.run_module": "mod_name",
    "pkgutil.resolve_name": "name",
    "pkgutil.find_loader": "fullname",
    "pkgutil.get_loader": "module_or_name",
    "pkgutil.get_data": "package",
    "unittest.mock.patch": "target",
    "pydoc.locate": "path",
}
# Ask or read and import nothing that could be missed: an unknown name is no fault.
_LENIENT = frozenset(
    {"importlib.util.find_spec", "importlib.util.resolve_name", "pkgutil.get_data", "unittest.mock.patch"}
)
_WALKERS = frozenset({"pkgutil.iter_modules", "pkgutil.walk_packages"})
_RESOURCES = "files path read_text read_binary open_text open_binary contents is_resource as_file"
# What functions that may import something are called, if they are called by their own names.
_NAMES = frozenset(name.rpartition(".")[2] for name in (*_BY_NAME, *_IMPORTERS, *_WALKERS)) | frozenset(
    f"exec eval map attach set_forkserver_preload {_RESOURCES}".split()
)
# Where imports are found, besides the names of functions that import.
_LOOKED_AT = frozenset({ast.Import, ast.ImportFrom, ast.Call, ast.List, ast.Tuple, ast.Dict})
# The standard library's modules that left it, by the first Python without them.
_GONE = {
    (3, 12): "asynchat asyncore distutils imp smtpd",
    (
        3,
        13,
    ): "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr "
    "spwd sunau telnetlib uu xdrlib",
}


@dataclass(frozen=True)
class Import:
    """One import.

    kind: "module" (`name` itself), "member" (`attribute` of package `name`, a submodule or something bound there),
    "presence" (imported if it is there; nothing is wrong if not), "foreign" (neither the standard library's nor the
    library's) or "unknown" (a dynamic one, whose name cannot be told; `name` says what stands there).
    guarded: the code goes on without it. call, source: of an unknown one, the call that imports.
    """

    kind: str
    name: str
    where: str
    guarded: bool = False
    attribute: str = ""
    call: ast.AST | None = None
    source: Source | None = None


def standard_modules(python: tuple[int, int]) -> frozenset[str]:
    """Top-level names of that Python's standard library."""
    gone = {name for version, names in _GONE.items() if python >= version for name in names.split()}
    return frozenset(sys.stdlib_module_names) - gone | {"__main__", "__future__"}


class ImportFinder:
    """Finds the imports of sources of one library."""

    def __init__(self, library: Library, sources: Sources, evaluator: Evaluator):
        self.library = library
        self.sources = sources
        self.evaluator = evaluator
        self.guards = Guards(evaluator)
        self.standard = standard_modules(sources.python)

    def imports(self, source: Source) -> Iterator[Import]:
        """Every import that may be executed, in the order of the source."""
        texts = (one.text for one in (source, *source.neighbours))
        thorough = self.library.imports_dynamically or any(IMPORTER.search(text) for text in texts)
        names = _NAMES | {alias.asname for alias in _aliases(source) if alias.name in _NAMES}
        looked_at = _LOOKED_AT | {ast.Name, ast.Attribute} if thorough else _LOOKED_AT
        for node in source.scopes.nodes:
            if type(node) not in looked_at:
                continue
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                if not self.guards.is_dead(node, source):
                    yield from self._statement(node, source)
            elif isinstance(node, ast.Call):
                found = list(self._command(node.args, node, source))
                if thorough or getattr(node.func, "attr", getattr(node.func, "id", "")) in names:
                    found.extend(self._call(node, source))
                if found and not self.guards.is_dead(node, source):
                    yield from found
            elif isinstance(node, (ast.List, ast.Tuple)):
                yield from self._command(node.elts, node, source)
            elif isinstance(node, (ast.Name, ast.Attribute)):
                yield from self._handed_on(node, source)
            elif isinstance(node, ast.Dict):
                yield from self._configured(node, source)

    def foreign_by_callers(self, one: Import, read: list[Source]) -> list[str] | None:
        """The names that an unknown import imports, if its function is only ever called with names of others.

        So it is with a helper such as `optional("cupy")`. None where a caller cannot be read, or asks for a module of
        the library: then the name must be made known.
        """
        function = self._named_by_parameter(one)
        if function is None:
            return None
        parameter = one.call.args[0].id
        positional = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
        found: list[str] = []
        for source in read:
            for node in source.scopes.nodes:
                if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(node.ctx, ast.Load):
                    continue
                values = self.evaluator.values(node, source)
                if not any(isinstance(value, Function) and value.node is function for value in values):
                    continue
                call = source.scopes.parent_of.get(node)
                if not isinstance(call, ast.Call) or call.func is not node:
                    return None
                position = positional.index(parameter) if parameter in positional else len(positional)
                given = self.evaluator.argument(call, source, position, parameter)
                for name in given or (Unknown(),):
                    if not isinstance(name, str) or name.startswith(".") or self.library.owns(name):
                        return None
                    found.append(name.partition(".")[0])
        return [name for name in found if name not in self.standard] if found else None

    def _named_by_parameter(self, one: Import) -> ast.FunctionDef | None:
        """The function of the module's top whose parameter alone names what is imported."""
        if not (isinstance(one.call, ast.Call) and one.call.args and isinstance(one.call.args[0], ast.Name)):
            return None
        scopes = one.source.scopes
        scope = scopes.scope_of[one.call]
        bindings = scope.bindings.get(one.call.args[0].id, [])
        is_parameter = len(bindings) == 1 and bindings[0].how == "parameter"
        at_top = isinstance(scope.node, ast.FunctionDef) and scope.above is scopes.module
        return scope.node if is_parameter and at_top and not scope.node.decorator_list else None

    # --- statements ---------------------------------------------------------------------------------------------

    def _statement(self, node: ast.Import | ast.ImportFrom, source: Source) -> Iterator[Import]:
        guarded = self.guards.is_guarded(node, source)
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from self._named(alias.name, node, source, guarded)
            return
        package = source.resolve(node.level, node.module, node)
        yield from self._named(package, node, source, guarded)
        if not self.library.owns(package):
            return
        for alias in node.names:
            names = self._exported(package) if alias.name == "*" else [alias.name]
            for name in names:
                kind = "presence" if alias.name == "*" else "member"
                full = f"{package}.{name}" if kind == "presence" else package
                yield Import(kind, full, source.where(alias), guarded, name)

    def _named(self, name: str, node: ast.AST, source: Source, guarded: bool) -> Iterator[Import]:
        root = name.partition(".")[0]
        if self.library.owns(name):
            yield Import("module", name, source.where(node), guarded)
        elif root and root not in self.standard:
            yield Import("foreign", root, source.where(node), guarded)

    def _exported(self, package: str) -> list[str]:
        """What a package's `__all__` names."""
        module = self.library.module(package)
        if module is None or not module.is_package:
            return []
        source = self.sources.of_module(module)
        found: list[str] = []
        for node in source.tree.body:
            for one in ast.walk(node) if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ():
                value = None
                if isinstance(one, ast.Assign) and any(_is_all(target) for target in one.targets):
                    value = one.value
                elif isinstance(one, (ast.AugAssign, ast.AnnAssign)) and _is_all(one.target):
                    value = one.value
                elif (
                    isinstance(one, ast.Call)
                    and isinstance(one.func, ast.Attribute)
                    and one.func.attr in {"append", "extend", "insert"}
                    and _is_all(one.func.value)
                    and one.args
                ):
                    value = one.args[-1]
                if value is not None:
                    found.extend(self.evaluator.strings(value, source))
        return [name for name in dict.fromkeys(found) if name.isidentifier()]

    # --- calls --------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, source: Source) -> Iterator[Import]:
        for function in self.evaluator.values(node.func, source):
            if not isinstance(function, External):
                continue
            name = function.name.replace("importlib_resources", "importlib.resources")
            if name in _BY_NAME:
                yield from self._by_name(name, node, source)
            elif name in _DUNDER_IMPORT:
                yield from self._dunder_import(node, source)
            elif name in _WALKERS:
                yield from self._walked(node, source)
            elif name.startswith("importlib.resources."):
                keyword = "anchor" if name.endswith(".files") else "package"
                values = self.evaluator.argument(node, source, 0, keyword)
                yield from self._present(values or (), node, source)
            elif name == "builtins.map" and len(node.args) > 1 and self._is_importer(node.args[0], source):
                values = self.evaluator.elements(self.evaluator.values(node.args[1], source))
                yield from self._imported(values, (None,), node, source, lenient=False)
            elif name in {"builtins.exec", "builtins.eval"}:
                yield from self._embedded(node.args[:1], node, source, as_main=False)
            elif name == "lazy_loader.attach":
                yield from self._attached(node, source)
            elif name.endswith(".set_forkserver_preload"):
                values = self.evaluator.elements(self.evaluator.argument(node, source, 0, "module_names") or ())
                yield from self._present(values, node, source)

    def _by_name(self, function: str, node: ast.Call, source: Source) -> Iterator[Import]:
        values = self.evaluator.argument(node, source, 0, _BY_NAME[function])
        if values is None:
            return
        if function == "runpy.run_module":
            yield from self._run(values, node, source)
        elif function in {"pkgutil.resolve_name", "unittest.mock.patch", "pydoc.locate"}:
            for value in values:
                if isinstance(value, str):
                    yield from self._deepest(value.replace(":", "."), node, source)
                elif function != "unittest.mock.patch":
                    yield from self._unknown(value, node, source, (None,), lenient=False)
        elif function == "pkgutil.get_data":
            yield from self._present(values, node, source)
        else:
            package = self.evaluator.argument(node, source, 1, "package")
            packages = (None,) if package is None else package
            yield from self._imported(values, packages, node, source, lenient=function in _LENIENT)

    def _imported(
        self, values: Values, packages: Values, node: ast.AST, source: Source, *, lenient: bool
    ) -> Iterator[Import]:
        guarded = self.guards.is_guarded(node, source)
        for value in values:
            if not isinstance(value, str):
                yield from self._unknown(value, node, source, packages, lenient=lenient)
                continue
            for name in self._absolute(value, packages):
                if name is None:
                    yield from self._unknown(Unknown(value), node, source, packages, lenient=False)
                elif lenient:
                    yield from self._present((name,), node, source)
                else:
                    yield from self._named(name, node, source, guarded)

    def _absolute(self, name: str, packages: Values) -> Iterator[str | None]:
        """The full names of a dynamic import; None where the package that a relative one starts from is unknown."""
        if not name.startswith("."):
            yield name
            return
        level = len(name) - len(name.lstrip("."))
        for package in packages:
            if isinstance(package, (LibraryModule, Spec)):
                package = package.name
            if not isinstance(package, str):
                yield None
                continue
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - level + 1])
            if base:
                yield f"{base}.{name[level:]}".rstrip(".")

    def _unknown(
        self, value: Any, node: ast.AST, source: Source, packages: Values, *, lenient: bool
    ) -> Iterator[Import]:
        if not isinstance(value, Unknown):
            return  # a module object, None: nothing that could be imported by it
        prefix = value.prefix
        if prefix.startswith("."):
            known = [one for one in packages if isinstance(one, str)]
            if len(known) == len(packages) and not any(self.library.owns(one) for one in known):
                return
        elif "." in prefix and not self.library.owns(prefix.partition(".")[0]):
            return
        elif prefix and not prefix.startswith(self.library.name) and not self.library.name.startswith(prefix):
            return
        elif lenient and not prefix.startswith(self.library.name + "."):
            return
        guarded = self.guards.is_guarded(node, source)
        yield Import("unknown", ast.unparse(node), source.where(node), guarded, "", node, source)

    def _present(self, values: Values, node: ast.AST, source: Source) -> Iterator[Import]:
        for value in values:
            name = value if isinstance(value, str) else getattr(value, "name", "")
            if isinstance(value, (str, LibraryModule)) and self.library.owns(name):
                yield Import("presence", name, source.where(node))

    def _deepest(self, name: str, node: ast.AST, source: Source) -> Iterator[Import]:
        """The module that a dotted path to an object leads through."""
        while name and self.library.owns(name):
            if self.library.exists(name):
                yield from self._present((name,), node, source)
                return
            name = name.rpartition(".")[0]

    def _dunder_import(self, node: ast.Call, source: Source) -> Iterator[Import]:
        values = self.evaluator.argument(node, source, 0, "name") or ()
        level = self.evaluator.argument(node, source, 4, "level")
        guarded = self.guards.is_guarded(node, source)
        listed = self.evaluator.elements(self.evaluator.argument(node, source, 3, "fromlist") or ())
        for value in values:
            if not isinstance(value, str):
                yield from self._unknown(value, node, source, (None,), lenient=False)
                continue
            for dots in level or (0,):
                name = source.resolve(dots, value, node) if isinstance(dots, int) else value
                yield from self._named(name, node, source, guarded)
                if self.library.owns(name):
                    names = (f"{name}.{one}" for one in listed if isinstance(one, str) and one.isidentifier())
                    yield from self._present(tuple(names), node, source)

    def _walked(self, node: ast.Call, source: Source) -> Iterator[Import]:
        paths = self.evaluator.argument(node, source, 0, "path")
        for value in paths or ():
            inner = self.evaluator.elements((value,)) if isinstance(value, (Items, str)) else (value,)
            if any(isinstance(one, Unknown) or is_beside(one) for one in inner):
                yield Import("unknown", ast.unparse(node), source.where(node))
                return

    def _handed_on(self, node: ast.Name | ast.Attribute, source: Source) -> Iterator[Import]:
        """`import_module` given to something else, which may call it with any name."""
        if not isinstance(node.ctx, ast.Load) or not self._is_importer(node, source):
            return
        parent = source.scopes.parent_of.get(node)
        if isinstance(parent, ast.keyword):
            parent = source.scopes.parent_of.get(parent)
        if not isinstance(parent, ast.Call) or parent.func is node:
            return
        names = {one.name for one in self.evaluator.values(parent.func, source) if isinstance(one, External)}
        if names & {"builtins.map", "builtins.print", "builtins.callable", "inspect.signature"}:
            return
        if not self.guards.is_dead(node, source):
            yield Import("unknown", ast.unparse(parent), source.where(parent))

    def _is_importer(self, node: ast.AST, source: Source) -> bool:
        values = self.evaluator.values(node, source)
        return any(isinstance(value, External) and value.name in _IMPORTERS for value in values)

    def _command(self, parts: list[ast.expr], node: ast.AST, source: Source) -> Iterator[Import]:
        """`[sys.executable, "-m", "pk.tool"]` and `[…, "-c", "import pk"]`."""
        for option, argument in zip(parts, parts[1:], strict=False):
            if not isinstance(option, ast.Constant) or option.value not in ("-m", "-c"):
                continue
            if option.value == "-m":
                yield from self._run(self.evaluator.values(argument, source), node, source)
            else:
                yield from self._embedded([argument], node, source, as_main=True)

    def _run(self, values: Values, node: ast.AST, source: Source) -> Iterator[Import]:
        yield from self._present(values, node, source)
        for value in values:
            if isinstance(value, str) and self.library.owns(value):
                if self.library.exists(f"{value}.__main__"):
                    yield from self._present((f"{value}.__main__",), node, source)
            elif isinstance(value, Unknown) and value.prefix.startswith(self.library.name + "."):
                yield from self._unknown(value, node, source, (None,), lenient=False)

    def _embedded(self, arguments: list[ast.expr], node: ast.AST, source: Source, *, as_main: bool) -> Iterator[Import]:
        for argument in arguments:
            for value in self.evaluator.values(argument, source):
                if isinstance(value, str) and ("import" in value):
                    inner = self.sources.of_string(value, source, node, as_main=as_main)
                    if inner is not None:
                        yield from self.imports(inner)

    def _attached(self, node: ast.Call, source: Source) -> Iterator[Import]:
        """`lazy_loader.attach(__name__, submodules, submod_attrs)`."""
        package = self.evaluator.argument(node, source, 0, "package_name") or ()
        names = self.evaluator.elements(self.evaluator.argument(node, source, 1, "submodules") or ())
        for table in self.evaluator.argument(node, source, 2, "submod_attrs") or ():
            if isinstance(table, Table):
                names += tuple(key for keys, _ in table.entries for key in keys)
        for base in package:
            full = tuple(f"{base}.{name}" for name in names if isinstance(name, str) and isinstance(base, str))
            yield from self._present(full, node, source)

    def _configured(self, node: ast.Dict, source: Source) -> Iterator[Import]:
        """Classes that `logging.config.dictConfig` finds by their dotted path."""
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in ("()", "class") and isinstance(value, ast.Constant):
                if isinstance(value.value, str):
                    yield from self._deepest(value.value.removeprefix("ext://"), value, source)


def _aliases(source: Source) -> Iterator[ast.alias]:
    for node in source.scopes.of_types(ast.ImportFrom):
        yield from (alias for alias in node.names if alias.asname)


def _is_all(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "__all__"
