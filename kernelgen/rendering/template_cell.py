"""The cells of a rendered template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

_HEADING = re.compile(r"\s*#{1,6}\s+(.+)")


@dataclass(frozen=True)
class TemplateCell:
    """One cell of a template.

    kind: code, markdown or raw. source: as it stands in the notebook. text: the same with every value on
    one line, so that its lines are the template's, from ``line`` on. python: of a code cell, ``text`` with
    IPython's magics commented out. injects: whether its magics bring in names that cannot be known.
    is_library: whether the library's cells go here.
    """

    kind: str
    source: str
    text: str
    python: str
    line: int
    metadata: dict[str, Any] = field(default_factory=dict)
    injects: bool = False
    is_library: bool = False


def cell_ids(cells: Sequence[TemplateCell], taken: set[str]) -> list[str]:
    """Ids that a reader of the notebook's JSON understands: the heading above, and a number.

    None of them is in ``taken``; the cell that the library replaces gets an empty one.
    """
    from slugify import slugify

    ids, heading = [], "top"
    for cell in cells:
        if cell.kind == "markdown" and (match := _HEADING.match(cell.source)):
            heading = slugify(match[1])[:48].strip("-") or "heading"
        numbered = (f"{heading}-{number}" if number > 1 else heading for number in count(1))
        identity = "" if cell.is_library else next(name for name in numbered if name not in taken)
        taken.add(identity)
        ids.append(identity)
    return ids
