"""The live forms of a cell, and the text that values become in their places."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateSyntaxError, UndefinedError

from kernelgen.errors import KernelgenError
from kernelgen.rendering.jinja import Expression, Literal, form_end, read
from kernelgen.rendering.python_literals import literal
from kernelgen.rendering.scanning import Span, spans
from kernelgen.rendering.script import ScriptCell

_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class LiveForm:
    """``{{ … }}``, as it is written.

    place: where it stands: "live" in code, "comment", "magic" or "prose".
    where: "kernel_templates/case.py.j2:3", with its line.
    """

    text: str
    place: str
    expression: Expression
    where: str
    line: int

    def value(self, context: Mapping[str, Any]) -> Any:
        """What Jinja makes of it.

        Raises:
            KernelgenError: with file and line, for what has no value.
        """
        try:
            return self.expression.evaluate(context)
        except Exception as error:  # whatever a filter or an operator says about these values
            raise KernelgenError(f"{self.where}: {error} in {self.text}; correct it") from None

    def filled(self, value: Any, *, line: str = "", is_flat: bool = False) -> str:
        """The text of ``value``, which stays in the place of the form whatever it is.

        Args:
            line: what stands before the form on its line; long literals in code are broken to align with it.
            is_flat: whether the text must have one line.

        Raises:
            KernelgenError: with file and line, for a value that cannot stand there.
        """
        indent = line[: len(line) - len(line.lstrip())]
        try:
            if isinstance(value, Literal):
                is_broken = self.place == "live" and not is_flat
                return literal(value.value, column=len(line), indent=len(indent)) if is_broken else str(value)
            if not isinstance(value, str):
                literal(value)  # refuses what is nothing to read either: a generator, a method
        except (ValueError, UndefinedError) as error:
            raise KernelgenError(f"{self.where}: {error} in {self.text}; correct it") from None
        text = str(value)
        if self.place == "prose":
            return re.sub(r"\s*[\r\n]\s*", " ", text) if is_flat else text
        if self.place == "comment":
            return (" " if is_flat else f"\n{indent}# ").join(map(_escaped, text.split("\n")))
        if self.place == "magic" and text != _escaped(text):
            raise KernelgenError(
                f"{self.where}: {self.text} is no plain text of one line, as a magic needs; correct it"
            )
        if self.place == "live" and isinstance(value, str) and not _DOTTED_NAME.fullmatch(value):
            raise KernelgenError(
                f"{self.where}: {self.text} is no name in Python; "
                f"write {{{{ {self.text[2:-2].strip()} | literal }}}} for its value"
            )
        return text


def live_parts(cell: ScriptCell, file: str, known: Collection[str]) -> tuple[str | LiveForm, ...]:
    """The text of a cell, taken apart at its live forms.

    Args:
        known: the names whose forms are live in comments and magics.

    Raises:
        KernelgenError: with file and line, for what Jinja does not understand.
    """
    parts: list[str | LiveForm] = []
    position = 0
    for span in _places(cell):
        text, line = cell.text[span.start : span.end], cell.line + cell.text.count("\n", 0, span.start)
        is_optional = span.kind in ("comment", "magic")
        try:
            expression = read(text)
        except TemplateSyntaxError as error:
            if is_optional:
                continue
            raise KernelgenError(
                f"{file}:{line}: {error.message} in {text}; correct it, or put a blank between the braces"
            ) from None
        names = {name.partition(".")[0] for name in expression.names}
        if is_optional and not (names and names.issubset(known)):
            continue
        parts += [cell.text[position : span.start], LiveForm(text, span.kind, expression, f"{file}:{line}", line)]
        position = span.end
    return (*parts, cell.text[position:])


def _places(cell: ScriptCell) -> Iterator[Span]:
    """Everything that looks like a live form and stands in no string; the kind is its place."""
    text = cell.text
    for span in spans(text) if cell.kind == "code" else [Span(0, len(text), "prose")]:
        if span.kind == "live":
            yield span
        elif span.kind in ("comment", "magic", "prose"):
            start = span.start
            while (start := text.find("{{", start, span.end)) >= 0:
                end = form_end(text, start, span.end)
                if end is None and "}}" in text[start : span.end].partition("\n")[0]:
                    end = text.index("}}", start) + 2  # what is wrong with it is said by Jinja's parser
                if end is not None:
                    yield Span(start, end, span.kind)
                start = end or start + 2


def _escaped(text: str) -> str:
    """``text`` with an escape for all that Python, IPython or an editor may take for the end of a line."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
