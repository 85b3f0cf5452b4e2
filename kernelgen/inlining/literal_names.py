"""Names of modules that stand literally in a source: as a string, or joined from strings."""

from __future__ import annotations

import ast

from kernelgen.inlining.source import ParsedSource

# Stands for each part of a text that is no literal: f"pk.models.{name}" gives "pk.models." and this sign.
OPEN = "\0"


def text_of(node: ast.AST | None, source: ParsedSource) -> str:
    """What an expression is, as far as it stands literally in the source."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id="__name__"):
            return source.name
        case ast.Name(id="__package__"):
            return source.package or ""
        case ast.FormattedValue(value=value, format_spec=None):
            return text_of(value, source)
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part, source) for part in parts)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return text_of(left, source) + text_of(right, source)
    return OPEN
