"""What a source imports, by statement, by call or by a name in its text."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from kernelgen.inlining.library import Library
from kernelgen.inlining.mentions import Mentions
from kernelgen.inlining.optional import is_optional
from kernelgen.inlining.source import ParsedSource, source_of_module
from kernelgen.inlining.string_values import OPEN, Literals, is_read
from kernelgen.inlining.syntax import IMAGE_PYTHON

# Functions that import what they are told, and the keyword of the name, which comes first.
_IMPORTERS = {
    "importlib.import_module": "name",
    "importlib.__import__": "name",
    "builtins.__import__": "name",
    "importlib.util.find_spec": "name",
    "runpy.run_module": "mod_name",
    "pkgutil.resolve_name": "name",
    "pydoc.locate": "path",
}
# Import, or list for imports, what cannot be read off their arguments.
_WALKERS = frozenset({"pkgutil.iter_modules", "pkgutil.walk_packages", "lazy_loader.attach"})
# Asks and imports nothing: an unknown name is no fault.
_ASKS = "importlib.util.find_spec"
# The standard library's modules that left it, by the first Python without them.
_GONE = {
    (3, 12): "asynchat asyncore distutils imp smtpd",
    (3, 13): "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr "
    "spwd sunau telnetlib uu xdrlib",
}


@dataclass(frozen=True)
class Import:
    """One import.

    kind: "module" (`name` itself), "member" (`attribute` of package `name`, a submodule or something bound there),
    "present" (brought if it is there; nothing is wrong if not), "foreign" (not the library's) or "unknown" (`name` is
    how it begins, as far as that can be read). is_optional: the code goes on without it. node: what imports.
    """

    kind: str
    name: str
    where: str
    is_optional: bool = False
    attribute: str = ""
    node: ast.AST | None = None


def standard_modules(python: tuple[int, int]) -> frozenset[str]:
    """Top-level names of that Python's standard library."""
    gone = {name for version, names in _GONE.items() if python >= version for name in names.split()}
    return frozenset(sys.stdlib_module_names) - gone | {"__main__", "__future__"}


class ImportFinder:
    """Finds the imports of sources of one library. written: modules that the notebook writes beside itself."""

    def __init__(self, library: Library, python: tuple[int, int] = IMAGE_PYTHON, written: Collection[str] = ()):
        self.library = library
        self.python = python
        self.written = frozenset(written)
        self.standard = standard_modules(python)
        self.mentions = Mentions(library)

    def imports(self, source: ParsedSource) -> Iterator[Import]:
        """Every import of a source, in its order."""
        literals = Literals(source)
        for node, parent in source.parents.items():
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from self._statement(node, source)
            elif isinstance(node, ast.Call):
                yield from self._command(node.args, source, literals)
                if source.dotted(node.func) in {*_IMPORTERS, *_WALKERS}:
                    yield from self._call(node, source, literals)
            elif isinstance(node, (ast.Name, ast.Attribute)) and source.dotted(node) in {*_IMPORTERS} - {_ASKS}:
                if not (isinstance(parent, ast.Call) and parent.func is node):
                    yield Import("unknown", "", source.where(node), node=parent)
            elif isinstance(node, (ast.List, ast.Tuple)):
                yield from self._command(node.elts, source, literals)
            for name in self.mentions.of_node(node, source):
                yield Import("present", name, source.where(node))
        magics = "\n".join(line for _, line in source.magics)
        for name in self.mentions.modules(magics):
            yield Import("present", name, source.where(source.magics[0][0]))

    # --- statements ---------------------------------------------------------------------------------------------

    def _statement(self, node: ast.Import | ast.ImportFrom, source: ParsedSource) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from self._named(alias.name, node, source)
            return
        package = source.resolve(node.level, node.module, node)
        yield from self._named(package, node, source)
        if not self.library.owns(package):
            return
        for alias in node.names:
            if alias.name == "*":
                for name in self._exported(package):
                    yield Import("present", f"{package}.{name}", source.where(node))
            else:
                optional = is_optional(node, f"{package}.{alias.name}", source)
                yield Import("member", package, source.where(alias), optional, alias.name)

    def _named(self, name: str, node: ast.AST, source: ParsedSource) -> Iterator[Import]:
        root = name.partition(".")[0]
        if self.library.owns(name):
            yield Import("module", name, source.where(node), is_optional(node, name, source))
        elif root in self.written:
            return
        elif root and self._lies_beside(name, node):
            yield Import("beside", name, source.where(node))
        elif root and root not in self.standard:
            yield Import("foreign", root, source.where(node), is_optional(node, root, source))

    def _exported(self, package: str) -> list[str]:
        """What a package's `__all__` may name: every string of the statements that make or change it."""
        module = self.library.module(package)
        if module is None or not module.is_package:
            return []
        source = source_of_module(module, self.python)
        found = []
        for node in source.parents:
            if isinstance(node, ast.Name) and node.id == "__all__":
                statement = next((child for child, _ in source.around(node) if isinstance(child, ast.stmt)), node)
                found += [part.value for part in ast.walk(statement) if isinstance(part, ast.Constant)]
        return [name for name in dict.fromkeys(found) if isinstance(name, str) and name.isidentifier()]

    # --- calls --------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, source: ParsedSource, literals: Literals) -> Iterator[Import]:
        function = source.dotted(node.func)
        if function in _WALKERS:
            prefix = self._walked(node, source)
            if prefix is not None:
                yield Import("unknown", prefix, source.where(node), node=node)
            return
        texts = literals.texts(_argument(node, 0, _IMPORTERS[function]))
        if function.endswith("__import__"):
            level = _argument(node, 4, "level")
            if isinstance(level, ast.Constant) and isinstance(level.value, int) and level.value:
                texts = tuple("." * level.value + text for text in texts)
        package = None if function.endswith("__import__") else _argument(node, 1, "package")
        bases = literals.texts(package) if package is not None else (source.package or "",)
        for text in texts:
            for name in _absolute(text.replace(":", "."), bases):
                yield from self._imported(name, function, node, source, literals)

    def _command(self, parts: list[ast.expr], source: ParsedSource, literals: Literals) -> Iterator[Import]:
        """What `[sys.executable, "-m", "pk.train"]` runs."""
        for option, argument in zip(parts, parts[1:], strict=False):
            if isinstance(option, ast.Constant) and option.value == "-m":
                for text in literals.texts(argument):
                    if is_read(text):
                        yield from (
                            Import("present", name, source.where(option)) for name in self.mentions.started(text)
                        )
                    elif self.library.owns(text.partition(".")[0]):
                        yield Import("unknown", text.removesuffix(OPEN), source.where(option), node=argument)

    def _imported(
        self, name: str, function: str, node: ast.Call, source: ParsedSource, literals: Literals
    ) -> Iterator[Import]:
        if not is_read(name):
            prefix = name.removesuffix(OPEN)
            if self._may_be_ours(prefix) and (function != _ASKS or self.library.owns(prefix.rstrip("."))):
                yield Import("unknown", prefix, source.where(node), is_optional(node, "", source), node=node)
        elif function == _ASKS or "resolve" in function or "locate" in function:
            yield from (Import("present", module, source.where(node)) for module in self.mentions.modules(name))
        else:
            yield from self._named(name, node, source)
            listed = _argument(node, 3, "fromlist") if function.endswith("__import__") else None
            for member in literals.elements(listed) if listed is not None else ():
                yield Import("present", f"{name}.{member}", source.where(node))
            if function == "runpy.run_module":
                yield Import("present", f"{name}.__main__", source.where(node))

    def _may_be_ours(self, prefix: str) -> bool:
        name = self.library.name
        return name.startswith(prefix) or prefix.startswith(f"{name}.")

    def _walked(self, node: ast.Call, source: ParsedSource) -> str | None:
        """How the names begin that a walk through packages finds; None if they cannot be the library's."""
        if not node.args and not node.keywords:
            return None
        path = node.args[0] if node.args else node.keywords[0].value
        names = [source.dotted(part) for part in ast.walk(path) if isinstance(part, ast.Attribute)]
        packages = [name.removesuffix(".__path__") for name in names if name.endswith(".__path__")]
        if any(self.library.owns(package) for package in packages):
            return f"{packages[0]}."
        if packages:
            return None
        own = {part.id for part in ast.walk(path) if isinstance(part, ast.Name)} & {"__path__", "__file__", "__name__"}
        return f"{source.package}." if own and source.package else ""

    def _lies_beside(self, name: str, node: ast.AST) -> bool:
        """Whether a script in the project's folder would import a file there by this name."""
        parts = name.split(".")
        if not all(part.isidentifier() for part in parts) or parts[0] in sys.builtin_module_names:
            return False
        place = self.library.root.joinpath(*parts)
        members = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        files = [self.library.root / f"{parts[0]}.py", self.library.root / parts[0] / "__init__.py"]
        files += [place.with_name(f"{parts[-1]}.py"), *(place / f"{member}.py" for member in members)]
        return any(file.is_file() for file in files)


def _argument(node: ast.Call, position: int, keyword: str) -> ast.expr | None:
    if len(node.args) > position and not any(isinstance(one, ast.Starred) for one in node.args[: position + 1]):
        return node.args[position]
    return next((one.value for one in node.keywords if one.arg == keyword), None)


def _absolute(name: str, packages: tuple[str, ...]) -> Iterator[str]:
    """The full names of a dynamic import, of which a relative one starts from a package."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        yield name
        return
    for package in packages:
        parts = package.split(".")
        if not is_read(package) or level > len(parts):
            yield OPEN
        else:
            yield ".".join(parts[: len(parts) - level + 1]) + "." + name[level:] if name[level:] else package
