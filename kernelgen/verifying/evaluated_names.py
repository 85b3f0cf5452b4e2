"""pyflakes, asked for nothing but undefined names."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Any

from pyflakes import messages
from pyflakes.checker import Checker, FunctionScope


def undefined(tree: ast.Module, where: str, known: Collection[str]) -> list[tuple[int, str]]:
    """(line, name) of each name that the evaluated code of ``tree`` uses and nothing defines."""
    return [
        (message.lineno, message.message_args[0])
        for message in _EvaluatedNames(tree, filename=where, builtins=set(known)).messages
        if isinstance(message, messages.UndefinedName)
    ]


class _EvaluatedNames(Checker):
    """pyflakes, blind to what is never evaluated: string annotations, and annotations put off."""

    def handleStringAnnotation(self, *arguments: Any, **keywords: Any) -> None:
        pass

    def handle_annotation_always_deferred(self, annotation: ast.AST, parent: ast.AST) -> None:
        pass

    def handleAnnotation(self, annotation: ast.AST, node: ast.AST) -> None:
        if self.annotationsFutureEnabled:
            return
        if isinstance(node, ast.AnnAssign) and isinstance(self.scope, FunctionScope):
            return
        if not (isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)):
            self.handleNode(annotation, node)

    def IF(self, node: ast.If) -> None:
        """Passes over what stands under ``if TYPE_CHECKING``: neither its uses nor its names exist in a run."""
        test, taken = node.test, node.orelse
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, taken = test.operand, node.body
        if "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", "")):
            for statement in taken:
                self.handleNode(statement, node)
        else:
            super().IF(node)
