"""Who binds which name in a piece of source, and where."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from kernelgen.inlining.walking import children_of

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_OPENING = frozenset({*FUNCTIONS, *COMPREHENSIONS, ast.ClassDef, ast.Global, ast.Nonlocal})
LOOPS = (ast.For, ast.AsyncFor, ast.While)
_BINDING = frozenset(
    getattr(ast, name, ast.Assign)
    for name in "Assign AnnAssign AugAssign NamedExpr For AsyncFor comprehension With AsyncWith Import ImportFrom "
    "FunctionDef AsyncFunctionDef ClassDef arg ExceptHandler MatchAs MatchStar MatchMapping TypeAlias".split()
)


@dataclass(frozen=True)
class Binding:
    """One place that gives a name its value.

    how: "value" (of `node`), "element" (an element of `node`, as in a for loop), "context" (what `with node` gives),
    "import" (`node` is the ast.alias), "from" (likewise), "function", "class", "parameter" or "other".
    path: the way into the value where a tuple is taken apart; None stands for a part that is not known.
    """

    how: str
    node: ast.AST
    statement: ast.AST
    path: tuple[int | None, ...] = ()


@dataclass(eq=False)
class Scope:
    """A module's, class's, function's or comprehension's names."""

    node: ast.AST
    above: "Scope | None"
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)  # names that a `global` or `nonlocal` sends away


class Scopes:
    """The scopes of a tree, and each node's scope and parent.

    nodes: every node, in the order of the source. by_type: the same by their types.
    attributes: values of `self.x = value`, class attributes, properties: by the attribute's name alone.
    """

    def __init__(self, tree: ast.Module):
        self.tree = tree
        self.module = Scope(tree, None)
        self.scope_of: dict[ast.AST, Scope] = {}
        self.parent_of: dict[ast.AST, ast.AST] = {}
        self.nodes: list[ast.AST] = []
        self.by_type: dict[type, list[ast.AST]] = {}
        self.attributes: dict[str, list[ast.AST]] = {}
        self._globals: list[tuple[Scope, str, bool]] = []
        self._build()

    def of_types(self, *types: type) -> list[ast.AST]:
        """The nodes of some types, those of each in the order of the source."""
        return [node for one in types for node in self.by_type.get(one, ())]

    def ancestors(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Pairs (child, parent) from `node` up to the module."""
        while node in self.parent_of:
            parent = self.parent_of[node]
            yield node, parent
            node = parent

    def _build(self) -> None:
        stack: list[tuple[ast.AST, Scope]] = [(self.tree, self.module)]
        while stack:
            node, scope = stack.pop()
            self.scope_of[node] = scope
            self.nodes.append(node)
            if type(node) in _OPENING:
                children = list(self._children(node, scope))
                for child, _ in children:
                    self.parent_of.setdefault(child, node)
                stack.extend(reversed(children))
                continue
            for child in reversed(children_of(node)):
                self.parent_of.setdefault(child, node)
                stack.append((child, scope))
        for node in self.nodes:
            self.by_type.setdefault(type(node), []).append(node)
        # Names declared `global` are known only once all statements were seen.
        for node in self.nodes:
            if type(node) in _BINDING:
                self._bind(node)

    def _children(self, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
        """The children of a node that opens a scope, each with its own; `global` opens none, but moves names."""
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            scope.elsewhere.update(node.names)
            if isinstance(node, ast.Global):
                self._globals.extend((scope, name, True) for name in node.names)
        elif isinstance(node, FUNCTIONS):
            inner = Scope(node, scope)
            outside = [*getattr(node, "decorator_list", []), *node.args.defaults]
            outside += [default for default in node.args.kw_defaults if default]
            outside += [child for child in [getattr(node, "returns", None)] if child]
            yield from ((child, scope) for child in outside)
            for arg in _arguments(node.args):
                self.parent_of[arg] = node
                yield arg, inner
            body = node.body if isinstance(node.body, list) else [node.body]
            yield from ((child, inner) for child in body)
        elif isinstance(node, ast.ClassDef):
            inner = Scope(node, scope)
            yield from ((child, scope) for child in [*node.decorator_list, *node.bases, *node.keywords])
            yield from ((child, inner) for child in node.body)
        else:
            inner = Scope(node, scope)
            for number, part in enumerate(node.generators):
                self.parent_of[part] = node
                self.scope_of[part] = inner
                self.nodes.append(part)
                for child in (part.iter, part.target, *part.ifs):
                    self.parent_of[child] = part
                    yield child, scope if number == 0 and child is part.iter else inner
            elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            yield from ((child, inner) for child in elements)

    def _bind(self, node: ast.AST) -> None:
        scope = self.scope_of[node]
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._target(target, "value", node.value, node)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._target(node.target, "value", node.value, node)
        elif isinstance(node, ast.AugAssign):
            self._target(node.target, "augmented", node, node)
        elif isinstance(node, ast.NamedExpr):
            home = scope
            while isinstance(home.node, COMPREHENSIONS) and home.above:
                home = home.above
            self._add(home, node.target.id, Binding("value", node.value, node))
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._target(node.target, "element", node.iter, node)
        elif isinstance(node, ast.comprehension):
            self._target(node.target, "element", node.iter, node, scope)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if item.optional_vars is not None:
                    self._target(item.optional_vars, "context", item.context_expr, node)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                self._add(scope, alias.asname or alias.name.partition(".")[0], Binding("import", alias, node))
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._add(scope, alias.asname or alias.name, Binding("from", alias, node))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._add(scope, node.name, Binding("function", node, node))
            if isinstance(scope.node, ast.ClassDef) and any(_is_property(one) for one in node.decorator_list):
                self.attributes.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.ClassDef):
            self._add(scope, node.name, Binding("class", node, node))
        elif isinstance(node, ast.arg):
            self._add(scope, node.arg, Binding("parameter", node, node))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self._add(scope, node.name, Binding("other", node, node))
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            self._add(scope, node.name, Binding("other", node, node))
        elif isinstance(node, ast.MatchMapping) and node.rest:
            self._add(scope, node.rest, Binding("other", node, node))
        elif getattr(ast, "TypeAlias", None) and isinstance(node, ast.TypeAlias):
            self._add(scope, node.name.id, Binding("other", node, node))

    def _target(
        self,
        target: ast.AST,
        how: str,
        value: ast.AST,
        statement: ast.AST,
        scope: Scope | None = None,
        path: tuple[int | None, ...] = (),
    ) -> None:
        scope = scope or self.scope_of[target]
        if isinstance(target, ast.Name):
            self._add(scope, target.id, Binding(how, value, statement, path))
            if isinstance(scope.node, ast.ClassDef) and how == "value" and not path:
                self.attributes.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Attribute):
            if how == "value" and not path:
                self.attributes.setdefault(target.attr, []).append(value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            starred = any(isinstance(element, ast.Starred) for element in target.elts)
            for number, element in enumerate(target.elts):
                self._target(element, how, value, statement, scope, (*path, None if starred else number))
        elif isinstance(target, ast.Starred):
            self._target(target.value, "other", value, statement, scope, path)

    def _add(self, scope: Scope, name: str, binding: Binding) -> None:
        if name in scope.elsewhere:
            home = self.module
            if (scope, name, True) not in self._globals:
                above = scope.above
                while above and (name not in above.bindings or isinstance(above.node, ast.ClassDef)):
                    above = above.above
                home = above or self.module
            scope = home
        scope.bindings.setdefault(name, []).append(binding)


@lru_cache(maxsize=4096)
def scopes_of(tree: ast.Module) -> Scopes:
    """The scopes of a tree, worked out once."""
    return Scopes(tree)


def leaves(body: list[ast.stmt]) -> bool:
    """Whether a block never runs on into what follows."""
    return bool(body) and isinstance(body[-1], (ast.Raise, ast.Return, ast.Continue, ast.Break))


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return found + [arg for arg in (arguments.vararg, arguments.kwarg) if arg]


def _is_property(decorator: ast.AST) -> bool:
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
    return name in {"property", "cached_property"}
