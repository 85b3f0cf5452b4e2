"""A kernel of the recipe with everything decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    def needs(self) -> list[str]:
        """The kernels of the same recipe whose outputs it reads."""
        named = {source.kernel for attached in self.sources.values() for source in each_of(attached)}
        return sorted(name for name in named - {self.name} if name)

    @property
    def earlier(self) -> Source | None:
        """The source that is this kernel's own earlier output, whether or not it is resumed."""
        sources = (source for attached in self.sources.values() for source in each_of(attached))
        return next((source for source in sources if source.kernel == self.name), None)

    @property
    def attached(self) -> tuple[Source, ...]:
        """The single sources that it attaches, in the recipe's order; its own earlier output if resumed."""
        return tuple(
            source
            for attached in self.sources.values()
            for source in each_of(attached)
            if self.resumed or source.kernel != self.name
        )

    @property
    def source_literals(self) -> dict[str, str | list[str] | None]:
        """What its template is given for each name: a text, a list of them, or None."""
        mounted = set(self.attached)

        def value(attached: Attached) -> str | list[str] | None:
            if isinstance(attached, tuple):
                return [source.literal for source in attached]
            return attached.literal if attached in mounted else None

        return {name: value(attached) for name, attached in self.sources.items()}


class Circle(Exception):
    """Kernels that need each other; the text names them."""


def order_of_need(kernels: Mapping[str, Kernel]) -> list[str]:
    """All kernels' names, each after those that it needs, otherwise in the recipe's order.

    Raises:
        Circle: there is no such order.
    """
    order: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise Circle(" -> ".join([*above[above.index(name) :], name]))
        if name in kernels and name not in order:
            for needed in kernels[name].needs:
                visit(needed, (*above, name))
            order[name] = None

    for name in kernels:
        visit(name, ())
    return list(order)
