"""A kernel of the recipe with everything decided, and what kernels want of each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelgen.recipe.schema import problem
from kernelgen.recipe.sources import Attached, Source, each_of

SESSION_MINUTES = 720.0  # Kaggle ends a CPU or GPU session after 12 hours


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
    template: Path
    title: str
    slug: str
    settings: dict[str, Any]
    sources: dict[str, Attached]
    family: str = ""
    agrees: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resumed: bool = False
    include: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    gpu: bool = False
    internet: bool = False
    machine_shape: str | None = None
    private: bool = True
    keywords: tuple[str, ...] = ()
    docker_image: str | None = None
    docker_image_pinning_type: str | None = None
    submits: str | None = None
    time_limit: float | str = SESSION_MINUTES

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

        def value(attached: Attached) -> str | list[str] | None:
            if isinstance(attached, tuple):
                return [source.literal for source in attached]
            return attached.literal if attached in self.attached else None

        return {name: value(attached) for name, attached in self.sources.items()}


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
        if name in kernels and name not in order:
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
            others = [
                kernels[source.kernel]
                for source in each_of(kernel.sources.get(name))
                if source.kernel and source.kernel in kernels and source.kernel != kernel.name
            ]
            for key in keys if others else ():
                if wrong := _disagreement(kernel.settings[key], key, others):
                    what = f"kernel {kernel.name} has {key} = {kernel.settings[key]!r}, but {wrong}"
                    raise problem(f"kernels.{kernel.family}.agrees", name, what)


def _disagreement(value: Any, key: str, others: list[Kernel]) -> str | None:
    for other in others:
        if key not in other.settings:
            return f"kernel {other.name} has no such setting to agree with; leave it out here"
    theirs = [other.settings[key] for other in others]
    if isinstance(value, list) and all(isinstance(held, list) for held in theirs):
        fits = all(any(_is_same(item, other) for held in theirs for other in held) for item in value)
        way_out = "leave out what is not theirs, or build them with the same --set"
    else:
        fits = all(_is_same(value, held) for held in theirs)
        way_out = "give both the same value (with --set, name both in --target)"
    values = " and ".join(f"kernel {other.name} has {other.settings[key]!r}" for other in others)
    return None if fits else f"{values}; {way_out}"


def _is_same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
