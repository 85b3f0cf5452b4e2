"""From the tables of kernels.toml to single kernels: `extends` is followed, `each` is multiplied out."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any

from kernelgen.errors import near
from kernelgen.recipe.schema import KERNEL_NAME, KernelTable, RecipeTable
from kernelgen.recipe.settings import OtherType, merged, replaced

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
SELF = "self"  # in titles and sources {self} is the kernel's own name
# What stands for the whole kernel is inherited key by key; these are merged or not inherited at all.
_MERGED = {"settings", "sources"}
_NOT_INHERITED = {"title", "extends"}


@dataclass
class Expanded:
    """One kernel of the recipe with everything that it states or inherits, before templates are read.

    own_settings, own_sources: the names that its own table states (a name that is only inherited may
    be one that its template has no use for). each: this member's values of its family's ``each``.
    """

    name: str
    family: str
    table: dict[str, Any]
    settings: dict[str, Any]
    sources: dict[str, str | list[str]]
    own_settings: set[str]
    own_sources: set[str]
    each: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Resolved:
    table: dict[str, Any]
    settings: dict[str, Any]
    sources: dict[str, str | list[str]]


class Problems(list[str]):
    """Lines for the one error that is raised at the end of reading a recipe."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def add(self, table: str, key: str, what: str) -> None:
        """Adds ``WHERE: [table] key: what``."""
        line = f"{self.where}: [{table}] " + (f"{key}: " if key else "") + what
        if line not in self:
            self.append(line)


def expand(recipe: RecipeTable, problems: Problems) -> list[Expanded]:
    """All kernels of ``recipe`` in its order, each family in the place of its table.

    A kernel that extends another inherits everything but the title: settings and sources merged by
    name, the rest (``each`` too, so that what extends a family is a family) unless it states its own.
    """
    resolved: dict[str, _Resolved | None] = {}
    for name in recipe.kernels:
        _resolve(name, recipe, resolved, (), problems)
    kernels: list[Expanded] = []
    seen: dict[str, str] = {}
    for name, table in recipe.kernels.items():
        whole = resolved[name]
        if whole is None:
            continue
        for member in _members(name, table, whole, problems):
            if member.name in seen:
                problems.add(
                    f"kernels.{name}",
                    "",
                    f"{member.name!r} is also made by [kernels.{seen[member.name]}]; rename one of them",
                )
                continue
            seen[member.name] = name
            kernels.append(member)
    return kernels


def _resolve(
    name: str,
    recipe: RecipeTable,
    resolved: dict[str, _Resolved | None],
    above: tuple[str, ...],
    problems: Problems,
) -> _Resolved | None:
    if name in resolved:
        return resolved[name]
    if name in above:
        circle = " -> ".join([*above[above.index(name) :], name])
        problems.add(f"kernels.{name}", "extends", f"goes in a circle: {circle}; break it")
        return None
    table = recipe.kernels[name]
    own = {key: getattr(table, key) for key in table.model_fields_set}
    base = _Resolved({}, dict(recipe.settings), {})
    failed = False
    if table.extends is not None:
        if table.extends not in recipe.kernels:
            problems.add(
                f"kernels.{name}",
                "extends",
                f"there is no [kernels.{table.extends}]{near(table.extends, recipe.kernels)}; "
                "name a kernel or a family of this file",
            )
            failed = True
        else:
            extended = _resolve(table.extends, recipe, resolved, (*above, name), problems)
            failed = extended is None
            base = extended or base
    settings, wrong = merged(base.settings, table.settings)
    for key, what in wrong:
        problems.add(f"kernels.{name}.settings", key, f"{what}; give a value of the same type")
    result = _Resolved(
        table={
            **{key: value for key, value in base.table.items() if key not in _NOT_INHERITED},
            **{key: value for key, value in own.items() if key not in _MERGED},
        },
        settings=settings,
        sources={**base.sources, **table.sources},
    )
    resolved[name] = None if failed else result
    return resolved[name]


def _members(name: str, table: KernelTable, whole: _Resolved, problems: Problems) -> list[Expanded]:
    each: dict[str, list[Any]] = whole.table.get("each") or {}
    members = []
    for values in itertools.product(*each.values()):
        chosen = dict(zip(each, values, strict=True))
        suffix = "".join(f"-{_in_a_name(_of_one(key, value))}{_in_a_name(value)}" for key, value in chosen.items())
        settings = dict(whole.settings)
        for key, value in chosen.items():
            try:
                settings[key] = replaced(settings[key], value) if key in settings else value
            except OtherType as error:
                problems.add(f"kernels.{name}", "each", f"{key}: {error}; give a value of the same type")
        member = Expanded(
            name=name + suffix,
            family=name,
            table=dict(whole.table),
            settings=settings,
            sources={},
            own_settings=set(table.settings) | (set(table.each or {}) - _placeholders(whole)),
            own_sources=set(table.sources),
            each=chosen,
        )
        if not KERNEL_NAME.fullmatch(member.name):
            problems.add(f"kernels.{name}", "each", f"makes {member.name!r}, which is not a kernel's name")
        if (title := member.table.get("title")) is not None:
            member.table["title"] = _filled(title, member, f"kernels.{name}", "title", problems)
        for key, text in whole.sources.items():
            filled = [
                _filled(item, member, f"kernels.{name}.sources", key, problems)
                for item in ([text] if isinstance(text, str) else text)
            ]
            member.sources[key] = filled[0] if isinstance(text, str) else filled
        members.append(member)
    return members


def _placeholders(whole: _Resolved) -> set[str]:
    """The keys of ``each`` that tell sources or titles apart, and so need not be settings of the template."""
    texts = [whole.table.get("title") or ""]
    for text in whole.sources.values():
        texts += [text] if isinstance(text, str) else text
    return {match[1] for text in texts for match in PLACEHOLDER.finditer(text)}


def _of_one(key: str, value: Any) -> str:
    """``seeds`` is ``seed`` in the name of a member that has one of them."""
    return key.removesuffix("s") if isinstance(value, list) and len(value) == 1 else key


def _in_a_name(value: Any) -> str:
    text = str(value).lower() if not isinstance(value, str) else value.lower()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


def _filled(text: str, member: Expanded, table: str, key: str, problems: Problems) -> str:
    values = {**member.each}
    values.setdefault(SELF, member.name)

    def value(match: re.Match[str]) -> str:
        if match[1] in values:
            return str(values[match[1]])
        known = ", ".join("{" + name + "}" for name in values)
        problems.add(table, key, f"{match[0]} is not a name of `each`; there is {known}; correct it")
        return match[1]

    return PLACEHOLDER.sub(value, text)
