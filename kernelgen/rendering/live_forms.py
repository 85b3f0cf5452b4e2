"""The live forms of a cell, in which values are filled in."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kernelgen.errors import KernelgenError
from kernelgen.rendering.magics import cell_code
from kernelgen.rendering.scanning import LIVE, spans
from kernelgen.rendering.script import ScriptCell

_FORMS = (
    "write {{ NAME | literal }}, {{ library() }}, {{ provenance() }}, or {{ NAME }} in text; "
    "for braces put a blank between them"
)
_NAMES = re.compile(r"\[['\"]([^'\"]*)['\"]\]|(\w+)")
_CALLED = frozenset({"library", "provenance"})
_UNHASHABLE = (ast.Set, ast.Dict, ast.List, ast.SetComp, ast.DictComp, ast.ListComp)


@dataclass(frozen=True)
class LiveForm:
    """``{{ path }}``, ``{{ path | literal }}`` or ``{{ path() }}``.

    path: names: a setting, "sources", "kernel", "library" or "provenance", and what is looked up in it. text: the
    path as it is written. place: where it stands: "code", "comment", "magic" or "prose". where:
    "kernel_templates/case.py.j2:3".
    """

    path: tuple[str, ...]
    text: str
    is_literal: bool
    place: str
    where: str

    @property
    def line(self) -> int:
        """The line of the template."""
        return int(self.where.rpartition(":")[2])


def live_parts(cell: ScriptCell, where: str, known: Collection[str]) -> tuple[str | LiveForm, ...]:
    """The text of a cell, taken apart at its live forms.

    Args:
        known: the names whose forms are live in comments and magics.

    Raises:
        KernelgenError: for ``{{ … }}`` that is none of the forms and cannot be Python.
    """
    parts: list[str | LiveForm] = []
    position = 0
    for match, place in _places(cell):
        path = tuple(name for pair in _NAMES.findall(match["path"]) for name in pair if name)
        if place in ("comment", "magic") and path[0] not in known:
            continue
        line = cell.line + cell.text.count("\n", 0, match.start())
        form = LiveForm(path, match["path"], bool(match["literal"]), place, f"{where}:{line}")
        if bool(match["call"]) != (form.text in _CALLED) or path[0] == "literal":
            raise KernelgenError(f"{form.where}: {match[0]} is no form that a template knows; {_FORMS}")
        parts += [cell.text[position : match.start()], form]
        position = match.end()
    parts.append(cell.text[position:])
    line_of_rest = _braces_in_code(parts) if cell.kind == "code" else _braces_in_prose(parts)
    if line_of_rest is not None:
        raise KernelgenError(f"{where}:{cell.line + line_of_rest}: {{{{ … }}}} cannot be read; {_FORMS}")
    return tuple(parts)


def _places(cell: ScriptCell) -> list[tuple[re.Match[str], str]]:
    """Everything that looks like a live form and stands in no string, with its place."""
    if cell.kind != "code":
        return [(match, "prose") for match in LIVE.finditer(cell.text)]
    kinds = {"live": "code", "comment": "comment", "magic": "magic"}
    return [
        (match, kinds[span.kind])
        for span in spans(cell.text)
        if span.kind in kinds
        for match in LIVE.finditer(cell.text, span.start, span.end)
    ]


def _braces_in_prose(parts: Sequence[str | LiveForm]) -> int | None:
    rest = "".join(part if isinstance(part, str) else "" for part in parts)
    braces = re.search(r"\{\{.*\}\}", rest)
    return rest.count("\n", 0, braces.start()) if braces else None


def _braces_in_code(parts: Sequence[str | LiveForm]) -> int | None:
    """The line (from 0) of ``{{ … }}`` that is no Python, or is a set in a set, which Python cannot make."""
    if not any(isinstance(part, str) and "{{" in part for part in parts):
        return None
    python = cell_code("".join(part if isinstance(part, str) else "_" for part in parts)).python
    try:
        sets = [node for node in ast.walk(ast.parse(python)) if isinstance(node, ast.Set)]
    except SyntaxError as error:
        # Where the line holds no braces, what is wrong is something else, and said by those who check the syntax.
        line = (error.lineno or 1) - 1
        return line if "{{" in python.split("\n")[line] else None
    except ValueError:
        return None
    return next((node.lineno - 1 for node in sets if any(isinstance(item, _UNHASHABLE) for item in node.elts)), None)
