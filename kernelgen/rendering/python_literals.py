"""Settings as Python literals, long lists broken over lines."""

from __future__ import annotations

import math
from typing import Any

WIDTH = 100


def literal(value: Any, *, column: int = 0, indent: int = 0, width: float = WIDTH) -> str:
    """``value`` as Python writes it: ``eval(literal(value)) == value``, and the same text each time.

    Args:
        value: str, int, finite float, bool, None, or lists, tuples and dicts of these.
        column: where on its line the text will begin.
        indent: how far that line is indented; broken lines align with it.
        width: of the lines; ``math.inf`` keeps the literal on one.

    Raises:
        ValueError: for inf, nan and any other type.
    """
    if not isinstance(value, list | tuple | dict):
        return _scalar(value)
    opening, closing = "{}" if isinstance(value, dict) else "[]" if isinstance(value, list) else "()"
    items = value.items() if isinstance(value, dict) else [(None, item) for item in value]
    pairs = [(f"{literal(key)}: " if isinstance(value, dict) else "", item) for key, item in items]
    flat = ", ".join(head + literal(item, width=math.inf) for head, item in pairs)
    flat = f"{opening}{flat}{',' * (opening == '(' and len(value) == 1)}{closing}"
    if column + len(flat) <= width or not value:
        return flat
    # Scalars fill their lines: hundreds of class names, one a line, would bury the settings.
    fills = not isinstance(value, dict) and not any(isinstance(item, list | tuple | dict) for item in value)
    inner = indent + 4
    lines = [" " * inner]
    for head, item in pairs:
        text = f"{head}{literal(item, column=inner + len(head) + 1, indent=inner, width=width)},"
        if not lines[-1].strip():
            lines[-1] += text
        elif fills and len(lines[-1]) + len(text) < width:
            lines[-1] += f" {text}"
        else:
            lines.append(" " * inner + text)
    return "\n".join([opening, *lines, " " * indent + closing])


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool | int) or isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        text = repr(value)
        # The project's quotes, where that needs no other escapes.
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in value and "'" not in value else text
    shown = str(value)  # raises for what Jinja calls undefined, and says what that is
    raise ValueError(f"{shown if isinstance(value, float) else 'a ' + type(value).__name__} has no Python literal")
