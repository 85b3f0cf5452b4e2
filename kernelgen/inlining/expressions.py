"""What names, attributes, operators and collections may be when the library runs, as far as reading can tell.

Values are followed through names, loops, conditions, attributes and imports between library modules; what cannot be
told is `Unknown`.
"""

import ast
import builtins
from pathlib import PurePosixPath
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.inlining.computing import combine, cut, to_string
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.platforms import platform_truth
from kernelgen.inlining.reaching import reaching
from kernelgen.inlining.scopes import Binding, Scope, leaves
from kernelgen.inlining.source import Source, Sources
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
    merge,
    plain,
    text_of,
)

_SPACES = frozenset({"globals", "vars", "locals"})
_DEPTH = 70


class ExpressionEvaluator:
    """Evaluates names, operators and collections; its heir adds calls."""

    def __init__(self, library: Library, sources: Sources):
        self.library = library
        self.sources = sources
        self._known: dict[ast.AST, Values] = {}
        self._known_of_cells: dict[ast.AST, Values] = {}
        self._open: set[Any] = set()

    # --- entry points -------------------------------------------------------------------------------------------

    def values(self, node: ast.AST | None, source: Source) -> Values:
        """All that an expression may be."""
        if node is None:
            return UNKNOWN
        known = self._known if source.module else self._known_of_cells
        if node in known:
            return known[node]
        if node in self._open or len(self._open) > _DEPTH:
            return UNKNOWN
        self._open.add(node)
        try:
            evaluate = getattr(self, f"_{type(node).__name__.lower()}", None)
            found = evaluate(node, source) if evaluate else UNKNOWN
        finally:
            self._open.discard(node)
        # What leans on something that was still being worked out holds an Unknown, and may be kept as it is: to work
        # it out again from another side would cost exponentially much.
        known[node] = found
        return found

    def forget_cells(self) -> None:
        """To be called for each notebook: cells of the same text may stand beside others there."""
        self._known_of_cells.clear()

    def truth(self, node: ast.AST, source: Source) -> bool | None:
        """Whether a condition always holds (True), never (False), or cannot be told (None)."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truth(node.operand, source)
            return None if inner is None else not inner
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(value, source) for value in node.values]
            decisive = isinstance(node.op, ast.Or)
            if decisive in parts:
                return decisive
            return (not decisive) if all(part is (not decisive) for part in parts) else None
        if isinstance(node, ast.Constant):
            return bool(node.value)
        if isinstance(node, (ast.Compare, ast.Call)):
            return platform_truth(node, self.sources.python, lambda part: self._external_name(part, source))
        # Other names may be given another value from outside, even if they are False where they are bound.
        values = self.values(node, source) if isinstance(node, (ast.Name, ast.Attribute)) else ()
        checking = getattr(node, "id", getattr(node, "attr", "")) == "TYPE_CHECKING"
        checking |= any(isinstance(one, External) and one.name.endswith(".TYPE_CHECKING") for one in values)
        return False if checking and not any(value is True for value in values) else None

    def _external_name(self, node: ast.AST, source: Source) -> str | None:
        values = self.values(node, source)
        return values[0].name if len(values) == 1 and isinstance(values[0], External) else None

    def strings(self, node: ast.AST, source: Source) -> list[str]:
        """The strings among the elements of a collection, or the string itself."""
        return [value for value in self.elements(self.values(node, source)) if isinstance(value, str)]

    def elements(self, values: Values) -> Values:
        """What iterating over `values` gives; a lone string stands for itself."""
        found: list[Values] = []
        for value in values:
            if isinstance(value, Items):
                found.extend(value.elements)
            elif isinstance(value, Table):
                found.extend(keys for keys, _ in value.entries)
            elif isinstance(value, str):
                found.append((value,))
            else:
                found.append(UNKNOWN)
        return merge(found)

    def file_of(self, source: Source) -> str:
        if source.module is None:
            return MARK + str(self.library.root / PurePosixPath(source.file).name)
        return MARK + str(source.module.path)

    # --- names --------------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name, source: Source) -> Values:
        scope: Scope | None = source.scopes.scope_of.get(node, source.scopes.module)
        own = scope
        while scope is not None:
            skipped = isinstance(scope.node, ast.ClassDef) and scope is not own
            if not skipped and node.id in scope.bindings:
                bindings = reaching(node, scope, own, source)
                found = merge(self._bound(binding, source) for binding in bindings)
                if any(isinstance(value, Unknown) and not value.prefix for value in found):
                    narrowed = self._narrowed(node, source)
                    return narrowed if narrowed is not None else found
                return found
            scope = scope.above
        return self._builtin(node.id, source)

    def _builtin(self, name: str, source: Source) -> Values:
        if name == "__file__":
            return (self.file_of(source),)
        if name == "__name__":
            return (source.name,)
        if name == "__package__":
            return (source.package,)
        if name == "__spec__" and source.module:
            return (Spec(source.module.name),)
        if name == "__path__" and source.module and source.module.is_package:
            return self._module_attribute(source.module.name, "__path__")
        if name in {"__doc__", "__loader__", "__annotations__", "__dict__"}:
            return UNKNOWN
        found = self._from_neighbours(name, source) or self._from_stars(name, source)
        return found if found else (External(f"builtins.{name}"),)

    def _from_neighbours(self, name: str, source: Source) -> Values:
        """What other cells of the notebook bind a name to."""
        found = []
        for other in source.neighbours:
            found.extend(self._bound(binding, other) for binding in other.scopes.module.bindings.get(name, []))
            found.append(self._from_stars(name, other))
        return merge(found)

    def _from_stars(self, name: str, source: Source) -> Values:
        """What a name may be that only a star import can have bound."""
        found: list[Values] = []
        for binding in source.scopes.module.bindings.get("*", []):
            try:
                package = source.resolve(binding.statement.level, binding.statement.module, binding.statement)
            except KernelgenError:
                continue
            if self.library.owns(package):
                values = self._module_attribute(package, name)
                found.append(() if values == UNKNOWN else values)
            elif not hasattr(builtins, name):
                found.append((External(f"{package}.{name}"),))
        return merge(found)

    def _bound(self, binding: Binding, source: Source) -> Values:
        node = binding.node
        if binding.how == "value":
            found = self.values(node, source)
        elif binding.how == "element":
            found = self.elements(self.values(node, source))
        elif binding.how == "context":
            found = self.values(node, source)
        elif binding.how == "augmented":
            found = self.values(node, source)
        elif binding.how == "import":
            name = node.name if node.asname else node.name.partition(".")[0]
            return (self._module_or_external(name),)
        elif binding.how == "from":
            return self._imported(node, binding.statement, source)
        elif binding.how == "function":
            return (Function(node, source),)
        elif binding.how == "parameter":
            return self._parameter(node, source)
        else:
            return UNKNOWN
        for step in binding.path:
            found = merge(self._item(value, None if step is None else (step,)) for value in found)
        return found

    def _augassign(self, node: ast.AugAssign, source: Source) -> Values:
        if not isinstance(node.target, ast.Name):
            return UNKNOWN
        load = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        source.scopes.scope_of[load] = source.scopes.scope_of[node]
        source.scopes.parent_of[load] = node
        left, right = self.values(load, source), self.values(node.value, source)
        return self._combine(node.op, left, right)

    def _parameter(self, node: ast.arg, source: Source) -> Values:
        """A parameter is its default, or anything."""
        function = source.scopes.parent_of.get(node)
        arguments = getattr(function, "args", None)
        if arguments is None:
            return UNKNOWN
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = dict(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
        defaults |= {arg: one for arg, one in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if one}
        if node not in defaults:
            return UNKNOWN
        return merge([self.values(defaults[node], source), UNKNOWN])

    def _narrowed(self, use: ast.Name, source: Source) -> Values | None:
        """What conditions around a use leave of a name: `if name in TABLE`, `if name == "x"`, and their opposites."""
        for child, parent in source.scopes.ancestors(use):
            if isinstance(parent, (ast.If, ast.IfExp, ast.While)) and child is not parent.test:
                body = parent.body if isinstance(parent.body, list) else [parent.body]
                if child in body:
                    found = self._allowed(parent.test, use.id, source, holds=True)
                else:
                    found = self._allowed(parent.test, use.id, source, holds=False)
                if found is not None:
                    return found
            if isinstance(parent, ast.BoolOp) and isinstance(parent.op, ast.And):
                for before in parent.values[: parent.values.index(child)]:
                    found = self._allowed(before, use.id, source, holds=True)
                    if found is not None:
                        return found
            for block in (getattr(parent, field, None) for field in ("body", "orelse", "finalbody")):
                if not isinstance(block, list) or child not in block:
                    continue
                for before in block[: block.index(child)]:
                    if isinstance(before, ast.If) and not before.orelse and leaves(before.body):
                        found = self._allowed(before.test, use.id, source, holds=False)
                        if found is not None:
                            return found
            if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
                return None
        return None

    def _allowed(self, test: ast.AST, name: str, source: Source, *, holds: bool) -> Values | None:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return self._allowed(test.operand, name, source, holds=not holds)
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And if holds else ast.Or):
            found = (self._allowed(value, name, source, holds=holds) for value in test.values)
            return next((one for one in found if one is not None), None)
        if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
            return None
        left, operator, right = test.left, test.ops[0], test.comparators[0]
        equal, within = (ast.Eq, ast.In) if holds else (ast.NotEq, ast.NotIn)
        if isinstance(operator, equal) and isinstance(right, ast.Name) and right.id == name:
            left, right = right, left
        if not (isinstance(left, ast.Name) and left.id == name):
            return None
        if isinstance(operator, within):
            found = self.values(right, source)
            found = () if any(isinstance(value, str) for value in found) else self.elements(found)
        elif isinstance(operator, equal):
            found = self.values(right, source)
        else:
            return None
        known = found and not any(isinstance(value, Unknown) for value in found)
        return found if known else None

    # --- modules ------------------------------------------------------------------------------------------------

    def _module_or_external(self, name: str) -> Any:
        if not self.library.owns(name):
            return External(name)
        return LibraryModule(name) if self._exists(name) else Unknown()

    def _exists(self, name: str) -> bool:
        try:
            return self.library.exists(name)
        except KernelgenError:
            return False

    def _imported(self, alias: ast.alias, statement: ast.ImportFrom, source: Source) -> Values:
        try:
            package = source.resolve(statement.level, statement.module, statement)
        except KernelgenError:
            return UNKNOWN
        if package == "__future__":
            return UNKNOWN
        if not self.library.owns(package):
            return (External(f"{package}.{alias.name}"),)
        return self._module_attribute(package, alias.name)

    def _module_attribute(self, name: str, attribute: str) -> Values:
        module = self._read(name)
        folder = MARK + str(self.library.root.joinpath(*name.split(".")))
        if attribute == "__file__" and module:
            return (MARK + str(module.path),)
        if attribute == "__path__":
            return (Items(((folder,),)),)
        if attribute == "__name__":
            return (name,)
        if attribute == "__package__":
            return (module.package if module else name,)
        if attribute == "__spec__":
            return (Spec(name),)
        found: list[Values] = []
        if module is not None:
            key = (name, attribute)
            if key in self._open:
                return UNKNOWN
            self._open.add(key)
            try:
                source = self.sources.of_module(module)
                bindings = source.scopes.module.bindings.get(attribute, [])
                last = [one for one in bindings if source.scopes.parent_of.get(one.statement) is source.tree]
                # The last plain statement of the module decides, unless others are made in branches or functions.
                chosen = last[-1:] if len(last) == len(bindings) else bindings
                found = [self._bound(binding, source) for binding in chosen]
                if not bindings:
                    found = [values] if (values := self._from_stars(attribute, source)) else []
            except KernelgenError:
                found = []
            finally:
                self._open.discard(key)
        if self._exists(f"{name}.{attribute}"):
            found.append((LibraryModule(f"{name}.{attribute}"),))
        return merge(found) if found else UNKNOWN

    def _read(self, name: str) -> Module | None:
        try:
            return self.library.module(name)
        except KernelgenError:
            return None

    # --- expressions --------------------------------------------------------------------------------------------

    def _constant(self, node: ast.Constant, source: Source) -> Values:
        plain = isinstance(node.value, (str, int, bool)) or node.value is None
        return (node.value,) if plain else UNKNOWN

    def _joinedstr(self, node: ast.JoinedStr, source: Source) -> Values:
        found: Values = ("",)
        for part in node.values:
            found = self._combine(ast.Add(), found, self.values(part, source))
        return found

    def _formattedvalue(self, node: ast.FormattedValue, source: Source) -> Values:
        if node.format_spec is not None or node.conversion not in (-1, ord("s")):
            return tuple(Unknown(text_of(value) or "") for value in self.values(node.value, source))
        return merge((to_string(value),) for value in self.values(node.value, source))

    def _namedexpr(self, node: ast.NamedExpr, source: Source) -> Values:
        return self.values(node.value, source)

    def _ifexp(self, node: ast.IfExp, source: Source) -> Values:
        truth = self.truth(node.test, source)
        branches = [node.body] * (truth is not False) + [node.orelse] * (truth is not True)
        return merge(self.values(branch, source) for branch in branches)

    def _boolop(self, node: ast.BoolOp, source: Source) -> Values:
        return merge(self.values(value, source) for value in node.values)

    def _starred(self, node: ast.Starred, source: Source) -> Values:
        return self.values(node.value, source)

    def _collection(self, node: ast.List | ast.Tuple | ast.Set, source: Source) -> Values:
        elements: list[Values] = []
        for element in node.elts:
            found = self.values(element, source)
            elements.append(self.elements(found) if isinstance(element, ast.Starred) else found)
        return (Items(tuple(elements)),)

    _list = _tuple = _set = _collection

    def _dict(self, node: ast.Dict, source: Source) -> Values:
        entries: list[tuple[Values, Values]] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                entries.append((self.values(key, source), self.values(value, source)))
                continue
            for inner in self.values(value, source):
                entries.extend(inner.entries if isinstance(inner, Table) else [(UNKNOWN, UNKNOWN)])
        return (Table(tuple(entries)),)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, source: Source) -> Values:
        return (Items((self.values(node.elt, source),)),)

    _listcomp = _setcomp = _generatorexp = _comprehension

    def _dictcomp(self, node: ast.DictComp, source: Source) -> Values:
        return (Table(((self.values(node.key, source), self.values(node.value, source)),)),)

    def _binop(self, node: ast.BinOp, source: Source) -> Values:
        return self._combine(node.op, self.values(node.left, source), self.values(node.right, source))

    def _combine(self, operator: ast.operator, lefts: Values, rights: Values) -> Values:
        if len(lefts) * len(rights) > LIMIT:
            lefts, rights = lefts[:1], UNKNOWN
        return merge((combine(operator, left, right),) for left in lefts for right in rights)

    def _unaryop(self, node: ast.UnaryOp, source: Source) -> Values:
        if isinstance(node.op, ast.USub):
            return tuple(-v if isinstance(v, int) else Unknown() for v in self.values(node.operand, source))
        truth = self.truth(node, source) if isinstance(node.op, ast.Not) else None
        return UNKNOWN if truth is None else (truth,)

    def _subscript(self, node: ast.Subscript, source: Source) -> Values:
        values = self.values(node.value, source)
        if isinstance(node.slice, ast.Slice):
            parts = [node.slice.lower, node.slice.upper, node.slice.step]
            bounds = [(None,) if part is None else self.values(part, source) for part in parts]
            return merge((cut(value, bounds),) for value in values)
        keys = self.values(node.slice, source)
        if "__file__" in keys and isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") in _SPACES:
            return self._builtin("__file__", source)
        return merge(self._item(value, keys) for value in values)

    def _item(self, value: Any, keys: Values | None) -> Values:
        """`value[key]` for every key that it may be; None and unknown ones stand for any."""
        exact = None if keys is None or any(isinstance(key, Unknown) for key in keys) else keys
        if isinstance(value, Items):
            if exact and all(
                isinstance(key, int) and -len(value.elements) <= key < len(value.elements) for key in exact
            ):
                return merge(value.elements[key] for key in exact)
            return merge(value.elements) if value.elements else UNKNOWN
        if isinstance(value, Table):
            wanted = [
                found
                for names, found in value.entries
                if exact is None or any(isinstance(name, Unknown) or name in exact for name in names)
            ]
            return merge(wanted) if wanted else UNKNOWN
        if isinstance(value, External) and value.name == "sys.modules":
            return merge(
                (self._module_or_external(key) if isinstance(key, str) else Unknown(),) for key in exact or [0]
            )
        if isinstance(value, Unknown) and value.prefix:
            return (value,)
        return UNKNOWN

    def _attribute(self, node: ast.Attribute, source: Source) -> Values:
        return merge(self._attribute_of(value, node.attr, source) for value in self.values(node.value, source))

    def _attribute_of(self, value: Any, attribute: str, source: Source) -> Values:
        if isinstance(value, LibraryModule):
            return self._module_attribute(value.name, attribute)
        if isinstance(value, External):
            return (External(f"{value.name}.{attribute}"),)
        if isinstance(value, Spec):
            if attribute == "parent":
                module = self._read(value.name)
                return (module.package if module else value.name,)
            same = {"origin": "__file__", "name": "__name__", "submodule_search_locations": "__path__"}
            return self._module_attribute(value.name, same[attribute]) if attribute in same else UNKNOWN
        if isinstance(value, PurePosixPath):
            if attribute == "parents":
                return (Items(tuple((one,) for one in value.parents)),)
            if attribute in {"parent", "name", "stem", "suffix", "parts"}:
                return (plain(getattr(value, attribute)),)
            return (Method(value, attribute),)
        if isinstance(value, (str, Items, Table)):
            return (Method(value, attribute),)
        if isinstance(value, Unknown) and value.prefix:
            if attribute in {"name", "stem", "suffix"}:
                return UNKNOWN
            return (value,) if attribute in {"parent", "parents"} else (Method(value, attribute),)
        found = [UNKNOWN]
        for assigned in source.scopes.attributes.get(attribute, []):
            if isinstance(assigned, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.append(self._returned(Function(assigned, source)))
            else:
                found.append(self.values(assigned, source))
        return merge(found)
