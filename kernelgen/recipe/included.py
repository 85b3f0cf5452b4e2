"""`include` of a kernel, with the names that its settings give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kernelgen.recipe.kernel import Kernel
from kernelgen.recipe.schema import problem

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def included_modules(kernel: Kernel) -> list[str]:
    """The modules to include: `pk.losses.{loss}` becomes one for each name that the setting `loss` gives.

    A setting gives its text, or its `name` where it is a table, or those of all elements where it is a list.
    `{stages.loss}` asks the tables of the setting `stages` for theirs; a table that has no `loss` gives none.

    Raises:
        KernelgenError: the kernel has no such setting.
    """
    modules = []
    for pattern in kernel.include:
        path = _PLACEHOLDER.search(pattern)
        if path is None:
            modules.append(pattern)
            continue
        first, *inner = path[1].split(".")
        if first not in kernel.settings:
            place = f"kernels.{kernel.family or kernel.name}"
            raise problem(place, "include", f"{pattern!r}: the kernel has no setting {first!r}; add it, or correct it")
        names = _names(kernel.settings[first], inner)
        modules += [pattern[: path.start()] + name + pattern[path.end() :] for name in names]
    return list(dict.fromkeys(modules))


def _names(value: Any, path: list[str]) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for element in value:
            yield from _names(element, path)
    elif path and isinstance(value, dict):
        if path[0] in value:
            yield from _names(value[path[0]], path[1:])
    elif isinstance(value, dict) and "name" in value:
        yield str(value["name"])
    elif isinstance(value, str) and not path:
        yield value
