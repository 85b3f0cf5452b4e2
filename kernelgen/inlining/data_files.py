"""Which data files a piece of source reads beside the library's modules."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from kernelgen.inlining.evaluator import Evaluator
from kernelgen.inlining.imports import ImportFinder
from kernelgen.inlining.library import Library
from kernelgen.inlining.source import Source
from kernelgen.inlining.values import External, Method, Unknown, Values, is_beside, real_path
from kernelgen.searching import Search

_BESIDE = r"__file__|__path__|__spec__|\binspect\b|resources\b|get_data|co_filename"
_WORDS = ("__file__", "__path__", "__spec__", "inspect", "resources", "get_data", "co_filename")
_FOLDER_METHODS = frozenset({"iterdir", "glob", "rglob", "walk"})
# Attributes of a path that say nothing of what lies there.
_MERE_NAMES = frozenset(
    {"name", "stem", "suffix", "suffixes", "parent", "parents", "parts", "with_name", "with_suffix"}
)
# Calls that a folder may be handed to without anything in it being read.
_HARMLESS = frozenset(
    "append insert extend remove add index count discard debug info warning warn error critical exception log print "
    "str repr len isinstance format hash bool type id field setattr hasattr getattr fspath fsdecode Path PurePath "
    "PosixPath PurePosixPath list tuple set sorted reversed frozenset relative_to is_relative_to startswith endswith "
    "replace split rsplit write mkdir makedirs exists is_dir isdir is_file isfile files as_file dirname basename "
    "abspath realpath normpath join split splitext expanduser relpath commonpath joinpath samefile match as_posix "
    "update setdefault get cast partial_ratio assert_ Popen run check_output check_call call insert_path addsitedir "
    "iter_modules walk_packages mkdtemp quote absolute resolve lower upper strip".split()
)
_OPENERS = frozenset({"builtins.open", "io.open", "codecs.open", "os.open", "pathlib.Path", "pathlib.PurePath"})
_RESOURCE_READERS = frozenset(
    f"importlib.resources.{name}"
    for name in ("read_text", "read_binary", "open_text", "open_binary", "path", "is_resource")
) | {"pkgutil.get_data"}


@dataclass(frozen=True)
class Need:
    """Something read beside a module.

    kind: "file" (data), "source" (a module's own text), "folder" (a folder is walked), "unknown" (a name that cannot
    be told), "outside" (not under the library's root) or "relative" (looked for in the working folder).
    file: relative to the library's root, "" where there is none.
    """

    kind: str
    file: str
    where: str


class DataFinder:
    """Finds what sources read beside the modules of one library."""

    def __init__(self, library: Library, evaluator: Evaluator, imports: ImportFinder):
        self.library = library
        self.evaluator = evaluator
        self.imports = imports
        self._mention = Search(rf"{_BESIDE}|\b{library.name}/", (*_WORDS, f"{library.name.lower()}/"))

    def may_read(self, read: Iterable[Source]) -> bool:
        """Whether sources so much as mention how they could find files beside them, or write a path into the library.

        Without such a word in any of them there is nothing to be evaluated.
        """
        return any(_mentions(source, self._mention) for source in read)

    def needs(self, source: Source) -> Iterator[Need]:
        """Every read that can be seen, in the order of the source."""
        for node in source.scopes.nodes:
            if not isinstance(node, ast.expr) or isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
                continue
            if isinstance(node, ast.Constant):
                continue
            found = [need for value in self.evaluator.values(node, source) for need in self._of(value, node, source)]
            if isinstance(node, ast.Call):
                found.extend(self._of_call(node, source))
            if found and not self.imports.guards.is_dead(node, source):
                yield from found

    def _of(self, value: Any, node: ast.expr, source: Source) -> Iterator[Need]:
        if isinstance(value, Method) or not is_beside(value):
            return
        parent = source.scopes.parent_of.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr in _MERE_NAMES:
            return
        where = source.where(node)
        path = real_path(value)
        if isinstance(value, Unknown):
            if self._is_made_here(node, source) and value.prefix.endswith("/") or self._hangs_on(node, value, source):
                yield Need("unknown", self._relative(path), where)
        elif path.is_file():
            yield from self._file(path, where)
        elif (path.is_dir() or _is_pattern(path)) and self._is_walked(node, source):
            yield Need("folder", self._relative(path.parent if _is_pattern(path) else path), where)

    def _file(self, path: Path, where: str) -> Iterator[Need]:
        relative = self._relative(path)
        if not relative:
            yield Need("outside", str(path.name), where)
        elif PurePosixPath(relative) in self.library.by_file:
            yield Need("source", relative, where)
        else:
            yield Need("file", relative, where)

    def _relative(self, path: Path) -> str:
        try:
            return path.relative_to(self.library.root).as_posix()
        except ValueError:
            return ""

    def _is_made_here(self, node: ast.expr, source: Source) -> bool:
        """Whether this very expression puts something behind a folder's path."""
        if isinstance(node, (ast.BinOp, ast.JoinedStr)):
            return not self._is_said(node, source)
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            return name in {"joinpath", "join", "with_name", "with_stem", "Path", "PurePath", "format"}
        return False

    def _hangs_on(self, node: ast.expr, value: Unknown, source: Source) -> bool:
        """Whether a name is begun in the expression (`HERE / f"fold{k}.csv"`), so that it is no `file:line`."""
        if not self._is_made_here(node, source) or value.prefix.endswith("/"):
            return False
        path = real_path(value)
        return not path.exists() and path.parent.is_dir() and ".py:" not in value.prefix

    def _is_said(self, node: ast.expr, source: Source) -> bool:
        """Whether a text is only printed, logged or raised."""
        parent = source.scopes.parent_of.get(node)
        if not isinstance(parent, ast.Call) or node not in parent.args:
            return False
        name = parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
        return name in {
            "print",
            "debug",
            "info",
            "warning",
            "error",
            "critical",
            "exception",
            "warn",
            "write",
        } or (name.endswith(("Error", "Exception", "Warning")))

    def _is_walked(self, node: ast.expr, source: Source) -> bool:
        parent = source.scopes.parent_of.get(node)
        if isinstance(parent, ast.Attribute):
            call = source.scopes.parent_of.get(parent)
            return parent.attr in _FOLDER_METHODS and isinstance(call, ast.Call)
        if isinstance(parent, ast.keyword):
            parent = source.scopes.parent_of.get(parent)
        if not isinstance(parent, ast.Call) or parent.func is node:
            return False
        name = parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
        return name not in _HARMLESS and not name.endswith(("Error", "Exception", "Warning"))

    def _of_call(self, node: ast.Call, source: Source) -> Iterator[Need]:
        for function in self.evaluator.values(node.func, source):
            if not isinstance(function, External):
                continue
            name = function.name.replace("importlib_resources", "importlib.resources")
            where = source.where(node)
            if name in _RESOURCE_READERS:
                yield from self._resources(node, source, where)
            elif name == "importlib.resources.contents":
                packages = self.evaluator.package_of(self.evaluator.argument(node, source, 0, "package"), source)
                if any(package is None or self.library.owns(package) for package in packages):
                    yield Need("folder", "", where)
            elif name in _OPENERS:
                values = self.evaluator.argument(node, source, 0, "file") or ()
                yield from self._relative_to_working_folder(values, node, source, where)

    def _resources(self, node: ast.Call, source: Source, where: str) -> Iterator[Need]:
        packages = self.evaluator.argument(node, source, 0, "package")
        parts = self.evaluator.arguments(node, source)[1:2] or [
            self.evaluator.argument(node, source, 1, "resource") or (Unknown(),)
        ]
        for package in self.evaluator.package_of(packages, source):
            if package is None:
                yield Need("unknown", "", where)
            elif self.library.owns(package):
                for part in parts[0]:
                    path = self.evaluator.resource(package, (part,))
                    if isinstance(path, Unknown):
                        yield Need("unknown", self._relative(real_path(path)), where)
                    elif real_path(path).is_file():
                        yield from self._file(real_path(path), where)

    def _relative_to_working_folder(self, values: Values, node: ast.Call, source: Source, where: str) -> Iterator[Need]:
        mode = self.evaluator.argument(node, source, 1, "mode")
        if mode and any(isinstance(one, str) and set(one) & set("wax") for one in mode):
            return
        for value in values:
            text = str(value) if isinstance(value, (str, PurePosixPath)) else ""
            if text.removeprefix("./").startswith(f"{self.library.name}/") and (self.library.root / text).is_file():
                yield Need("relative", PurePosixPath(text).as_posix(), where)


@cache
def _mentions(source: Source, mention: Search) -> bool:
    return mention.finds(source.text)


def _is_pattern(path: Path) -> bool:
    return any(sign in str(path) for sign in "*?[")
