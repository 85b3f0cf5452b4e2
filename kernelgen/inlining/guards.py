"""Whether an import is executed at all, and whether the code goes on without it."""

import ast
from collections.abc import Iterator

from kernelgen.inlining.evaluator import Evaluator
from kernelgen.inlining.scopes import FUNCTIONS, Binding, leaves
from kernelgen.inlining.source import Source
from kernelgen.inlining.values import External, Function, Items, LibraryModule

_CATCHING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_TRIES = (ast.Try, getattr(ast, "TryStar", ast.Try))
_BLOCKS = ("body", "orelse", "finalbody")
_FAR = 3


class Guards:
    """Judges nodes by the conditions around them."""

    def __init__(self, evaluator: Evaluator):
        self.evaluator = evaluator

    def is_dead(self, node: ast.AST, source: Source) -> bool:
        """Whether a node is never executed: under `if TYPE_CHECKING:`, `if False:` or for another system."""
        for child, parent in source.scopes.ancestors(node):
            if isinstance(parent, (ast.If, ast.IfExp, ast.While)) and child is not parent.test:
                truth = self.evaluator.truth(parent.test, source)
                body = parent.body if isinstance(parent.body, list) else [parent.body]
                if truth is not None and (child in body) is not truth and not isinstance(parent, ast.While):
                    return True
                if truth is False and child in body:
                    return True
        return False

    def is_guarded(self, node: ast.AST, source: Source) -> bool:
        """Whether the code goes on if this import fails, or asks before it whether it would."""
        for child, parent in source.scopes.ancestors(node):
            if isinstance(parent, _TRIES) and child in (*parent.body, *parent.orelse):
                if self._goes_on(parent, source) and (child in parent.body or _imports(parent, node)):
                    return True
            if isinstance(parent, (ast.With, ast.AsyncWith)) and child in parent.body:
                if any(self._suppresses(item.context_expr, source) for item in parent.items):
                    return True
            if isinstance(parent, ast.If) and child in parent.body and self._asks(parent.test, node, source):
                return True
            if any(self._asks(before.test, node, source) for before in _left_before(child, parent)):
                return True
            if isinstance(parent, FUNCTIONS):
                return False
        return False

    def _goes_on(self, attempt: ast.Try, source: Source) -> bool:
        return any(
            not any(isinstance(statement, ast.Raise) for statement in handler.body)
            and (handler.type is None or self._catches(handler.type, source))
            for handler in attempt.handlers
        )

    def _catches(self, node: ast.AST, source: Source) -> bool:
        values = self.evaluator.values(node, source)
        values += self.evaluator.elements(tuple(value for value in values if isinstance(value, Items)))
        return any(isinstance(one, External) and one.name.rpartition(".")[2] in _CATCHING for one in values)

    def _suppresses(self, node: ast.AST, source: Source) -> bool:
        if not isinstance(node, ast.Call):
            return False
        names = {one.name for one in self.evaluator.values(node.func, source) if isinstance(one, External)}
        return "contextlib.suppress" in names and any(self._catches(one, source) for one in node.args)

    # --- conditions that ask for a module -----------------------------------------------------------------------

    def _asks(self, test: ast.AST, wanted: ast.AST, source: Source) -> bool:
        """Whether a condition tells if `wanted` can be imported: find_spec, or a flag or function that knows."""
        for node in ast.walk(test):
            if not isinstance(node, (ast.Name, ast.Attribute)):
                continue
            for value in self.evaluator.values(node, source):
                if isinstance(value, External) and value.name == "importlib.util.find_spec":
                    return True
                if isinstance(value, Function) and self._tries(value.node, wanted, value.source):
                    return True
            if any(self._answers(binding, wanted, there) for binding, there in self._bindings(node, source, _FAR)):
                return True
        return False

    def _answers(self, binding: Binding, wanted: ast.AST, source: Source) -> bool:
        """Whether a name was bound by asking for `wanted`, or where its import was tried."""
        if binding.how == "value" and self._finds(binding.node, source):
            return True
        attempts = (parent for _, parent in source.scopes.ancestors(binding.statement) if isinstance(parent, _TRIES))
        return any(_imports(attempt, wanted) and self._goes_on(attempt, source) for attempt in attempts)

    def _tries(self, function: ast.AST, wanted: ast.AST, source: Source) -> bool:
        attempts = (node for node in ast.walk(function) if isinstance(node, _TRIES))
        return self._finds(function, source) or any(
            _imports(attempt, wanted) and self._goes_on(attempt, source) for attempt in attempts
        )

    def _finds(self, part: ast.AST, source: Source) -> bool:
        return any(
            isinstance(value, External) and value.name == "importlib.util.find_spec"
            for node in ast.walk(part)
            if isinstance(node, (ast.Name, ast.Attribute))
            for value in self.evaluator.values(node, source)
        )

    def _bindings(self, node: ast.AST, source: Source, depth: int) -> Iterator[tuple[Binding, Source]]:
        """What binds a flag, here or in the module of the library that it comes from."""
        if isinstance(node, ast.Name):
            scope = source.scopes.scope_of.get(node)
            while scope is not None and node.id not in scope.bindings:
                scope = scope.above
            for binding in scope.bindings[node.id] if scope else ():
                yield binding, source
                if binding.how == "from":
                    package = source.resolve(binding.statement.level, binding.statement.module, binding.statement)
                    yield from self._exported(package, binding.node.name, depth)
        else:
            for value in self.evaluator.values(node.value, source):
                if isinstance(value, LibraryModule):
                    yield from self._exported(value.name, node.attr, depth)

    def _exported(self, package: str, name: str, depth: int) -> Iterator[tuple[Binding, Source]]:
        module = self.evaluator.library.module(package)
        if module is None or not depth:
            return
        source = self.evaluator.sources.of_module(module)
        for binding in source.scopes.module.bindings.get(name, []):
            yield binding, source
            if binding.how == "from":
                above = source.resolve(binding.statement.level, binding.statement.module, binding.statement)
                yield from self._exported(above, binding.node.name, depth - 1)


def _left_before(child: ast.AST, parent: ast.AST) -> Iterator[ast.If]:
    """`if …: return` and the like that stand before a statement in its block."""
    for block in (getattr(parent, field, None) for field in _BLOCKS):
        if isinstance(block, list) and child in block:
            for before in block[: block.index(child)]:
                if isinstance(before, ast.If) and not before.orelse and leaves(before.body):
                    yield before


def _imports(attempt: ast.Try, wanted: ast.AST) -> bool:
    """Whether a `try` imports the package that `wanted` imports."""
    tried = {root for part in attempt.body for node in ast.walk(part) for root in _roots(node)}
    return bool(tried) and tried >= _roots(wanted)


def _roots(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").partition(".")[0]}
    return set()
