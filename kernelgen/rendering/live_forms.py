"""The live forms of a cell, and the text that values become in their places."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateSyntaxError
from jinja2.environment import TemplateExpression

from kernelgen.errors import KernelgenError
from kernelgen.rendering.jinja import Literal, form_end, read
from kernelgen.rendering.python_literals import literal
from kernelgen.rendering.script import ScriptCell, Span, spans

_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class LiveForm:
    """``{{ … }}``, as it is written.

    place: where it is: "live" in code, "comment", "magic" or "prose". where: "kernel_templates/case.py.j2:3", with
    its line. names: of which its value depends.
    """

    text: str
    place: str
    where: str
    line: int
    names: tuple[str, ...]
    evaluate: TemplateExpression

    def filled(self, context: Mapping[str, Any], line: str) -> tuple[str, str]:
        """The text of the value, which stays in the place of the form whatever it is, and the same on one line.

        Args:
            line: what comes before the form on its line; long literals in code are broken to align with it.

        Raises:
            KernelgenError: with file and line, for what has no value, and for a value that cannot be there.
        """
        indent = line[: len(line) - len(line.lstrip())]
        try:
            value = self.evaluate(context)
            if isinstance(value, Literal):
                flat = literal(value.value, width=math.inf)
                is_code = self.place == "live"
                return literal(value.value, column=len(line), indent=len(indent)) if is_code else flat, flat
            if not isinstance(value, str):
                literal(value)  # refuses what is nothing to read either: a generator, a method
        except Exception as error:  # whatever a filter or an operator says about these values
            raise KernelgenError(f"{self.where}: {error} in {self.text}; correct it") from None
        text = str(value)
        if self.place == "prose":
            return text, re.sub(r"\s*[\r\n]\s*", " ", text)
        if self.place == "comment":
            lines = [_escaped(part) for part in text.split("\n")]
            return f"\n{indent}# ".join(lines), " ".join(lines)
        if self.place == "magic" and text != _escaped(text):
            raise KernelgenError(
                f"{self.where}: {self.text} is no plain text of one line, as a magic needs; correct it"
            )
        if self.place == "live" and isinstance(value, str) and not _DOTTED_NAME.fullmatch(value):
            raise KernelgenError(
                f"{self.where}: {self.text} is no name in Python; "
                f"write {{{{ {self.text[2:-2].strip()} | literal }}}} for its value"
            )
        return text, text


def live_parts(cell: ScriptCell, file: str, known: Collection[str]) -> tuple[str | LiveForm, ...]:
    """The text of a cell, taken apart at its live forms.

    Args:
        known: the names whose forms are live in comments and magics.

    Raises:
        KernelgenError: with file and line, for what Jinja does not understand.
    """
    parts: list[str | LiveForm] = []
    position = 0
    for span in _forms(cell):
        text, line = cell.text[span.start : span.end], cell.line + cell.text.count("\n", 0, span.start)
        is_optional = span.kind in ("comment", "magic")
        try:
            names, expression = read(text)
        except TemplateSyntaxError as error:
            if is_optional:
                continue
            raise KernelgenError(
                f"{file}:{line}: {error.message} in {text}; correct it, or put a blank between the braces"
            ) from None
        roots = {name.partition(".")[0] for name in names}
        if not is_optional or (roots and roots.issubset(known)):
            form = LiveForm(text, span.kind, f"{file}:{line}", line, names, expression)
            parts += [cell.text[position : span.start], form]
            position = span.end
    return (*parts, cell.text[position:])


def _forms(cell: ScriptCell) -> Iterator[Span]:
    """Everything that looks like a live form and is in no string; the kind is its place."""
    text = cell.text
    for span in spans(text) if cell.kind == "code" else [Span(0, len(text), "prose")]:
        start = span.start
        while span.kind != "string" and (start := text.find("{{", start, span.end)) >= 0:
            end = form_end(text, start, span.end)
            if end is not None:
                yield Span(start, end, span.kind)
            start = end or start + 2


def _escaped(text: str) -> str:
    """``text`` with an escape for all that Python, IPython or an editor may take for the end of a line."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
