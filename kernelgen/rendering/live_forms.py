"""The live forms of a cell, in which values are filled in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateSyntaxError

from kernelgen.errors import KernelgenError
from kernelgen.rendering.jinja import compiled, form_end, names_in
from kernelgen.rendering.scanning import spans
from kernelgen.rendering.script import ScriptCell


@dataclass(frozen=True)
class LiveForm:
    """``{{ … }}``, as it is written.

    place: where it stands: "code", "comment", "magic" or "prose". names: as `names_in` gives them.
    where: "kernel_templates/case.py.j2:3", with its line.
    """

    text: str
    place: str
    names: tuple[str, ...]
    where: str
    line: int

    def value(self, context: Mapping[str, Any]) -> Any:
        """What Jinja makes of it.

        Raises:
            KernelgenError: with file and line, for what has no value.
        """
        try:
            return compiled(self.text)(context)
        except Exception as error:  # whatever a filter or an operator says about these values
            raise KernelgenError(f"{self.where}: {error} in {self.text}; correct it") from None


def live_parts(cell: ScriptCell, file: str, known: Collection[str]) -> tuple[str | LiveForm, ...]:
    """The text of a cell, taken apart at its live forms.

    Args:
        known: the names whose forms are live in comments and magics.

    Raises:
        KernelgenError: with file and line, for what Jinja does not understand.
    """
    parts: list[str | LiveForm] = []
    position = 0
    for start, end, place in _places(cell):
        text, line = cell.text[start:end], cell.line + cell.text.count("\n", 0, start)
        is_optional = place in ("comment", "magic")
        try:
            names = names_in(text)
            if is_optional and not (names and {name.partition(".")[0] for name in names}.issubset(known)):
                continue
            if text[2] in "+-" or text[-3] in "+-":
                raise TemplateSyntaxError("a sign that removes blanks", line)
            compiled(text)
        except TemplateSyntaxError as error:
            if is_optional:
                continue
            raise KernelgenError(
                f"{file}:{line}: {error.message} in {text}; correct it, or put a blank between the braces"
            ) from None
        parts += [cell.text[position:start], LiveForm(text, place, names, f"{file}:{line}", line)]
        position = end
    return (*parts, cell.text[position:])


def _places(cell: ScriptCell) -> Iterator[tuple[int, int, str]]:
    """Everything that looks like a live form and stands in no string: its start, its end and its place."""
    if cell.kind != "code":
        yield from _places_within(cell.text, 0, len(cell.text), "prose")
        return
    for span in spans(cell.text):
        if span.kind == "live":
            yield span.start, span.end, "code"
        elif span.kind in ("comment", "magic"):
            yield from _places_within(cell.text, span.start, span.end, span.kind)


def _places_within(text: str, start: int, end: int, place: str) -> Iterator[tuple[int, int, str]]:
    while (start := text.find("{{", start, end)) >= 0:
        close = form_end(text, start, end)
        if close is None and "}}" in text[start:end].partition("\n")[0]:
            close = text.index("}}", start) + 2  # what is wrong with it is said by Jinja's parser
        if close is not None:
            yield start, close, place
        start = close or start + 2
