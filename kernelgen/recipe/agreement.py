"""Settings that must fit those of the kernels whose output is read: a student's folds its teacher's, say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kernelgen.recipe.kernel import Kernel
from kernelgen.recipe.sources import each_of


def check_agreement(kernels: Mapping[str, Kernel], chosen: Iterable[Kernel], where: str) -> list[str]:
    """A line for each setting of the ``chosen`` kernels that does not fit, as their ``agrees`` asks for.

    A list fits if each of its items stands in one of the lists of the kernels that the source names;
    anything else has to be equal to theirs, one and all. Of a source that is no kernel of the recipe
    nothing is known here, nor does a kernel's own earlier output count.
    """
    problems = []
    for kernel in chosen:
        for name, keys in kernel.agrees.items():
            others = [
                kernels[source.kernel]
                for source in each_of(kernel.sources.get(name))
                if source.kernel and source.kernel in kernels and source.kernel != kernel.name
            ]
            for key in keys if others else ():
                if problem := _problem(kernel.settings[key], key, others):
                    place = f"{where}: [kernels.{kernel.family}.agrees] {name}"
                    problems.append(f"{place}: kernel {kernel.name} has {key} = {problem}")
    return problems


def _problem(value: Any, key: str, others: list[Kernel]) -> str | None:
    for other in others:
        if key not in other.settings:
            return f"{value!r}, but kernel {other.name} has no such setting to agree with; leave it out here"
    theirs = [other.settings[key] for other in others]
    if isinstance(value, list) and all(isinstance(held, list) for held in theirs):
        fits = all(any(_same(item, other) for held in theirs for other in held) for item in value)
        way_out = "leave out what is not theirs, or build them with the same --set"
    else:
        fits = all(_same(value, held) for held in theirs)
        way_out = "give both the same value (with --set, name both in --target)"
    if fits:
        return None
    values = " and ".join(f"kernel {other.name} has {other.settings[key]!r}" for other in others)
    return f"{value!r}, but {values}; {way_out}"


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
