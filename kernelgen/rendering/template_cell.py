"""The cells of a rendered template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_HEADING = re.compile(r"#{1,6}\s+(.+)")


@dataclass(frozen=True)
class TemplateCell:
    """One cell of a template.

    kind: code, markdown or raw. source: as it stands in the notebook. text: the same with every value on
    one line, so that its lines are the template's, from ``line`` on. python: of a code cell, ``text`` with
    IPython's magics commented out. binds, injects: names that its magics bring in, known and unknown.
    is_library: whether the library's cells go here.
    """

    kind: str
    source: str
    text: str
    python: str
    line: int
    metadata: dict[str, Any] = field(default_factory=dict)
    binds: frozenset[str] = frozenset()
    injects: bool = False
    is_library: bool = False


def cell_ids(cells: Sequence[TemplateCell], taken: set[str]) -> list[str]:
    """Ids that a reader of the notebook's JSON understands: the heading above, and a number.

    None of them is in ``taken``; the cell that the library replaces gets an empty one.
    """
    from slugify import slugify

    ids, heading = [], "top"
    for cell in cells:
        if cell.kind == "markdown":
            first = next((line for line in cell.source.split("\n") if line.strip()), "")
            if match := _HEADING.match(first):
                heading = slugify(match[1])[:48].strip("-") or "heading"
        if cell.is_library:
            ids.append("")
            continue
        number, identifier = 1, heading
        while identifier in taken:
            number += 1
            identifier = f"{heading}-{number}"
        taken.add(identifier)
        ids.append(identifier)
    return ids
