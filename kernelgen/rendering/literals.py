"""Settings as Python literals, long lists broken over lines."""

from __future__ import annotations

from typing import Any

WIDTH = 100


def literal(value: Any, *, column: int = 0, indent: int = 0, width: int = WIDTH) -> str:
    """``value`` as Python writes it: ``eval(literal(value)) == value``, and the same text each time.

    Args:
        value: str, int, finite float, bool, None, or lists, tuples and dicts of these.
        column: where on its line the text will begin.
        indent: how far that line is indented; broken lines align with it.

    Raises:
        ValueError: for inf, nan and any other type.
    """
    flat = _flat(value)
    if column + len(flat) <= width or not isinstance(value, list | tuple | dict) or not value:
        return flat
    inner = indent + 4
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]") if isinstance(value, list) else ("(", ")")
    lines: list[str] = []
    if isinstance(value, dict):
        for key, item in value.items():
            head = f"{_flat(key)}: "
            text = literal(item, column=inner + len(head) + 1, indent=inner, width=width)
            lines.append(f"{' ' * inner}{head}{text},")
    elif any(isinstance(item, list | tuple | dict) for item in value):
        for item in value:
            lines.append(f"{' ' * inner}{literal(item, column=inner + 1, indent=inner, width=width)},")
    else:
        # Scalars fill their lines: hundreds of class names, one a line, would bury the settings.
        line = " " * (inner - 1)
        for item in value:
            text = f" {_flat(item)},"
            if len(line) + len(text) > width and line.strip():
                lines.append(line)
                line = " " * (inner - 1)
            line += text
        lines.append(line)
    return "\n".join([opening, *lines, " " * indent + closing])


def _flat(value: Any) -> str:
    if value is None or isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"{value} has no Python literal")
        return repr(value)
    if isinstance(value, str):
        text = repr(value)
        # The project's quotes, where that needs no other escapes.
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in value and "'" not in value else text
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_flat, value)) + (",)" if len(value) == 1 else ")")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flat(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    raise ValueError(f"a {type(value).__name__} has no Python literal")
