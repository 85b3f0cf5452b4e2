"""Whether a name that code takes from a package is bound there, though it is no submodule."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator

from kernelgen.inlining.source import ParsedSource

_ALWAYS = frozenset("__name__ __file__ __path__ __doc__ __package__ __spec__ __loader__ __dict__ __builtins__".split())
# With these a module binds names that no reader can tell.
_MAKES_NAMES = frozenset({"globals", "vars", "locals", "exec", "eval", "setattr"})


def binds(source: ParsedSource, name: str) -> bool:
    """Whether a module binds a name at its top, or may do so in a way that cannot be read."""
    if name in _ALWAYS:
        return True
    bound = set(_bound(symtable.symtable(source.text, source.file, "exec")))
    if name in bound or "__getattr__" in bound:
        return True
    return any(
        isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        or isinstance(node, ast.Name) and node.id in _MAKES_NAMES
        or isinstance(node, ast.Attribute) and node.attr in {"modules", "__dict__", "attach"}
        for node in source.parents
    )  # fmt: skip


def sets_attribute(sources: Iterable[ParsedSource], name: str) -> bool:
    """Whether code sets an attribute of that name on anything, such as a package: `pk.name = …`."""
    for node in (node for source in sources for node in source.parents):
        if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr" and len(node.args) > 1:
            if getattr(node.args[1], "value", name) == name:
                return True
    return False


def registers(sources: Iterable[ParsedSource], name: str) -> bool:
    """Whether code puts a module of that name into `sys.modules`, or one whose name cannot be read."""
    for node in (node for source in sources for node in source.parents):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            if getattr(node.value, "attr", "") == "modules" and getattr(node.slice, "id", "") != "__name__":
                if getattr(node.slice, "value", name) == name:
                    return True
    return False


def _bound(table: symtable.SymbolTable) -> Iterator[str]:
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            if is_module or symbol.is_declared_global():
                yield symbol.get_name()
    for child in table.get_children():
        yield from _bound(child)
