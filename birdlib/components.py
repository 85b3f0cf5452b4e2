"""Components: what a recipe names in a table, such as a loss, a post-processing step or a blend."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules

from birdlib.errors import BirdlibError


def component(kind: str, table: dict) -> object:
    """Make the component that a recipe's table describes.

    ``component("losses", {"name": "soft_auc", "share": 0.8})`` is ``birdlib.losses.soft_auc.SoftAuc(share=0.8)``.

    Args:
        kind: the folder of the library that holds the components of this kind, a file each.
        table: ``name``, which is the file's, and the parameters, which are the fields of its dataclass.

    Raises:
        BirdlibError: the name or a parameter is unknown, missing or out of range.
    """
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        raise BirdlibError(f'{kind}: {table!r}; expected a table with a name, such as {{ name = "{_names(kind)[0]}" }}')
    name = table["name"]
    made = _class(kind, name)
    parameters = {key: value for key, value in table.items() if key != "name"}
    required = {field.name: field.default is MISSING and field.default_factory is MISSING for field in fields(made)}
    if unknown := sorted(set(parameters) - set(required)):
        expected = ", ".join(required) or "no parameter at all"
        raise BirdlibError(f"{kind}: {name} has no parameter {unknown[0]!r}; expected {expected}")
    if missing := [key for key, needed in required.items() if needed and key not in parameters]:
        raise BirdlibError(f"{kind}: {name} needs {missing[0]!r}; add it")
    return made(**parameters)


def check_number(made: object, field: str, low: float, high: float = math.inf, *, whole: bool = False) -> None:
    """Refuse a component's field that is no number, not finite or outside of low to high (both allowed).

    Args:
        whole: whether the number has to be an int.

    Raises:
        BirdlibError: one line that names the component, the field and its range.
    """
    value = getattr(made, field)
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        expected = f"a {'whole ' if whole else ''}number from {low:g}" + (f" to {high:g}" if high < math.inf else " on")
        raise BirdlibError(f"{where(made)}: {field} = {value!r}; expected {expected}")


def check_choice(made: object, field: str, choices: Sequence[str]) -> None:
    """Refuse a component's field that is none of some choices."""
    value = getattr(made, field)
    if value not in choices:
        raise BirdlibError(f"{where(made)}: {field} = {value!r}; expected one of {', '.join(map(repr, choices))}")


def check_shares(made: object, field: str, count: int) -> None:
    """Refuse a component's field that is not so many numbers from 0 on that add up to 1."""
    values = getattr(made, field)
    are_numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    if len(values) != count or not are_numbers or min(values) < 0 or abs(sum(values) - 1) > 1e-6:
        raise BirdlibError(f"{where(made)}: {field} = {list(values)}; expected {count} numbers that add up to 1")


def where(made: object) -> str:
    """Say which component this is, for messages: "losses: soft_auc"."""
    return ": ".join(type(made).__module__.split(".")[-2:])


def _class(kind: str, name: str) -> type:
    """The dataclass of a component; BirdlibError where there is none."""
    if made := _class_or_none(kind, name):
        return made
    raise BirdlibError(f"{kind}: unknown name {name!r}; expected one of {', '.join(_names(kind))}")


def _class_or_none(kind: str, name: str) -> type | None:
    """The dataclass of a component: CamelCase of its file's name."""
    module = f"birdlib.{kind}.{name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return None
    try:
        made = getattr(import_module(module), "".join(word.capitalize() for word in name.split("_")), None)
    except ModuleNotFoundError as error:
        if error.name != module:  # a package that the component needs
            raise
        return None
    return made if is_dataclass(made) and not isabstract(made) else None


def _names(kind: str) -> list[str]:
    """The components of a kind that this library holds; of a built notebook's, those that its recipe includes."""
    names = []
    for module in iter_modules(import_module(f"birdlib.{kind}").__path__):
        with suppress(ModuleNotFoundError):  # what needs a package that is missing cannot be made
            names += [module.name] if _class_or_none(kind, module.name) else []
    return sorted(names) or ["..."]
