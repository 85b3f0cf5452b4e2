"""Which names a package binds by itself, so that `from package import name` can be held against them."""

import ast
from functools import cache

from kernelgen.inlining.source import Source

_ALWAYS = frozenset("__name__ __file__ __path__ __doc__ __package__ __spec__ __loader__ __dict__ __builtins__".split())
_OPEN = frozenset({"globals", "vars", "locals", "exec", "eval", "setattr"})


@cache
def bound_names(source: Source) -> frozenset[str] | None:
    """The names bound in a module; None where they cannot be told (star imports, module `__getattr__`, globals())."""
    bindings = source.scopes.module.bindings
    if "*" in bindings or "__getattr__" in bindings:
        return None
    if any(node.id in _OPEN for node in source.scopes.of_types(ast.Name)):
        return None
    if any(node.attr in {"modules", "__dict__", "attach"} for node in source.scopes.of_types(ast.Attribute)):
        return None
    return _ALWAYS | bindings.keys()


@cache
def stored_attributes(source: Source) -> set[str]:
    """Names that this source sets as attributes of anything: `module.name = …`, `setattr(module, "name", …)`."""
    found = set(source.scopes.attributes)
    found.update(node.attr for node in source.scopes.of_types(ast.Attribute) if isinstance(node.ctx, ast.Store))
    for node in source.scopes.of_types(ast.Call):
        if getattr(node.func, "id", "") == "setattr" and len(node.args) > 1:
            name = node.args[1]
            found.add(name.value if isinstance(name, ast.Constant) else "*")
    return found


@cache
def registered_modules(source: Source) -> set[str]:
    """Names that this source puts into `sys.modules`; "*" for one that cannot be told.

    `sys.modules[__name__] = …` exchanges a module that is there, and counts for nothing here.
    """
    found = set()
    for node in source.scopes.of_types(ast.Subscript):
        if isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Attribute) and node.value.attr == "modules":
                key = node.slice
                if isinstance(key, ast.Name) and key.id == "__name__":
                    continue
                found.add(key.value if isinstance(key, ast.Constant) else "*")
    return found
