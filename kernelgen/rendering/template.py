"""A template: what it names, and its text with the values filled in."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import (
    Environment,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    Undefined,
    nodes,
    pass_context,
)
from jinja2.runtime import Context

from kernelgen.errors import KernelgenError
from kernelgen.rendering.lexing import live_end, scan
from kernelgen.rendering.literals import literal

# Names that a template already has, so that no setting can have them.
TAKEN_NAMES = frozenset({"sources", "kernel", "library", "provenance", "literal"})
# What `{{ library() }}` becomes; the cell that holds nothing else gives way to the library's cells.
LIBRARY_MARKER = "KERNELGEN_LIBRARY_GOES_HERE"
# Every line end that str.splitlines knows and Python does not: jupytext would break lines at them.
_OTHER_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@dataclass(frozen=True)
class Names:
    """What a template names, each with the line of its first use."""

    settings: dict[str, int]
    sources: dict[str, int]
    all_sources: bool


@dataclass(frozen=True)
class _Block:
    """Text of several lines, every one of which belongs behind the same comment sign."""

    text: str


class Rendered:
    """A template's text after Jinja, in which what must survive jupytext is masked.

    ``text`` has the template's lines, one for one. ``unmasked`` gives back a cell's own text, still with
    a place holder for each value; ``filled`` and ``filled_flat`` put the values in.
    """

    def __init__(self, text: str, masks: _Masks, values: list[Any]) -> None:
        self.text = text
        self._masks = masks
        self._values = values

    def unmasked(self, text: str) -> str:
        """``text`` (of a cell) with all that was hidden from Jinja and jupytext."""
        return self._masks.restored(text)

    def filled(self, text: str, *, prose: bool = False) -> str:
        """``text`` with every value in place; in code, long ones are broken over lines."""
        return self._filled(text, flat=prose, joined=False)

    def filled_flat(self, text: str) -> str:
        """``text`` with every value on one line, so that line numbers stay those of the template."""
        return self._filled(text, flat=True, joined=True)

    def without_values(self, text: str) -> str:
        """``text`` with an empty literal for each, of its type: the same for all kernels of a template."""

        def written(match: re.Match[str]) -> str:
            value = self._values[int(match[1])]
            return value.text.replace("\n", " ") if isinstance(value, _Block) else literal(type(value)())

        return self._masks.value_pattern.sub(written, text)

    def _filled(self, text: str, *, flat: bool, joined: bool) -> str:
        pieces: list[str] = []
        line = ""
        start = 0
        for match in self._masks.value_pattern.finditer(text):
            before = text[start : match.start()]
            pieces.append(before)
            line = (line + before).rpartition("\n")[2]
            value = self._values[int(match[1])]
            is_comment = line.lstrip().startswith(("#", "%", "!"))
            if isinstance(value, _Block):
                written = value.text.replace("\n", " " if joined else "\n# " if is_comment else "\n")
            elif flat or is_comment:
                written = literal(value, width=10**9)
            else:
                written = literal(value, column=len(line), indent=len(line) - len(line.lstrip()))
            pieces.append(written)
            line = (line + written).rpartition("\n")[2]
            start = match.end()
        return "".join([*pieces, text[start:]])


class _Masks:
    """Place holders, in private characters that the template does not use, for what must pass untouched."""

    def __init__(self, text: str) -> None:
        unused = (chr(code) for code in range(0xF0000, 0xFFFFE) if chr(code) not in text)
        self._open, self._close, self._line, self._value, self._sign = (next(unused) for _ in range(5))
        self._kept: list[str] = []
        self._pattern = re.compile(f"{self._open}([0-9]+){self._close}(?:\n{self._line})*")
        self.value_pattern = re.compile(f"{self._value}([0-9]+){self._close}")

    def hidden(self, text: str) -> str:
        """A place holder of as many lines as ``text`` has."""
        self._kept.append(text)
        return f"{self._open}{len(self._kept) - 1}{self._close}" + f"\n{self._line}" * text.count("\n")

    def restored(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._kept[int(match[1])], text)

    def value(self, number: int) -> str:
        return f"{self._value}{number}{self._close}"

    def delimiters(self) -> dict[str, str]:
        """Names for Jinja's other delimiters that cannot occur: only ``{{ … }}`` is live."""
        sign = self._sign
        return {
            "block_start_string": f"{sign}b",
            "block_end_string": f"b{sign}",
            "comment_start_string": f"{sign}c",
            "comment_end_string": f"c{sign}",
        }


class Template:
    """A file ``kernel_templates/NAME.py.j2``, read and compiled once for all kernels that are made of it.

    In code cells, strings are Python's: braces in them are never live. In markdown ``{{ … }}`` always is.
    In comments and magics of code cells it is where all names in it are known, and plain text otherwise,
    so that a template may hold the text of any script.

    Args:
        known: all settings that have a value anywhere in the recipe.

    Raises:
        KernelgenError: with file and line, for what cannot be read or what Jinja does not understand.
    """

    def __init__(self, path: Path, where: str, known: Collection[str]) -> None:
        self.where = where
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise KernelgenError(f"{where}: cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise KernelgenError(f"{where}:{line}: not UTF-8; save the file in that encoding") from None
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        # A script's text may have brought its own mark along.
        self.text = re.sub(r"(?m)^\ufeff", "", text)
        self._scan = scan(self.text)
        self.has_markers = bool(self._scan.markers)
        self._masks = _Masks(self.text)
        self._values: list[Any] = []  # of the rendering under way, by the numbers of their place holders
        environment = _environment(self._masks, self._values)
        try:
            self._tree = environment.parse(self._masked(known))
            self._compiled = environment.from_string(self._tree)
        except TemplateSyntaxError as error:
            raise KernelgenError(f"{self.where}:{error.lineno}: {error.message}; correct it") from None

    def names(self) -> Names:
        """The settings and sources that the live expressions name."""
        tree = self._tree
        settings: dict[str, int] = {}
        sources: dict[str, int] = {}
        all_sources = False
        reached: set[int] = set()
        for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
            owner = node.node
            if isinstance(owner, nodes.Name) and owner.name == "sources":
                name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
                if isinstance(name, str):
                    sources.setdefault(name, node.lineno)
                    reached.add(id(owner))
        for node in tree.find_all(nodes.Name):
            if node.name not in TAKEN_NAMES:
                settings.setdefault(node.name, node.lineno)
            elif node.name == "sources" and id(node) not in reached:
                all_sources = True
        return Names(settings, sources, all_sources)

    def render(self, context: Mapping[str, Any]) -> Rendered:
        """The text with the values of ``context`` in place.

        Raises:
            KernelgenError: with file and line, for a name without a value and what cannot be evaluated.
        """
        for node in self._tree.find_all(nodes.Name):
            if node.name not in context:
                raise KernelgenError(
                    f"{self.where}:{node.lineno}: {node.name} has no value; give it one in kernels.toml"
                )
        self._values.clear()
        try:
            text = self._compiled.render(context)
        except TemplateError as error:
            raise KernelgenError(f"{self.where}:{_line_of(error)}: {error.message}; correct it") from None
        except Exception as error:  # whatever a filter or an operator says about these values
            raise KernelgenError(f"{self.where}:{_line_of(error)}: {error}; correct it") from None
        return Rendered(text, self._masks, list(self._values))

    def _masked(self, known: Collection[str]) -> str:
        pieces: list[str] = []
        start = 0
        text, masks = self.text, self._masks
        header = _header_end(text)
        for span in self._scan.spans:
            if span.start < header:
                continue
            pieces.append(text[start : span.start])
            inside = text[span.start : span.end]
            pieces.append(masks.hidden(inside) if span.kind == "string" else _soft(inside, masks, known))
            start = span.end
        pieces.append(text[start:])
        masked = "".join(pieces)
        for character in _OTHER_LINE_ENDS:
            if character in masked:
                masked = masked.replace(character, masks.hidden(character))
        return masked


def _soft(text: str, masks: _Masks, known: Collection[str]) -> str:
    """A comment or magic: hidden, but for the expressions all of whose names are known."""
    pieces, start, position = [], 0, text.find("{{")
    while position >= 0:
        end = live_end(text, position)
        if end is None:
            break
        if _all_known(text[position:end], known):
            if text[start:position]:
                pieces.append(masks.hidden(text[start:position]))
            pieces.append(text[position:end])
            start = end
        position = text.find("{{", end)
    if text[start:]:
        pieces.append(masks.hidden(text[start:]))
    return "".join(pieces)


def _all_known(expression: str, known: Collection[str]) -> bool:
    try:
        tree = Environment().parse(expression)
    except TemplateSyntaxError:
        return False
    names = [node.name for node in tree.find_all(nodes.Name)]
    return bool(names) and all(name in known or name in TAKEN_NAMES for name in names)


def _header_end(text: str) -> int:
    """Where jupytext's own header (``# ---`` … ``# ---``, with ``jupyter`` in it) ends, else 0."""
    match = re.match(r"\s*# ---\n((?:#.*\n)*?)# ---\n", text)
    return match.end() if match and "jupy" in match[1] else 0


def _environment(masks: _Masks, values: list[Any]) -> Environment:
    def keep(value: Any) -> str:
        values.append(value)
        return masks.value(len(values) - 1)

    # Both are given the context so that Jinja calls them when it renders, never when it compiles constants.
    @pass_context
    def as_literal(_: Context, value: Any) -> str:
        if isinstance(value, Undefined):
            str(value)  # raises, and says what is undefined
        literal(value)  # refuses, at the line of its use, what has no literal
        return keep(value)

    @pass_context
    def finalize(_: Context, value: Any) -> Any:
        return keep(_Block(value)) if isinstance(value, str) and "\n" in value else value

    environment = Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=finalize,
        **masks.delimiters(),
    )
    environment.globals.clear()
    del environment.filters["random"]
    environment.filters["literal"] = as_literal
    return environment


def _line_of(error: BaseException) -> int:
    """The template's line that raised; Jinja rewrites the traceback to point there."""
    line, traceback = getattr(error, "lineno", None) or 1, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
