"""Uses of the library's own folder in which any of its files may be read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kernelgen.inlining.library import Library
from kernelgen.inlining.paths import UNREAD, called, is_part, parts_of, text_of
from kernelgen.inlining.source import ParsedSource

# Without one of these, code cannot tell where its own files lie.
_LOCATORS = frozenset({"__file__", "__path__", "__spec__", "co_filename"})
_LOCATING = frozenset({"files", "getfile", "getsourcefile"})
# Make another path from that of a module's file.
_MAKING = frozenset("dirname split rsplit partition rpartition replace splitext with_suffix with_stem files".split())
# Give the same path back.
_PASSING = frozenset("str Path PurePath PurePosixPath resolve absolute abspath realpath fspath expanduser".split())
_LISTING = frozenset("iterdir glob rglob iglob walk listdir scandir contents".split())
# Say something of a folder and read nothing in it.
_HARMLESS = frozenset(
    "name stem suffix parts exists is_dir is_file isdir isfile basename as_posix relative_to is_relative_to relpath "
    "startswith endswith print repr len isinstance debug info warning error critical exception getLogger".split()
)


class FolderUses:
    """Follows the library's folder through one source.

    folders: of the library, relative to its root. located: full names that hold the folder, "pk.paths.HERE"; those of
    this source are added.
    """

    def __init__(self, library: Library, source: ParsedSource, folders: set[tuple[str, ...]], located: set[str]):
        self.library = library
        self.source = source
        self.folders = folders
        self.located = located
        self._names: set[str] = set()
        before = -1
        while len(self._names) > before:
            before = len(self._names)
            self._names |= {name for node in source.parents for name in self._holders(node)}
        located |= {f"{source.name}.{name}" for name in self._names}

    def lists(self) -> Iterator[ast.AST]:
        """Where the folder is listed."""
        for node, parent in self.source.parents.items():
            if isinstance(node, ast.expr) and self._leads(node):
                wildcard = is_part(node, parent) and "*" in text_of(parent)
                if wildcard or {called(parent), getattr(parent, "attr", "")} & _LISTING:
                    yield node

    def reads(self) -> Iterator[ast.AST]:
        """Where the folder is joined with what is no literal, or goes where this source does not show."""
        for node, parent in self.source.parents.items():
            if isinstance(node, ast.expr) and self._leads(node) and not self._is_harmless(node, parent):
                yield node

    def locates(self, node: ast.AST) -> bool:
        """Whether an expression asks where a module of the library lies."""
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in _LOCATORS:
                return True
            if isinstance(part, ast.Attribute) and part.attr in _LOCATORS and not self._is_foreign(part.value):
                return True
            if called(part) in _LOCATING and not any(map(self._is_foreign, getattr(part, "args", ()))):
                return True
        return False

    def _is_foreign(self, node: ast.expr) -> bool:
        """Whether an expression is a module of another package, or its name."""
        name = node.value if isinstance(node, ast.Constant) else self.source.dotted(node)
        return isinstance(name, str) and name != "" and not self.library.owns(name)

    def _holders(self, node: ast.AST) -> Iterator[str]:
        """The names, attributes and functions that a statement makes hold or return the folder."""
        value = getattr(node, "value", None)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and value is not None and self._leads(value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (getattr(target, "id", getattr(target, "attr", "")) for target in targets)
        elif isinstance(node, ast.Return) and value is not None and self._leads(value):
            around = (parent for _, parent in self.source.around(node))
            yield from [next(parent.name for parent in around if isinstance(parent, ast.FunctionDef))]

    def _leads(self, node: ast.AST) -> bool:
        """Whether an expression is a folder of the library, or a path that is made from a module's."""
        if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
            return False
        if self.source.dotted(node) in self.located:
            return True
        match node:
            case ast.Name(id=name):
                return name in self._names or name == "__path__"
            case ast.Attribute(attr=name, value=value):
                if name in {"parent", "parents"}:
                    return self.locates(value) or self._leads(value)
                return name in self._names or (name == "__path__" and self.locates(node))
            case ast.Subscript(value=value) | ast.NamedExpr(value=value):
                return self._leads(value)
            case ast.IfExp(body=one, orelse=other) | ast.BoolOp(values=[one, other]):
                return self._leads(one) or self._leads(other)
            case ast.Call(func=function) if called(node) in _PASSING | _MAKING:
                given = [*node.args, *([function.value] if isinstance(function, ast.Attribute) else [])]
                return any(map(self._leads, given)) or (called(node) in _MAKING and self.locates(node))
            case ast.Call(func=function):
                if called(node) == "with_name" and self.locates(function):
                    return UNREAD in text_of(node.args[0]) if node.args else False
                return self._leads(function) and called(node) in self._names or self._leads_below(node)
        return self._leads_below(node)

    def _leads_below(self, node: ast.AST) -> bool:
        """Whether an expression joins the library's folder with that of a folder in it."""
        parts = parts_of(node)
        tail = tuple(text_of(node).rpartition(UNREAD)[2].strip("/").split("/"))
        return len(parts) > 1 and any(one[-len(tail) :] == tail for one in self.folders) and self._leads(parts[0])

    def _is_harmless(self, node: ast.expr, parent: ast.AST) -> bool:
        if isinstance(parent, ast.expr) and self._leads(parent):
            return True  # what is done with the larger expression counts
        match parent:
            case ast.Assign() | ast.AnnAssign() | ast.NamedExpr() | ast.Return() | ast.Expr() | ast.Compare():
                return True
            case ast.Attribute(attr=name):
                return name in _HARMLESS or (name == "joinpath" and _names_a_file(self.source.parents[parent]))
            case ast.FormattedValue():
                text = self.source.parents[parent]
                return _names_a_file(text) or bool(re.search(r"\s", text_of(text)))
            case ast.Call():
                name = called(parent)
                on_path = isinstance(parent.func, ast.Attribute) and ast.unparse(parent.func.value).endswith("sys.path")
                says = name in _HARMLESS or name.endswith(("Error", "Exception", "Warning"))
                return on_path or says or _names_a_file(parent)
        return _names_a_file(parent)


def _names_a_file(node: ast.AST) -> bool:
    """Whether what is joined to a folder stands there literally, so that the file is known by its name."""
    parts = parts_of(node)
    tail = "".join(map(text_of, parts[1:]))
    is_path = isinstance(node, ast.Call) or isinstance(getattr(node, "op", None), ast.Div) or "/" in tail
    return len(parts) > 1 and is_path and UNREAD not in tail
