"""What ``{{ … }}`` holds: Jinja reads it and evaluates it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, nodes
from jinja2.environment import TemplateExpression


@dataclass(frozen=True)
class Literal:
    """A value that the filter `literal` marked."""

    value: Any


_JINJA = Environment(undefined=StrictUndefined)
_JINJA.globals.clear()
del _JINJA.filters["random"]
_JINJA.filters["literal"] = Literal


def form_end(text: str, start: int, end: int) -> int | None:
    """Where the ``{{ … }}`` that begins at ``start`` ends; None where Jinja finds none before ``end``."""
    try:
        for _, kind, value in _JINJA.lexer.tokeniter(text[start:end], None):
            start += len(value)
            if kind == "variable_end":
                return start
    except TemplateSyntaxError:
        pass
    return None


def read(form: str) -> tuple[tuple[str, ...], TemplateExpression]:
    """The names in ``{{ … }}``, and the expression, to be called with their values.

    Names are "epochs" and "sources.teacher", and "sources" where the whole table is used.

    Raises:
        TemplateSyntaxError: for what is no expression, and for a filter that does not exist.
    """
    names = tuple(_names(_JINJA.parse(form)))
    if form[2] in "+-" or form[-3] in "+-":
        raise TemplateSyntaxError("a sign that removes blanks", 1)
    return names, _JINJA.compile_expression(form[2:-2], undefined_to_none=False)


def _names(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Getattr | nodes.Getitem) and node.node == nodes.Name("sources", "load"):
        name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if isinstance(name, str):
            yield f"sources.{name}"
            return
    if isinstance(node, nodes.Name):
        yield node.name
    for child in node.iter_child_nodes():
        yield from _names(child)
