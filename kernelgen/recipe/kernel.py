"""A kernel of the recipe with everything decided, and what kernels want of each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelgen.recipe.schema import SESSION_MINUTES, problem
from kernelgen.recipe.sources import Attached, Source, each_of


@dataclass(frozen=True)
class Kernel:
    """One kernel of the recipe, everything decided.

    settings: exactly those that its template names. sources: by their names in the recipe, each one
    source, several, or none. agrees: for sources that are kernels of the recipe, the settings that must
    fit theirs. time_limit: minutes, or the name of the setting that holds them. resumed: whether it is
    given the output of an earlier run of its own, where it names that as a source. submits: the file of its
    output that a code competition takes.
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
            literals[name] = texts if isinstance(attached, tuple) else next(iter(texts), None)
        return literals


def order_of_need(kernels: Mapping[str, Kernel]) -> list[str]:
    """All kernels' names, each after those that it needs, otherwise in the recipe's order.

    Raises:
        KernelgenError: there is no such order.
    """
    order: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            circle = " -> ".join([*above[above.index(name) :], name])
            place = f"kernels.{kernels[name].family}.sources"
            raise problem(place, "", f"kernels feed on each other: {circle}; break the circle")
        if name not in order:
            for needed in kernels[name].needs:
                visit(needed, (*above, name))
            order[name] = None

    for name in kernels:
        visit(name, ())
    return list(order)


def check_agreement(kernels: Mapping[str, Kernel], chosen: Iterable[Kernel]) -> None:
    """Check the settings that must fit those of the kernels whose output is read: a student's folds its teacher's, say.

    A list fits if each of its items stands in one of the lists of the kernels that the source names;
    anything else has to be equal to theirs, one and all. Of a source that is no kernel of the recipe
    nothing is known here, nor does a kernel's own earlier output count.

    Raises:
        KernelgenError: a setting of a ``chosen`` kernel does not fit, as its ``agrees`` asks for.
    """
    for kernel in chosen:
        for name, keys in kernel.agrees.items():
            needed = [source.kernel for source in each_of(kernel.sources[name]) if source.kernel in kernel.needs]
            for key in keys if needed else ():
                value = kernel.settings[key]
                theirs = {other: kernels[other].settings.get(key) for other in needed if other}
                if not _fits(value, theirs.values()):
                    values = " and ".join(f"kernel {other} has {held!r}" for other, held in theirs.items())
                    what = f"kernel {kernel.name} has {key} = {value!r}, but {values}"
                    way_out = "give both what fits (with --set, name both in --target)"
                    raise problem(f"kernels.{kernel.family}.agrees", name, f"{what}; {way_out}")


def _fits(value: Any, theirs: Collection[Any]) -> bool:
    # By their texts, because Python calls 1 and True equal.
    if isinstance(value, list):
        known = {repr(item) for held in theirs if isinstance(held, list) for item in held}
        return known.issuperset(map(repr, value))
    return all(repr(value) == repr(held) for held in theirs)
