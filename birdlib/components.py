"""Components: everything of a recipe that has a name and parameters, and the checks of what a recipe says of it.

``{"name": "focal", "gamma": 2.0}`` of the kind ``losses`` is ``birdlib.losses.focal.Focal(gamma=2.0)``: a file of its
own, and a dataclass whose fields are the parameters. One more is one more file.
"""

import dataclasses
import math
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from birdlib.errors import BirdlibError


def component(kind: str, table: dict) -> Any:
    """Build what a recipe's table names.

    Args:
        kind: a folder of the library: "losses", "heads", …
        table: ``name`` and parameters. Lists in it become tuples.

    Raises:
        BirdlibError: the name or a parameter is unknown, a parameter is missing, or the component refuses one.
    """
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise BirdlibError(f'{kind}: {table!r}; expected a table with a name, as {{ name = "…" }}')
    name = table["name"]
    module = f"birdlib.{kind}.{name}"
    made = None
    if name.isidentifier() and find_spec(module) is not None:
        # Files beside the components (what they share) have no class of their name.
        made = getattr(import_module(module), "".join(word.capitalize() for word in name.split("_")), None)
    if not dataclasses.is_dataclass(made):
        raise BirdlibError(
            f"{kind}: {name!r} is not in this notebook; name a component of birdlib/{kind}/, and build it again"
        )
    parameters = {key: _frozen(value) for key, value in table.items() if key != "name"}
    fields = {field.name: field for field in dataclasses.fields(made)}
    if unknown := [key for key in parameters if key not in fields]:
        raise BirdlibError(f"{kind}: {name} has no parameter {unknown[0]!r}; it has {', '.join(fields) or 'none'}")
    missing = [
        field.name
        for field in fields.values()
        if field.name not in parameters
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise BirdlibError(f"{kind}: {name} needs {', '.join(missing)}; add it to the recipe's table")
    return made(**parameters)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def checked_number(where: str, name: str, value: float, low: float, high: float = math.inf) -> float:
    """The value as a float.

    Args:
        where: whose parameter it is, as messages call it: "loss focal".

    Raises:
        BirdlibError: it is no number, not finite, or outside of low to high (both allowed).
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        allowed = f"a number from {low:g}" + (f" to {high:g}" if high < math.inf else " on")
        raise BirdlibError(f"{where}: {name} = {value!r}; expected {allowed}")
    return float(value)


def checked_whole(where: str, name: str, value: int, low: int) -> int:
    """The value. Raises BirdlibError where it is no whole number from ``low`` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise BirdlibError(f"{where}: {name} = {value!r}; expected a whole number from {low} on")
    return value


def checked_choice(where: str, name: str, value: str, choices: Sequence[str]) -> str:
    """The value. Raises BirdlibError where it is none of the choices."""
    if value not in choices:
        raise BirdlibError(f"{where}: {name} = {value!r}; expected one of {', '.join(map(repr, choices))}")
    return value


def checked_shares(where: str, name: str, values: Sequence[float], count: int) -> None:
    """Raises BirdlibError where these are not so many shares of 1."""
    numbers = [checked_number(where, name, value, 0, 1) for value in values]
    if len(numbers) != count or abs(sum(numbers) - 1) > 1e-6:
        raise BirdlibError(f"{where}: {name} = {list(values)}; expected {count} numbers that add up to 1")
