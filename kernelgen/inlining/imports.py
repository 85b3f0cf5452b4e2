"""What a source imports: by a statement, by a function that imports, or by a name in a string or shell line."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import resolve_name
from itertools import chain
from pathlib import PurePosixPath
from textwrap import shorten

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.literal_names import OPEN, texts
from kernelgen.inlining.source import ParsedSource, source_of_module

_IMPORTING = frozenset({"importlib.import_module", "importlib.__import__", "builtins.__import__", "runpy.run_module"})
# Import, or ask for, what they are told; a name that nothing has is no fault of theirs.
_ASKING = frozenset({"importlib.util.find_spec", "pkgutil.resolve_name", "pydoc.locate"})
_WALKING = frozenset({"pkgutil.iter_modules", "pkgutil.walk_packages", "lazy_loader.attach"})
# With these a package binds names that no reader can tell.
_BINDS_ANYTHING = re.compile(r"__getattr__|import \*|\b(globals|vars|locals|exec|setattr|__dict__)\b|\bsys\.modules\b")
# Puts the module's own folder on the path, as far as the line tells; not one above it.
_OWN_FOLDER = re.compile(r"sys\.path\.insert\((?!.*(parents\[|parent\.parent|\.\.|dirname\(.*dirname\())")


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
        self._elsewhere = {*written, *sys.builtin_module_names, "__main__", ""}
        # Of what is missing: the module or package, what is imported from it ("" for the module itself), and the place.
        self._missing: list[tuple[str, str, str]] = []
        name = re.escape(library.name)
        self._dotted = re.compile(rf"(?<![\w.]){name}(?:\.\w+)+")
        self._imported = re.compile(rf"(?<![\w.])from\s+({name}(?:\.\w+)*)\s+import\s+([\w\s,()\\]+)")
        self._run = re.compile(rf"""(?<![\w-])-m\s*["']?({name}(?:\.\w+)*)""")
        self._open_run = re.compile(rf"""(?<![\w-])-m\s*["']?({name}\.[\w.]*)[{{$%{OPEN}]""")
        self._bare = re.compile(rf"(?<![\w.])import\s+({name})\b")
        self._follow(chain(self._imports(cells), included))
        self._check_missing()

    def _follow(self, names: Iterable[str]) -> None:
        """Add modules depth first, each after what it imports; on a stack of its own, as chains may be long."""
        seen: set[str] = set()
        stack: list[tuple[Module | None, Iterator[Module]]] = [(None, self._modules(names))]
        while stack:
            module, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                self.modules += [module] if module else []
            elif following.name not in seen:
                seen.add(following.name)
                stack.append((following, self._modules(self._imports(source_of_module(following)))))

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
            elif isinstance(node, (ast.Name, ast.Attribute)) and source.dotted(node) in _IMPORTING | _ASKING | _WALKING:
                yield from self._dynamic(node, parent, source)
            elif isinstance(node, (ast.Call, ast.List, ast.Tuple)):
                parts = node.args if isinstance(node, ast.Call) else node.elts
                pairs = zip(parts, parts[1:], strict=False)
                modules = [argument for option, argument in pairs if getattr(option, "value", None) == "-m"]
                named = [f"-m {name}" for module in modules for name in texts(module, source)]
            elif isinstance(node, (ast.JoinedStr, ast.BinOp)) and self._run.search(ast.unparse(node)):
                named = texts(node, source)
            elif isinstance(node, ast.Constant):
                named = [source.strings.get(node, "")]
            for text in named:
                yield from self._mentioned(text, source.where(node))
        for number, line in source.magics:
            yield from self._mentioned(line, source.where(number))
        # Statements in a magic's body may take several lines.
        yield from self._mentioned("\n".join(line for _, line in source.magics), source.file)

    # --- statements ---------------------------------------------------------------------------------------------

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
        if not self.library.exists(name) and not source.is_optional(node, name):
            self._missing.append((package, attribute, source.where(node)))

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
        own = f"{source.package}.{root}"
        if self.library.exists(own) and "__file__" in source.text and _OWN_FOLDER.search(source.text):
            raise KernelgenError(
                f"{where}: imports {root} from its own folder, which it puts on sys.path; no notebook "
                f"holds it by that name: import {own}"
            )
        if root not in sys.stdlib_module_names:
            self.third_party[ThirdParty(root, where, source.is_optional(node, root))] = None

    def _check_missing(self) -> None:
        """Refuse the first import of a library module that no file and no code makes."""
        text = "\n".join(source.text for source in self.read)
        for package, attribute, where in self._missing:
            if not self._is_made(package, attribute, where, text):
                name = f"{package}.{attribute}" if attribute else package
                place = name.replace(".", "/")
                raise KernelgenError(
                    f"{where}: there is no module {name} in the library (neither {place}.py nor {place}/ exists); "
                    "correct the name, add the module, or guard the import with try/except ImportError"
                )

    def _is_made(self, package: str, attribute: str, where: str, text: str) -> bool:
        """Whether what no file holds is there all the same, as the package binds it or other code sets it."""
        if not attribute:
            return bool(re.search(rf"""modules\[["']{re.escape(package)}["']\]\s*=""", text))
        module = self.library.module(package)
        if module is None:
            return not self.library.is_namespace(package)  # if it is missing too, it is told by itself
        if not module.is_package or attribute.startswith("__") or _BINDS_ANYTHING.search(module.text):
            return True  # an attribute that a plain module lacks fails in the notebook as it does in the folder
        uses = re.findall(rf"\b{attribute}\b", module.text)
        is_own = where.startswith(f"{module.file}:")  # `from . import name` in the package binds nothing
        return len(uses) > is_own or bool(re.search(rf"\.{attribute}\s*=[^=]", text))

    # --- functions that import ----------------------------------------------------------------------------------

    def _dynamic(self, node: ast.AST, parent: ast.AST, source: ParsedSource) -> Iterator[str]:
        """What a function imports whose name stands literally in the source; anything else is refused."""
        function, names = source.dotted(node), [OPEN]
        where = source.where(parent)
        if isinstance(parent, ast.Call) and parent.func is node and function not in _WALKING:
            first, package = _arguments(parent)
            packages = texts(package, source) if package and "__" not in function else [source.package or ""]
            names = [_absolute(name, above) for name in texts(first, source) for above in packages]
        for name in names:
            if OPEN in name:
                if function != "importlib.util.find_spec":
                    self._check_answered(name, where, ast.unparse(parent))
            elif function in _ASKING:
                yield from self._mentioned(name, where)
            else:
                yield from self._named(name, parent, source)
                if function == "runpy.run_module":
                    yield f"{name}.__main__"

    def _check_answered(self, name: str, where: str, code: str) -> None:
        """Refuse an import of the library by a name that is known only as far as its beginning, if at all."""
        prefix, own = name.partition(OPEN)[0], f"{self.library.name}."
        can_be_ours = own.startswith(prefix) or prefix.startswith(own)
        if can_be_ours and not any(module.startswith(prefix) for module in self.included):
            package = prefix.rpartition(".")[0] or self.library.name
            raise KernelgenError(
                f"{where}: dynamic import `{shorten(code, 80, placeholder='…')}`: which module it imports cannot be "
                "known when the notebook is built; import it by a literal name, or list what it may import in "
                f'kernels.toml, include = ["{package}.*"] of the kernel'
            )

    # --- names in text ------------------------------------------------------------------------------------------

    def _mentioned(self, text: str, where: str) -> Iterator[str]:
        """The library's modules that a text names. The package's bare name is a word like any other.

        Raises:
            KernelgenError: for `-m pk.{mode}`, a module that a command names only in part.
        """
        if self.library.name not in text:
            return
        for match in self._open_run.finditer(text):
            self._check_answered(match[1] + OPEN, where, match[0].replace(OPEN, "…"))
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


def _arguments(call: ast.Call) -> tuple[ast.expr | None, ast.expr | None]:
    """The name that a call imports, and the package from which it starts if it is relative."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    package = keywords.pop("package", None)
    positional = [*call.args, *keywords.values(), None]
    return positional[0], package or (call.args[1] if len(call.args) > 1 else None)


def _absolute(name: str, package: str) -> str:
    try:
        return resolve_name(name, package)
    except ImportError:
        return OPEN
