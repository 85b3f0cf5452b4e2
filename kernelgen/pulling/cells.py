"""The cells of a notebook as Kaggle hands it back, free of all that its editor rewrites."""

from __future__ import annotations

import json
import re
from typing import Any

from nbformat import NotebookNode

from kernelgen.errors import KernelgenError
from kernelgen.nodes import cell

_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


def read_cells(text: str, where: str) -> list[NotebookNode]:
    """The cells of a notebook's JSON: each with its kind, id ("" if it has none), source and metadata.

    Outputs and the notebook's own metadata are left out. A source may be a text or a list of texts.

    Raises:
        KernelgenError: the text is no notebook of format 4.
    """
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise KernelgenError(f"{where}: is no notebook (no JSON)") from None
    if isinstance(document, dict) and "worksheets" in document:
        raise KernelgenError(f"{where}: is a notebook of an old format; save it again on Kaggle")
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise KernelgenError(f"{where}: is no notebook (it has no cells)")
    return [_cell(one, number, where) for number, one in enumerate(document["cells"], start=1)]


def plain(source: str) -> str:
    """A cell's text as it is compared: with `\\n` at the end of lines, without empty lines at the end."""
    return with_newlines(source).rstrip("\n")


def with_newlines(text: str) -> str:
    """A text with `\\n` at the end of every line."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def heading_of(node: NotebookNode) -> str | None:
    """A markdown cell's first heading."""
    match = _HEADING.search(with_newlines(node.source)) if node.cell_type == "markdown" else None
    return match[1] if match else None


def _cell(document: Any, number: int, where: str) -> NotebookNode:
    if not isinstance(document, dict) or document.get("cell_type") not in ("code", "markdown", "raw"):
        raise KernelgenError(f"{where}: is no notebook (cell {number} is neither code nor text)")
    source = document.get("source", "")
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        raise KernelgenError(f"{where}: is no notebook (cell {number} has no text)")
    identity, metadata = document.get("id"), document.get("metadata")
    return cell(
        document["cell_type"],
        identity if isinstance(identity, str) else "",
        "".join(lines),
        metadata if isinstance(metadata, dict) else {},
    )
