"""What calls may give when the library runs, as far as reading can tell."""

import ast
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from kernelgen.inlining.computing import (
    PATH_FUNCTIONS,
    PATH_METHODS,
    STRING_METHODS,
    beginning,
    join,
    join_strings,
    os_path,
    path_method,
    string_method,
    to_string,
)
from kernelgen.inlining.expressions import ExpressionEvaluator
from kernelgen.inlining.library import Module
from kernelgen.inlining.source import Source
from kernelgen.inlining.values import (
    LIMIT,
    MARK,
    UNKNOWN,
    External,
    Function,
    Items,
    LibraryModule,
    Method,
    Spec,
    Table,
    Unknown,
    Values,
    is_beside,
    merge,
)

_PATH_CLASSES = frozenset(f"pathlib.{name}" for name in ("Path", "PurePath", "PosixPath", "PurePosixPath"))
_PASS_ON = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "sorted", "reversed", "iter")
) | {"importlib.resources.as_file", "contextlib.nullcontext", "copy.copy", "copy.deepcopy"}
_FILE_OF = frozenset(f"inspect.{name}" for name in ("getfile", "getsourcefile", "getabsfile"))


class Evaluator(ExpressionEvaluator):
    """Evaluates every expression of the library's sources."""

    def _await(self, node: ast.Await, source: Source) -> Values:
        return self.values(node.value, source)

    def _call(self, node: ast.Call, source: Source) -> Values:
        found = []
        for function in self.values(node.func, source):
            if isinstance(function, External):
                found.append(self._call_external(function.name, node, source))
            elif isinstance(function, Method):
                found.append(self._call_method(function, node, source))
            elif isinstance(function, Function):
                found.append(self._returned(function))
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "enter_context" and node.args:
                found.append(self.values(node.args[0], source))
            else:
                found.append(UNKNOWN)
        return merge(found)

    def _returned(self, function: Function) -> Values:
        node, source = function.node, function.source
        if isinstance(node, ast.Lambda):
            return self.values(node.body, source)
        if isinstance(node, ast.AsyncFunctionDef) or node in self._open:
            return UNKNOWN
        scopes = source.scopes
        own = [
            one.value
            for one in scopes.nodes
            if isinstance(one, (ast.Return, ast.Yield)) and one.value and scopes.scope_of[one].node is node
        ]
        self._open.add(node)
        try:
            return merge(self.values(one, source) for one in own) if own else UNKNOWN
        finally:
            self._open.discard(node)

    def arguments(self, node: ast.Call, source: Source) -> list[Values]:
        """What the positional arguments may be; a starred one ends what is known."""
        found = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                spread = self.values(argument.value, source)
                if len(spread) == 1 and isinstance(spread[0], Items):
                    found.extend(spread[0].elements)
                    continue
                found.append(UNKNOWN)
                break
            found.append(self.values(argument, source))
        return found

    def argument(self, node: ast.Call, source: Source, position: int, keyword: str) -> Values | None:
        """What one argument may be, by position or by keyword; None if it is not given."""
        for one in node.keywords:
            if one.arg == keyword:
                return self.values(one.value, source)
        positional = self.arguments(node, source)
        if position < len(positional):
            return positional[position]
        return UNKNOWN if any(one.arg is None for one in node.keywords) else None

    def package_of(self, values: Values | None, source: Source) -> list[str | None]:
        """Names of packages given as strings or as module objects; None for one that is not known."""
        if values is None:
            return [source.package]
        found: list[str | None] = []
        for value in values:
            if isinstance(value, (LibraryModule, External, Spec)):
                found.append(value.name)
            else:
                found.append(value if isinstance(value, str) else None)
        return found

    def resource(self, package: str | None, parts: Values) -> Any:
        """The path of a package's data, as importlib.resources and pkgutil.get_data find it."""
        if package is None or not self.library.owns(package):
            return Unknown()
        module = self._read(package)
        folder = module.path.parent if module else self.library.root.joinpath(*package.split("."))
        return join(PurePosixPath(MARK + str(folder)), parts, PurePosixPath)

    def _call_external(self, name: str, node: ast.Call, source: Source) -> Values:
        arguments = self.arguments(node, source)
        first = arguments[0] if arguments else ()
        if name in _PATH_CLASSES:
            return self._for_each(arguments, lambda one: join(one[0], one[1:], PurePosixPath))
        if name.startswith(("os.path.", "posixpath.")) and name.rpartition(".")[2] in PATH_FUNCTIONS:
            return self._for_each(arguments, lambda one: os_path(name.rpartition(".")[2], one))
        if name in {"builtins.str", "os.fspath", "os.fsdecode"}:
            return merge((to_string(value),) for value in first) if first else UNKNOWN
        if name in _PASS_ON:
            return first or UNKNOWN
        if name == "builtins.dict" and not arguments:
            return (Table(tuple(((one.arg,), self.values(one.value, source)) for one in node.keywords if one.arg)),)
        if name == "builtins.enumerate" and first:
            return (Items(((Items((UNKNOWN, self.elements(first))),),)),)
        if name == "builtins.zip":
            return (Items(((Items(tuple(self.elements(one) for one in arguments)),),)),)
        if name == "builtins.getattr" and len(arguments) > 1:
            found = [
                self._attribute_of(value, key, source) if isinstance(key, str) else UNKNOWN
                for value in first
                for key in arguments[1]
            ]
            return merge(found + arguments[2:3])
        if name in {"importlib.import_module", "importlib.reload"}:
            return merge((self._module_or_external(v) if isinstance(v, str) else v,) for v in first) or UNKNOWN
        if name == "builtins.__import__":
            names = (value.partition(".")[0] if isinstance(value, str) else None for value in first)
            return merge((self._module_or_external(one) if one else Unknown(),) for one in names) or UNKNOWN
        if name == "importlib.util.find_spec":
            return merge((Spec(v) if isinstance(v, str) and self._exists(v) else Unknown(),) for v in first) or UNKNOWN
        if name == "sys.modules.get" and first:
            return self._item(External("sys.modules"), first)
        if name in {"importlib.resources.files", "importlib_resources.files"}:
            packages = self.package_of(self.argument(node, source, 0, "package"), source)
            return merge((self.resource(package, ()),) for package in packages)
        if name == "importlib.resources.path":
            packages = self.package_of(first or None, source)
            return merge(
                (self.resource(package, (part,)),) for package in packages for part in (arguments[1:2] or [()])[0]
            )
        if name in _FILE_OF:
            known = [self._module_attribute(v.name, "__file__") for v in first if isinstance(v, LibraryModule)]
            own = isinstance(source.module, Module) and not any(isinstance(value, External) for value in first)
            return merge(known) if known else ((self.file_of(source),) if own else UNKNOWN)
        return UNKNOWN

    def _for_each(self, arguments: list[Values], compute: Callable[[Values], Any]) -> Values:
        """`compute` for every combination of arguments."""
        combinations: list[Values] = [()]
        for values in arguments:
            combinations = [(*one, value) for one in combinations for value in values]
            if len(combinations) > LIMIT:
                return UNKNOWN
        return merge((compute(one),) for one in combinations if one) or UNKNOWN

    def _call_method(self, method: Method, node: ast.Call, source: Source) -> Values:
        value, name = method.value, method.name
        arguments = self.arguments(node, source)
        if isinstance(value, Table):
            if name in {"get", "pop", "setdefault"} and arguments:
                return merge([self._item(value, arguments[0]), *arguments[1:2]])
            if name == "values":
                return (Items(tuple(found for _, found in value.entries)),)
            if name == "keys":
                return (Items(tuple(keys for keys, _ in value.entries)),)
            if name == "items":
                return (Items(tuple((Items(entry),) for entry in value.entries)),)
            return (value,) if name == "copy" else UNKNOWN
        if isinstance(value, Items):
            return (value,) if name == "copy" else UNKNOWN
        if isinstance(value, Unknown):
            return (value,) if name in PATH_METHODS else UNKNOWN
        if isinstance(value, PurePosixPath):
            if name in {"iterdir", "glob", "rglob", "walk"}:
                return (Items(((Unknown(f"{value}/"),),)),) if is_beside(value) else UNKNOWN
            if name in PATH_METHODS:
                return self._for_each([(value,), *arguments], lambda one: path_method(name, one))
            return UNKNOWN
        if name not in STRING_METHODS:
            return UNKNOWN
        keywords = {one.arg: self.values(one.value, source) for one in node.keywords}
        if name == "join" and len(arguments) == 1:
            parts = [one for one in arguments[0] if isinstance(one, Items)]
            if len(parts) != 1:
                return UNKNOWN
            return self._for_each(list(parts[0].elements), lambda one: join_strings(value, one))
        if any(len(found) != 1 or found[0] is None for found in keywords.values()) or None in keywords:
            return (beginning(value, name),)
        constants = {key: found[0] for key, found in keywords.items()}
        return self._for_each([(value,), *arguments], lambda one: string_method(name, one, constants))
