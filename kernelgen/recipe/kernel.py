"""A kernel of the recipe with everything decided, and what kernels want of each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelgen.recipe.expansion import PLACEHOLDER
from kernelgen.recipe.schema import SESSION_MINUTES, problem
from kernelgen.recipe.sources import Attached, Source, each_of


@dataclass(frozen=True)
class Kernel:
    """One kernel of the recipe, everything decided.

    settings: exactly those that its template names. sources: by their names in the recipe. agrees: for sources that
    are kernels of the recipe, the settings that must fit theirs. submits: the file of its output that a code
    competition takes. time_limit: minutes, or the name of the setting that holds them. resumed: whether it is given
    the output of an earlier run of its own, where it names that as a source.
    """

    name: str
    family: str
    template: Path
    title: str
    slug: str
    settings: dict[str, Any]
    sources: dict[str, Attached]
    agrees: dict[str, list[str]]
    include: list[str]
    files: list[str]
    gpu: bool
    internet: bool
    machine_shape: str | None
    private: bool
    keywords: list[str]
    docker_image: str | None
    docker_image_pinning_type: str | None
    submits: str | None
    time_limit: float | str
    resumed: bool = False

    @property
    def template_name(self) -> str:
        """How messages name the template's file."""
        return f"kernel_templates/{self.template.name}"

    @property
    def time_limit_minutes(self) -> float:
        """How long a run may take."""
        limit = self.settings[self.time_limit] if isinstance(self.time_limit, str) else self.time_limit
        return float(limit) or SESSION_MINUTES

    @property
    def included(self) -> list[str]:
        """The modules to include: ``pk.losses.{loss}`` becomes one for each name that the setting ``loss`` gives.

        A setting gives its text, the ``name`` of its table, or those of all its elements. ``{stages.loss}`` asks the
        tables of the setting ``stages`` for theirs; a table that has no ``loss`` gives none.
        """
        modules: list[str] = []
        for pattern in self.include:
            before, *found = PLACEHOLDER.split(pattern, maxsplit=1)
            names = _names(self.settings, found[0].split(".")) if found else [""]
            modules += [before + name + "".join(found[1:]) for name in names]
        return list(dict.fromkeys(modules))

    @property
    def _named(self) -> list[Source]:
        return [source for attached in self.sources.values() for source in each_of(attached)]

    @property
    def needs(self) -> list[str]:
        """The kernels of the same recipe whose outputs it reads."""
        return sorted({source.kernel for source in self._named if source.kernel} - {self.name})

    @property
    def earlier(self) -> Source | None:
        """The source that is this kernel's own earlier output, whether or not it is resumed."""
        return next((source for source in self._named if source.kernel == self.name), None)

    @property
    def attached(self) -> tuple[Source, ...]:
        """The single sources that it attaches, in the recipe's order; its own earlier output if resumed."""
        return tuple(source for source in self._named if self.resumed or source.kernel != self.name)

    @property
    def source_literals(self) -> dict[str, str | list[str] | None]:
        """What its template is given for each name: a text, a list of them, or None."""
        literals: dict[str, str | list[str] | None] = {}
        for name, attached in self.sources.items():
            texts = [source.literal for source in each_of(attached) if source in self.attached]
            literals[name] = texts if isinstance(attached, tuple) else "".join(texts) or None
        return literals


def _names(value: Any, path: list[str]) -> list[str]:
    if isinstance(value, list):
        return [name for element in value for name in _names(element, path)]
    if isinstance(value, dict):
        key, *rest = path or ["name"]
        return _names(value[key], rest) if key in value else []
    return [value] if isinstance(value, str) and not path else []


def order_of_need(kernels: Mapping[str, Kernel]) -> list[str]:
    """All kernels' names in the recipe's order, but each after those that it needs.

    Raises:
        KernelgenError: there is no such order.
    """
    order: dict[str, None] = {}

    def add(name: str, *above: str) -> None:
        if name in above:
            circle = " -> ".join([*above[above.index(name) :], name])
            what = f"kernels feed on each other: {circle}; break the circle"
            raise problem(f"kernels.{kernels[name].family}.sources", "", what)
        if name not in order:
            for need in kernels[name].needs:
                add(need, *above, name)
            order[name] = None

    for name in kernels:
        add(name)
    return list(order)


def check_agreement(kernels: Mapping[str, Kernel], chosen: Iterable[Kernel]) -> None:
    """Check the settings that must fit those of the kernels whose output is read: a student's folds its teacher's, say.

    A list fits if each of its items stands in a list of the kernels that the source names; anything else has to be
    equal to theirs, one and all. Of a source that is no kernel of the recipe nothing is known here.

    Raises:
        KernelgenError: a setting of a ``chosen`` kernel does not fit, as its ``agrees`` asks for.
    """
    for kernel in chosen:
        for name, keys in kernel.agrees.items():
            needed = [source.kernel for source in each_of(kernel.sources[name]) if source.kernel in kernel.needs]
            for key in keys if needed else ():
                mine = kernel.settings[key]
                theirs = {other: kernels[other].settings.get(key) for other in needed if other}
                if not _fits(mine, list(theirs.values())):
                    values = " and ".join(f"kernel {other} has {value!r}" for other, value in theirs.items())
                    what = f"{values}; give both what fits (with --set, name both in --target)"
                    place = f"kernels.{kernel.family}.agrees"
                    raise problem(place, name, f"kernel {kernel.name} has {key} = {mine!r}, but {what}")


def _fits(value: Any, theirs: list[Any]) -> bool:
    # By their texts, because Python calls 1 and True equal.
    if isinstance(value, list):
        known = {repr(item) for held in theirs if isinstance(held, list) for item in held}
        return known.issuperset(map(repr, value))
    return all(repr(value) == repr(held) for held in theirs)
