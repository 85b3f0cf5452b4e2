"""From the tables of kernels.toml to single kernels: `extends` is followed, `each` is multiplied out."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any

from kernelgen.errors import in_line, near
from kernelgen.recipe.schema import KERNEL_NAME, RecipeTable, problem
from kernelgen.recipe.settings import replaced

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
SELF = "self"  # in titles and sources {self} is the kernel's own name
_NOT_INHERITED = {"title", "extends"}


@dataclass(frozen=True)
class Expanded:
    """One kernel of the recipe with everything that it states or inherits, before templates are read.

    table: its keys, of which only those are there that are stated somewhere, and ``settings`` and ``sources``.
    own_settings, own_sources: the names that its own table states (a name that is only inherited may
    be one that its template has no use for). each: this member's values of its family's ``each``.
    """

    name: str
    family: str
    table: dict[str, Any]
    own_settings: set[str]
    own_sources: set[str]
    each: dict[str, Any]

    @property
    def place(self) -> str:
        """How messages name the table."""
        return f"kernels.{self.family}"


def expand(recipe: RecipeTable) -> list[Expanded]:
    """All kernels of ``recipe`` in its order, each family in the place of its table.

    A kernel that extends another inherits everything but the title: settings and sources merged by
    name, the rest (``each`` too, so that what extends a family is a family) unless it states its own.

    Raises:
        KernelgenError: for the first thing that is wrong.
    """
    kernels: dict[str, Expanded] = {}
    for family in recipe.kernels:
        for member in _members(family, recipe):
            if other := kernels.get(member.name):
                raise problem(member.place, "", f"{member.name!r} is also made by [{other.place}]; rename one of them")
            kernels[member.name] = member
    return list(kernels.values())


def _resolved(name: str, recipe: RecipeTable, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """A kernel's table with what it inherits; ``above``: the kernels that extend it."""
    if name in above:
        circle = " -> ".join([*above[above.index(name) :], name])
        raise problem(f"kernels.{name}", "extends", f"goes in a circle: {circle}; break it")
    table = recipe.kernels[name]
    base: dict[str, Any] = {"settings": recipe.settings, "sources": {}}
    if table.extends is not None:
        if table.extends not in recipe.kernels:
            hint = near(table.extends, recipe.kernels)
            what = f"there is no [kernels.{table.extends}]{hint}; name a kernel or a family of this file"
            raise problem(f"kernels.{name}", "extends", what)
        base = _resolved(table.extends, recipe, (*above, name))
    inherited = {key: value for key, value in base.items() if key not in _NOT_INHERITED}
    own = {key: getattr(table, key) for key in table.model_fields_set}
    settings = _put(base["settings"], table.settings, f"kernels.{name}.settings")
    return {**inherited, **own, "settings": settings, "sources": {**base["sources"], **table.sources}}


def _put(settings: dict[str, Any], new: dict[str, Any], place: str) -> dict[str, Any]:
    """``new`` over ``settings``."""
    result = dict(settings)
    for key, value in new.items():
        try:
            result[key] = replaced(settings[key], value) if key in settings else value
        except ValueError as error:
            raise problem(place, key, f"{error}; give a value of the same type") from None
    return result


def _members(family: str, recipe: RecipeTable) -> list[Expanded]:
    whole, own = _resolved(family, recipe), recipe.kernels[family]
    each: dict[str, list[Any]] = whole.get("each") or {}
    # Keys of `each` that tell titles or sources apart need not be settings of the template.
    texts = [whole.get("title") or "", *(item for text in whole["sources"].values() for item in _items(text))]
    placeholders = {match[1] for text in texts for match in PLACEHOLDER.finditer(text)}
    members = []
    for values in itertools.product(*each.values()):
        chosen = dict(zip(each, values, strict=True))
        name = family + "".join(_suffix(key, value) for key, value in chosen.items())
        if not KERNEL_NAME.fullmatch(name):
            raise problem(f"kernels.{family}", "each", f"makes {name!r}, which is not a kernel's name")
        known = {**chosen, SELF: name}
        table = {**whole, "settings": _put(whole["settings"], chosen, f"kernels.{family}.each"), "sources": {}}
        if (title := whole.get("title")) is not None:
            table["title"] = _filled(title, known, f"kernels.{family}", "title")
        for key, text in whole["sources"].items():
            filled = [_filled(item, known, f"kernels.{family}.sources", key) for item in _items(text)]
            table["sources"][key] = filled if isinstance(text, list) else filled[0]
        own_settings = set(own.settings) | (set(own.each or {}) - placeholders)
        members.append(Expanded(name, family, table, own_settings, set(own.sources), chosen))
    return members


def _items(text: str | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else text


def _suffix(key: str, value: Any) -> str:
    """What a value adds to the name of its kernel: ``-seed1`` for ``seeds = [1]``."""
    if isinstance(value, list) and len(value) == 1:
        key = key.removesuffix("s")
    return "-" + "".join(re.sub(r"[^a-z0-9]+", "-", str(part).lower()).strip("-") for part in (key, value))


def _filled(text: str, values: dict[str, Any], table: str, key: str) -> str:
    for match in PLACEHOLDER.finditer(text):
        if match[1] not in values:
            known = ", ".join("{" + name + "}" for name in values)
            raise problem(table, key, f"{in_line(match[0])} is not a name of `each`; there is {known}; correct it")
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)
