"""A project: its library, its kernels with all their values, its datasets, and who depends on whom."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kernelgen.datasets.folder import DatasetFolder
from kernelgen.errors import KernelgenError, in_line, near
from kernelgen.inlining.library import Library
from kernelgen.recipe.kernel import Kernel as Kernel
from kernelgen.recipe.kernel import check_agreement, order_of_need
from kernelgen.recipe.schema import RECIPE as RECIPE
from kernelgen.recipe.settings import override_value, split_override
from kernelgen.recipe.sources import Attached
from kernelgen.rendering.template import Template

# Upper case and underscores, as in the client's own INSERT_KERNEL_SLUG_HERE: no user can have this name,
# so Kaggle refuses the push, and whoever opens the file sees what is missing.
UNKNOWN_OWNER = "INSERT_OWNER_HERE"


@dataclass
class Project:
    """A folder with kernel_templates/, a library and perhaps datasets/.

    kernels: as the recipe has them, and once they were selected with the settings of ``--set``. examples: globs of
    kernels that ``--list`` shows on request only. overrides: the texts of ``--set``. templates: by their files' names.
    sources_of: a kernel's sources, by its name and those of its settings that were changed.
    """

    root: Path
    library: str
    kernels: dict[str, Kernel]
    datasets: dict[str, DatasetFolder]
    owner: str | None
    mounts: str | None
    examples: list[str]
    overrides: tuple[str, ...]
    library_files: Library
    templates: dict[str, Template]
    sources_of: Callable[[str, Mapping[str, Any]], dict[str, Attached]]

    @property
    def owner_or_placeholder(self) -> str:
        """Our name on Kaggle, or a placeholder that Kaggle refuses and a reader understands."""
        return self.owner or UNKNOWN_OWNER

    def select(self, targets: str | Iterable[str]) -> list[Kernel | DatasetFolder]:
        """Kernels and datasets for names, comma lists, globs, family names and "all" (every kernel).

        Returns them with what others need first: datasets, then kernels in the order of their outputs.

        Raises:
            KernelgenError: where a part matches nothing, or a ``--set`` does not fit the selection.
        """
        chosen = self.named(targets, "--target")
        selected: list[Kernel | DatasetFolder] = [self.datasets[name] for name in self.datasets if name in chosen]
        kernels = [self.kernels[name] for name in self.kernels if name in chosen]
        known = {name for kernel in kernels for name in kernel.settings}
        for text in self.overrides:
            key, _ = split_override(text)
            if key not in known:
                what = f"none of the selected kernels has a setting {key}{near(key, known)}"
                raise KernelgenError(f"--set {in_line(text)}: {what}")
        self.kernels |= {kernel.name: self.with_overrides(kernel) for kernel in kernels}
        kernels = [self.kernels[name] for name in order_of_need(self.kernels) if name in chosen]
        # A kernel that is not built this time was built from the recipe as it stands.
        check_agreement(self.kernels, kernels)
        return selected + kernels

    def with_overrides(self, kernel: Kernel) -> Kernel:
        """Return a kernel with those settings of ``--set`` that it has, and the sources that follow from them."""
        settings = dict(kernel.settings)
        for key, value in map(split_override, self.overrides):
            if key in settings:
                settings[key] = override_value(key, value, settings[key])
        return replace(kernel, settings=settings, sources=self.sources_of(kernel.name, settings))

    def named(self, targets: str | Iterable[str], option: str) -> set[str]:
        """The names of the kernels and datasets that an ``option`` of the command line means, as in ``select``."""
        texts = [targets] if isinstance(targets, str) else targets
        parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
        if not parts:
            raise KernelgenError(f"{option}: names nothing; see --list")
        chosen: set[str] = set()
        names = {*self.kernels, *self.datasets}
        families = {name: kernel.family for name, kernel in self.kernels.items()}
        for part in parts:
            family = set(self.kernels) if part == "all" else {name for name in families if families[name] == part}
            matching = {part} & names or family or set(fnmatch.filter(names, part))
            if not matching:
                hint = near(part, {*names, *families.values(), "all"})
                raise KernelgenError(f"{option} {part}: no kernel or dataset of that name{hint}; see --list")
            chosen |= matching
        return chosen
