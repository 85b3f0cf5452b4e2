"""What a source imports: by a statement, by a function that imports, or by a name in a string or shell line."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import resolve_name
from itertools import chain
from pathlib import PurePosixPath
from textwrap import shorten

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.source import ParsedSource, source_of_module
from kernelgen.kaggle_image import kaggle_image

_IMPORTING = frozenset({"importlib.import_module", "importlib.__import__", "builtins.__import__", "runpy.run_module"})
_WALKING = frozenset({"pkgutil.iter_modules", "pkgutil.walk_packages", "lazy_loader.attach"})
# Stands for each part of a text that is no literal: f"pk.models.{name}" gives "pk.models." and this sign.
_OPEN = "\0"
# With these a package binds names that no reader can tell.
_BINDS_ANYTHING = re.compile(r"__getattr__|import \*|\b(globals|vars|locals|exec|setattr|__dict__)\b|\bsys\.modules\b")


@dataclass(frozen=True)
class ThirdParty:
    """An import of something that is neither the standard library's nor the library's.

    root: "numpy". where: "pk/a.py:3". guarded: the code goes on without it.
    """

    root: str
    where: str
    guarded: bool


class ImportWalk:
    """Collects the modules of one library that sources need.

    included: names of modules that the recipe includes.
    modules: each after what it imports, as far as cycles allow. folders: packages without `__init__`.
    read: every source that was read, cells first.
    """

    def __init__(self, library: Library, cells: ParsedSource, written: Collection[str], included: Collection[str]):
        self.library = library
        self.included = included
        self.modules: list[Module] = []
        self.read: list[ParsedSource] = []
        self.folders: set[PurePosixPath] = set()
        self.third_party: dict[ThirdParty, None] = {}
        self._seen: set[str] = set()
        self._elsewhere = {*written, *sys.builtin_module_names, "__main__", ""}
        name = re.escape(library.name)
        self._dotted = re.compile(rf"(?<![\w.]){name}(?:\.\w+)+")
        self._imported = re.compile(rf"(?<![\w.])from\s+({name}(?:\.\w+)*)\s+import\s+([\w\s,()\\]+)")
        self._run = re.compile(rf"""(?<![\w-])-m\s*["']?({name}(?:\.\w+)*)""")
        self._open_run = re.compile(rf"""(?<![\w-])-m\s*["']?({name}\.[\w.]*)[{{$%{_OPEN}]""")
        self._bare = re.compile(rf"(?<![\w.])import\s+({name})\b")
        self._follow(chain(self._imports(cells), included))

    def _follow(self, names: Iterable[str]) -> None:
        """Add modules depth first, each after what it imports."""
        for module in self._modules(names):
            if module.name not in self._seen:
                self._seen.add(module.name)
                self._follow(self._imports(source_of_module(module)))
                self.modules.append(module)

    def _modules(self, names: Iterable[str]) -> Iterator[Module]:
        """The modules of these names and the packages above them, as far as they exist; notes their folders."""
        for name in names:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                prefix = ".".join(parts[:length])
                if module := self.library.module(prefix):
                    yield module
                elif self.library.is_namespace(prefix):
                    self.folders.add(PurePosixPath(*parts[:length]))

    def _imports(self, source: ParsedSource) -> Iterator[str]:
        """The names of the library's modules that a source imports, in its order; nothing may have such a name."""
        self.read.append(source)
        for node, parent in source.parents.items():
            named: list[str] = []
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from self._statement(node, source)
            elif isinstance(node, (ast.Name, ast.Attribute)) and source.dotted(node) in _IMPORTING | _WALKING:
                yield from self._dynamic(node, parent, source)
            elif isinstance(node, (ast.Call, ast.List, ast.Tuple)):
                parts = node.args if isinstance(node, ast.Call) else node.elts
                pairs = zip(parts, parts[1:], strict=False)
                modules = [argument for option, argument in pairs if getattr(option, "value", None) == "-m"]
                named = [f"-m {_text_of(module, source)}" for module in modules]
            elif isinstance(node, (ast.JoinedStr, ast.BinOp)) and self._run.search(ast.unparse(node)):
                named = [_text_of(node, source)]
            elif isinstance(node, ast.Constant):
                named = [source.strings.get(node, "")]
            for text in named:
                yield from self._mentioned(text, node, source)
        for number, line in source.magics:
            yield from self._mentioned(line, number, source)
        # Statements in a magic's body may take several lines.
        yield from self._mentioned("\n".join(line for _, line in source.magics), 1, source)

    def _statement(self, node: ast.Import | ast.ImportFrom, source: ParsedSource) -> Iterator[str]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from self._named(alias.name, node, source)
            return
        package = source.resolve(node)
        yield from self._named(package, node, source)
        for alias in node.names if self.library.owns(package) else ():
            if alias.name == "*":
                module = self.library.module(package)
                # `__all__` may name submodules, in whatever way it is made.
                strings = re.findall(r"""["'](\w+)["']""", module.text) if module and "__all__" in module.text else []
                yield from (f"{package}.{name}" for name in strings)
            else:
                yield from self._own(package, alias.name, alias, source)

    def _own(self, package: str, attribute: str, node: ast.AST, source: ParsedSource) -> Iterator[str]:
        name = f"{package}.{attribute}" if attribute else package
        yield name
        is_there = self.library.exists(name) or self._may_bind(package, attribute)
        if not is_there and not source.is_optional(node, name, is_own=True):
            place = name.replace(".", "/")
            raise KernelgenError(
                f"{source.where(node)}: there is no module {name} in the library (neither {place}.py nor {place}/ "
                "exists); correct the name, add the module, or guard the import with try/except ImportError"
            )

    def _named(self, name: str, node: ast.AST, source: ParsedSource) -> Iterator[str]:
        where, root = source.where(node), name.partition(".")[0]
        if self.library.owns(name):
            yield from self._own(name, "", node, source)
            return
        if root in self._elsewhere:
            return
        folder = self.library.root
        files = [folder / f"{file}.py" for file in (root, f"{root}/__init__", name.replace(".", "/"))]
        if root.isidentifier() and any(file.is_file() for file in files):
            file = f"{root}.py" if files[0].is_file() else f"{root}/"
            raise KernelgenError(
                f"{where}: imports {name} from {file} beside the library, which no notebook holds; "
                f"move {file} into {self.library.name}/ and import {self.library.name}.{name}"
            )
        if root not in sys.stdlib_module_names:
            self.third_party[ThirdParty(root, where, source.is_optional(node, root))] = None

    def _may_bind(self, package: str, attribute: str) -> bool:
        """Whether `from package import attribute` may find what is no module."""
        module = self.library.module(package)
        if module is None or not attribute:
            return False
        # An attribute that a plain module lacks fails in the notebook as it does in the folder.
        is_plain = not module.is_package or attribute.startswith("__")
        return is_plain or bool(re.search(rf"\b{attribute}\b", module.text) or _BINDS_ANYTHING.search(module.text))

    def _dynamic(self, node: ast.AST, parent: ast.AST, source: ParsedSource) -> Iterator[str]:
        """What a function imports whose name stands literally in the source; anything else is refused."""
        function, name = source.dotted(node), _OPEN
        if isinstance(parent, ast.Call) and parent.func is node and function not in _WALKING:
            first, package, *_ = [*parent.args, *(keyword.value for keyword in parent.keywords), None, None]
            above = _text_of(package, source) if package and "__" not in function else source.package
            with suppress(ImportError):
                name = resolve_name(_text_of(first, source), above or "")
        if _OPEN in name:
            yield from self._completed(name, parent, source, ast.unparse(parent))
        else:
            yield from self._named(name, parent, source)
            if function == "runpy.run_module":
                yield f"{name}.__main__"

    def _completed(self, name: str, node: ast.AST | int, source: ParsedSource, code: str) -> list[str]:
        """The modules that a name known in part can mean: those that strings of the same source make of it.

        Raises:
            KernelgenError: where there is none, of the library or the image, and no `include` answers for it.
        """
        prefix, own = name.partition(_OPEN)[0], f"{self.library.name}."
        can_be_ours = own.startswith(prefix) or prefix.startswith(own)
        made = [name.replace(_OPEN, text) for text in source.strings.values()]
        modules = [one for one in made if one.startswith(own) and "/" not in one and self.library.exists(one)]
        answered = modules or any(module.startswith(prefix) for module in self.included)
        answered = answered or any(one.partition(".")[0] in kaggle_image().packages for one in made)
        if can_be_ours and not answered:
            package = prefix.rpartition(".")[0] or self.library.name
            raise KernelgenError(
                f"{source.where(node)}: dynamic import `{shorten(code, 80, placeholder='…')}`: which module it imports "
                "cannot be known when the notebook is built; import it by a literal name, or list what it may import "
                f'in kernels.toml, include = ["{package}.*"] of the kernel'
            )
        return modules

    def _mentioned(self, text: str, node: ast.AST | int, source: ParsedSource) -> Iterator[str]:
        """The library's modules that a text names. The package's bare name is a word like any other.

        Raises:
            KernelgenError: for `-m pk.{mode}`, a module that a command names only in part.
        """
        if self.library.name not in text:
            return
        for match in self._open_run.finditer(text):
            yield from self._completed(match[1] + _OPEN, node, source, match[0].replace(_OPEN, "…"))
        names = []
        for name in self._dotted.findall(text):  # "pk.models.Mel" leads through pk.models
            while "." in name and not self.library.exists(name):
                name = name.rpartition(".")[0]
            names += [name] * ("." in name)
        for package, words in self._imported.findall(text):
            names += [package, *(f"{package}.{word}" for word in re.findall(r"\w+", words))]
        for name in self._run.findall(text):
            names += [name, f"{name}.__main__"]
        yield from [*names, *self._bare.findall(text)]


def _text_of(node: ast.AST | None, source: ParsedSource) -> str:
    """What an expression is, as far as it stands literally in the source."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id="__name__"):
            return source.name
        case ast.Name(id="__package__"):
            return source.package or ""
        case ast.FormattedValue(value=value, format_spec=None):
            return _text_of(value, source)
        case ast.JoinedStr(values=parts):
            return "".join(_text_of(part, source) for part in parts)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _text_of(left, source) + _text_of(right, source)
    return _OPEN
