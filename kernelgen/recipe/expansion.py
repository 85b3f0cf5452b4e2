"""From the tables of kernels.toml to single kernels: `extends` is followed, `each` is multiplied out."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kernelgen.errors import in_line, near
from kernelgen.recipe.schema import KernelTable, RecipeTable, problem
from kernelgen.recipe.settings import replaced

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
SHORTEST, LONGEST = 5, 50  # characters of a title, and of its slug


@dataclass(frozen=True)
class Member:
    """One kernel of a family with everything that it states or inherits, before templates are read.

    place: how messages name its table. own: the settings and sources ("sources.NAME") that its own table states, which
    its template has to name.
    """

    name: str
    family: str
    place: str
    title: str
    slug: str
    table: KernelTable
    own: set[str]

    @property
    def template(self) -> str:
        """The template's file, from the project's folder."""
        return f"kernel_templates/{self.table.template}.py.j2"


def expand(recipe: RecipeTable) -> dict[str, Member]:
    """All kernels of ``recipe`` in its order, each family in the place of its table.

    A kernel that extends another inherits everything but the title: settings and sources merged by
    name, the rest (``each`` too, so that what extends a family is a family) unless it states its own.

    Raises:
        KernelgenError: for the first thing that is wrong.
    """
    members: dict[str, Member] = {}
    for member in itertools.chain.from_iterable(_members(family, recipe) for family in recipe.kernels):
        is_plain = member.title == member.title.strip() and member.title.isprintable()
        if not is_plain or any(not SHORTEST <= len(text) <= LONGEST for text in (member.title, member.slug)):
            what = f"Kaggle takes {SHORTEST} to {LONGEST} printable characters for each, no space at an end"
            raise problem(member.place, "title", f"{member.title!r} makes the slug {member.slug!r}; {what}; change it")
        for other in members.values():
            if member.name == other.name or member.slug == other.slug:
                what = f"{member.name} ({member.title!r}) has the name or the slug of {other.name} in [{other.place}]"
                raise problem(member.place, "", f"{what}; rename one, or give a title (in a family with {{self}})")
        members[member.name] = member
    return members


def _resolved(name: str, recipe: RecipeTable, above: tuple[str, ...] = ()) -> KernelTable:
    """A kernel's table with what it inherits; ``above``: the kernels that extend it."""
    if name in above:
        circle = " -> ".join([*above[above.index(name) :], name])
        raise problem(f"kernels.{name}", "extends", f"goes in a circle: {circle}; break it")
    table = recipe.kernels[name]
    if table.extends and table.extends not in recipe.kernels:
        what = f"{table.extends!r} is no kernel of this file{near(table.extends, recipe.kernels)}; correct it"
        raise problem(f"kernels.{name}", "extends", what)
    base = _resolved(table.extends, recipe, (*above, name)) if table.extends else KernelTable(settings=recipe.settings)
    own = {key: getattr(table, key) for key in table.model_fields_set}
    settings = _put(base.settings, table.settings, f"kernels.{name}.settings")
    sources = {**base.sources, **table.sources}
    return base.model_copy(update={"title": "", **own, "settings": settings, "sources": sources})


def _put(settings: dict[str, Any], new: dict[str, Any], place: str) -> dict[str, Any]:
    result = dict(settings)
    for key, value in new.items():
        try:
            result[key] = replaced(settings[key], value) if key in settings else value
        except ValueError as error:
            raise problem(place, key, str(error)) from None
    return result


def _members(family: str, recipe: RecipeTable) -> Iterator[Member]:
    table, own, place = _resolved(family, recipe), recipe.kernels[family], f"kernels.{family}"
    # Keys of `each` that tell titles or sources apart need not be settings of the template.
    placeholders = set(PLACEHOLDER.findall(f"{table.title} {table.sources}"))
    stated = {*own.settings, *(own.each.keys() - placeholders), *(f"sources.{name}" for name in own.sources)}
    for values in itertools.product(*table.each.values()):
        chosen = dict(zip(table.each, values, strict=True))
        name = family + "".join(_suffix(key, value) for key, value in chosen.items())
        known = {**chosen, "self": name}
        title = _filled_title(table.title, known, place) or _default_title(f"{recipe.library} {name}")
        settings = _put(table.settings, chosen, f"{place}.each")
        yield Member(
            name, family, place, title, slug_of(title), table.model_copy(update={"settings": settings}), stated
        )


def slug_of(title: str) -> str:
    """The slug that Kaggle makes of a title, by the function that Kaggle's client compares with."""
    from slugify import slugify

    return slugify(title)


def _default_title(title: str) -> str:
    if len(title) < SHORTEST:
        title += " kernel"
    if len(title) > LONGEST:
        title = f"{title[: LONGEST - 7].rstrip(' -_')} {hashlib.sha256(title.encode()).hexdigest()[:6]}"
    return title


def _suffix(key: str, value: Any) -> str:
    """What a value adds to the name of its kernel: ``-seed1`` for ``seeds = [1]``."""
    if isinstance(value, list) and len(value) == 1:
        key = key.removesuffix("s")
    return "-" + "".join(re.sub(r"[^a-z0-9]+", "-", str(part).lower()).strip("-") for part in (key, value))


def _filled_title(title: str, values: dict[str, Any], table: str) -> str:
    """A title with the values in place of ``{name}``."""
    for name in PLACEHOLDER.findall(title):
        if name not in values:
            raise problem(table, "title", f"{in_line(name)} is not a name of `each`; write one of {', '.join(values)}")
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), title)
