"""What a source imports: by a statement, by a function that imports, or by a name in a string or shell line."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library
from kernelgen.inlining.literal_names import OPEN, absolute, texts
from kernelgen.inlining.optional import is_optional
from kernelgen.inlining.source import ParsedSource

_IMPORTING = frozenset({"importlib.import_module", "importlib.__import__", "builtins.__import__", "runpy.run_module"})
# Puts the module's own folder on the path, as far as the line tells; not one above it.
_OWN_FOLDER = re.compile(r"sys\.path\.insert\((?!.*(parents\[|parent\.parent|\.\.|dirname\(.*dirname\())")
# Import, or ask for, what they are told; a name that nothing has is no fault of theirs.
_ASKING = frozenset({"importlib.util.find_spec", "pkgutil.resolve_name", "pydoc.locate"})
_WALKING = frozenset({"pkgutil.iter_modules", "pkgutil.walk_packages", "lazy_loader.attach"})


@dataclass(frozen=True)
class Import:
    """One import.

    kind: "module" (`name` itself), "member" (`attribute` of package `name`, a submodule or something bound there),
    "present" (brought if it is there; nothing is wrong if not) or "foreign" (not the library's).
    is_optional: the code goes on without it.
    """

    kind: str
    name: str
    where: str
    is_optional: bool = False
    attribute: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.name}.{self.attribute}" if self.attribute else self.name


class ImportFinder:
    """Finds the imports of sources of one library.

    written: modules that the notebook writes beside itself. included: names of modules that the recipe includes.
    """

    def __init__(self, library: Library, written: Collection[str], included: Collection[str]):
        self.library = library
        self.written = written
        self.included = included
        name = re.escape(library.name)
        self._dotted = re.compile(rf"(?<![\w.]){name}(?:\.\w+)+")
        self._imported = re.compile(rf"(?<![\w.])from\s+({name}(?:\.\w+)*)\s+import\s+([\w\s,()\\]+)")
        self._run = re.compile(rf"""(?<![\w-])-m\s*["']?({name}(?:\.\w+)*)""")
        self._open_run = re.compile(rf"""(?<![\w-])-m\s*["']?({name}\.[\w.]*)[{{$%{OPEN}]""")
        self._bare = re.compile(rf"(?<![\w.])import\s+({name})\b")

    def imports(self, source: ParsedSource) -> Iterator[Import]:
        """Every import of a source, in its order.

        Raises:
            KernelgenError: for a module beside the library, and for imports by names that cannot be known.
        """
        for node, parent in source.parents.items():
            names: Iterator[str] = iter(())
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from self._statement(node, source)
            elif isinstance(node, (ast.Name, ast.Attribute)) and source.dotted(node) in _IMPORTING | _ASKING | _WALKING:
                call = parent if isinstance(parent, ast.Call) and parent.func is node else None
                yield from self._dynamic(node, call, source)
            elif isinstance(node, (ast.Call, ast.List, ast.Tuple)):
                names = self._command(node.args if isinstance(node, ast.Call) else node.elts, source)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not isinstance(parent, ast.Expr):
                names = self._in_string(node, parent, source)
            yield from (Import("present", name, source.where(node)) for name in names)
        for number, line in source.magics:
            self._check_run(line, number, source)
        for name in self._mentioned("\n".join(line for _, line in source.magics)):
            yield Import("present", name, source.where(source.magics[0][0]))

    # --- statements ---------------------------------------------------------------------------------------------

    def _statement(self, node: ast.Import | ast.ImportFrom, source: ParsedSource) -> Iterator[Import]:
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
                yield from (Import("present", f"{package}.{name}", source.where(node)) for name in strings)
            else:
                optional = is_optional(node, f"{package}.{alias.name}", source)
                yield Import("member", package, source.where(alias), optional, alias.name)

    def _named(self, name: str, node: ast.AST, source: ParsedSource) -> Iterator[Import]:
        root = name.partition(".")[0]
        if self.library.owns(name):
            yield Import("module", name, source.where(node), is_optional(node, name, source))
            return
        if root in {*self.written, ""}:
            return
        folder = self.library.root
        files = [folder / f"{one}.py" for one in (root, f"{root}/__init__", name.replace(".", "/"))]
        if root.isidentifier() and root not in sys.builtin_module_names and any(file.is_file() for file in files):
            file = f"{root}.py" if files[0].is_file() else f"{root}/"
            raise KernelgenError(
                f"{source.where(node)}: imports {name} from {file} beside the library, which no notebook holds; "
                f"move {file} into {self.library.name}/ and import {self.library.name}.{name}"
            )
        own = f"{source.package}.{root}"
        if self.library.exists(own) and "__file__" in source.text and _OWN_FOLDER.search(source.text):
            raise KernelgenError(
                f"{source.where(node)}: imports {root} from its own folder, which it puts on sys.path; no notebook "
                f"holds it by that name: import {own}"
            )
        if root not in sys.stdlib_module_names | {"__main__"}:
            yield Import("foreign", root, source.where(node), is_optional(node, root, source))

    # --- functions that import ----------------------------------------------------------------------------------

    def _dynamic(self, node: ast.AST, call: ast.Call | None, source: ParsedSource) -> Iterator[Import]:
        """What a function imports whose name stands literally in the source; anything else is refused."""
        function = source.dotted(node)
        names = [OPEN]
        if call is not None and function not in _WALKING:
            keywords = {keyword.arg: keyword.value for keyword in call.keywords}
            first = call.args[0] if call.args else next(iter(call.keywords), ast.keyword(None, call)).value
            package = keywords.get("package", call.args[1] if len(call.args) > 1 else None)
            packages = texts(package, source) if package and "__" not in function else [source.package or ""]
            names = list(absolute(texts(first, source), packages))
        for name in names:
            if OPEN in name:
                if function != "importlib.util.find_spec":
                    around = call or source.parents[node]
                    self._check_answered(name, source.where(around), ast.unparse(around))
            elif function in _ASKING:
                yield from (Import("present", one, source.where(node)) for one in self._mentioned(name))
            else:
                yield from self._named(name, call or node, source)
                if function == "runpy.run_module":
                    yield Import("present", f"{name}.__main__", source.where(node))

    def _check_answered(self, name: str, where: str, code: str) -> None:
        """Refuse an import of the library by a name that is known only as far as its beginning, if at all."""
        prefix, own = name.partition(OPEN)[0], f"{self.library.name}."
        can_be_ours = own.startswith(prefix) or prefix.startswith(own)
        if can_be_ours and not any(module.startswith(prefix) for module in self.included):
            text = " ".join(code.split())
            raise KernelgenError(
                f"{where}: dynamic import `{text if len(text) <= 80 else text[:77] + '…'}`: which module "
                "it imports cannot be known when the notebook is built; import it by a literal name, or list what it "
                f'may import in kernels.toml, include = ["{prefix.rpartition(".")[0] or self.library.name}.*"] of the '
                "kernel"
            )

    def _command(self, parts: list[ast.expr], source: ParsedSource) -> Iterator[str]:
        """What `[sys.executable, "-m", "pk.train"]` runs."""
        for option, argument in zip(parts, parts[1:], strict=False):
            if isinstance(option, ast.Constant) and option.value == "-m":
                for name in texts(argument, source):
                    if name.startswith(f"{self.library.name}.") and OPEN in name:
                        self._check_answered(name, source.where(argument), ast.unparse(argument))
                    yield from self._mentioned(f"-m {name}")

    def _in_string(self, node: ast.Constant, parent: ast.AST, source: ParsedSource) -> Iterator[str]:
        """What a string names, read with what is joined to it where the name of a module after -m is cut off."""
        text = str(node.value)
        whole: ast.expr = node
        while isinstance(parent, (ast.JoinedStr, ast.BinOp)):
            whole, parent = parent, source.parents.get(parent, source.tree)
        if whole is not node and self._open_run.search(text + OPEN):
            for joined in texts(whole, source):
                self._check_run(joined, whole, source)
                yield from self._mentioned(joined)
        self._check_run(text, node, source)
        yield from self._mentioned(text)

    def _check_run(self, text: str, node: ast.AST | int, source: ParsedSource) -> None:
        """Refuse `-m pk.{mode}`, a module of the library that a command names only in part."""
        for match in self._open_run.finditer(text):
            self._check_answered(match[1] + OPEN, source.where(node), match[0].replace(OPEN, "…"))

    # --- names in text ------------------------------------------------------------------------------------------

    def _mentioned(self, text: str) -> Iterator[str]:
        """The library's modules that a text names. The package's bare name is a word like any other."""
        if self.library.name not in text:
            return
        for match in self._dotted.finditer(text):
            name = match[0]  # "pk.models.Mel" leads through pk.models
            while "." in name and not self.library.exists(name):
                name = name.rpartition(".")[0]
            if "." in name:
                yield name
        for match in self._imported.finditer(text):
            yield from [match[1], *(f"{match[1]}.{word}" for word in re.findall(r"\w+", match[2]))]
        for match in self._run.finditer(text):
            yield from [match[1], f"{match[1]}.__main__"]
        yield from self._bare.findall(text)
