"""Settings as Python literals, long lists broken over lines."""

from __future__ import annotations

import math
from typing import Any

WIDTH = 100


def literal(value: Any, *, column: int = 0, indent: int = 0) -> str:
    """``value`` as Python writes it: ``eval(literal(value)) == value``, and the same text each time.

    Args:
        value: str, int, finite float, bool, None, or lists, tuples and dicts of these.
        column: where on its line the text will begin.
        indent: how far that line is indented; broken lines align with it.

    Raises:
        ValueError: for inf, nan and any other type.
    """
    flat = flat_literal(value)
    if column + len(flat) <= WIDTH or not isinstance(value, list | tuple | dict) or not value:
        return flat
    inner = indent + 4
    lines = [" " * inner]
    items = value.items() if isinstance(value, dict) else [(None, item) for item in value]
    # Scalars fill their lines: hundreds of class names, one a line, would bury the settings.
    fills = not isinstance(value, dict) and not any(isinstance(item, list | tuple | dict) for item in value)
    for key, item in items:
        head = f"{flat_literal(key)}: " if isinstance(value, dict) else ""
        text = f"{head}{literal(item, column=inner + len(head) + 1, indent=inner)},"
        if not lines[-1].strip():
            lines[-1] += text
        elif fills and len(lines[-1]) + len(text) < WIDTH:
            lines[-1] += f" {text}"
        else:
            lines.append(" " * inner + text)
    return "\n".join([flat[0], *lines, " " * indent + flat[-1]])


def flat_literal(value: Any) -> str:
    """``value`` as `literal` writes it, on one line."""
    if value is None or isinstance(value, bool | int) or isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        text = repr(value)
        # The project's quotes, where that needs no other escapes.
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in value and "'" not in value else text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flat_literal(key)}: {flat_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        text = ", ".join(map(flat_literal, value))
        return f"[{text}]" if isinstance(value, list) else f"({text},)" if len(value) == 1 else f"({text})"
    shown = str(value)  # raises for what Jinja calls undefined, and says what that is
    raise ValueError(f"{shown if isinstance(value, float) else 'a ' + type(value).__name__} has no Python literal")
