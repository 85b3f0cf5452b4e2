"""A project: its library, its kernels with all their values, its datasets, and who depends on whom."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kernelgen.datasets.folder import DatasetFolder
from kernelgen.errors import KernelgenError, near
from kernelgen.inlining.library import Library
from kernelgen.recipe.agreement import check_agreement
from kernelgen.recipe.kernel import Kernel as Kernel
from kernelgen.recipe.kernel import order_of_need
from kernelgen.recipe.owner import UNKNOWN_OWNER
from kernelgen.recipe.settings import override_value, split_override
from kernelgen.rendering.template import Template

RECIPE = "kernel_templates/kernels.toml"


@dataclass
class Project:
    """A folder with kernel_templates/, a library and perhaps datasets/.

    examples: globs of kernels that ``--list`` shows on request only. overrides: the texts of ``--set``.
    """

    root: Path
    library: str
    kernels: dict[str, Kernel]
    datasets: dict[str, DatasetFolder]
    owner: str | None
    mounts: str | None = None
    examples: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    _templates: dict[str, Template] = field(default_factory=dict, repr=False)
    _override_problems: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _as_written: dict[str, Kernel] = field(default_factory=dict, repr=False)
    _library_files: Library | None = field(default=None, repr=False)

    @property
    def owner_or_placeholder(self) -> str:
        """Our name on Kaggle, or a placeholder that Kaggle refuses and a reader understands."""
        return self.owner or UNKNOWN_OWNER

    @property
    def setting_names(self) -> set[str]:
        """Every setting of every kernel."""
        return {name for kernel in self.kernels.values() for name in kernel.settings}

    def template(self, kernel: Kernel) -> Template:
        """The kernel's template, read once."""
        return self._templates[kernel.template.name]

    def library_files(self) -> Library:
        """The library as files, read once."""
        if self._library_files is None:
            self._library_files = Library(self.root, self.library)
        return self._library_files

    def select(self, targets: str | Iterable[str]) -> list[Kernel | DatasetFolder]:
        """Kernels and datasets for names, comma lists, globs, family names and "all" (every kernel).

        Returns them with what others need first: datasets, then kernels in the order of their outputs.

        Raises:
            KernelgenError: where a part matches nothing, or a ``--set`` does not fit the selection.
        """
        chosen = self.named(targets, "--target")
        selected: list[Kernel | DatasetFolder] = [self.datasets[name] for name in self.datasets if name in chosen]
        kernels = [self.kernels[name] for name in order_of_need(self.kernels) if name in chosen]
        self._check_overrides(kernels)
        return selected + kernels

    def named(self, targets: str | Iterable[str], option: str) -> set[str]:
        """The names of the kernels and datasets that an ``option`` of the command line means, as in ``select``."""
        texts = [targets] if isinstance(targets, str) else list(targets)
        parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
        if not parts:
            raise KernelgenError(f"{option}: names nothing{near('', self._target_names())}")
        chosen: set[str] = set()
        for part in parts:
            matching = self._matching(part)
            if not matching:
                raise KernelgenError(
                    f"{option} {part}: no kernel or dataset of that name{near(part, self._target_names())}; see --list"
                )
            chosen |= matching
        return chosen

    def _target_names(self) -> set[str]:
        return {*self.kernels, *self.datasets, *(kernel.family for kernel in self.kernels.values()), "all"}

    def _matching(self, part: str) -> set[str]:
        if part in self.kernels or part in self.datasets:
            return {part}
        if part == "all":
            return set(self.kernels)
        family = {name for name, kernel in self.kernels.items() if kernel.family == part}
        names = [*self.kernels, *self.datasets]
        return family or {name for name in names if fnmatch.fnmatchcase(name, part)}

    def _check_overrides(self, kernels: Sequence[Kernel]) -> None:
        for text in self.overrides:
            key, _ = split_override(text)
            naming = [kernel for kernel in kernels if key in kernel.settings]
            if not naming:
                known = {name for kernel in kernels for name in kernel.settings}
                raise KernelgenError(
                    f"--set {text}: none of the selected kernels has a setting {key}{near(key, known)}"
                )
            for kernel in naming:
                if problem := self._override_problems.get((kernel.name, text)):
                    raise KernelgenError(problem)
        # A kernel that is not built this time was built from the recipe as it stands.
        built = {kernel.name: kernel for kernel in kernels}
        if problems := check_agreement(self._as_written | built, kernels, RECIPE):
            raise KernelgenError("\n".join(problems))

    def apply_overrides(self) -> None:
        """Replace settings by those of ``--set``; what does not fit a kernel is an error only where it is built."""
        self._as_written = dict(self.kernels)
        for text in self.overrides:
            key, value = split_override(text)
            naming = [kernel for kernel in self.kernels.values() if key in kernel.settings]
            if not naming:
                raise KernelgenError(
                    f"--set {text}: no kernel of the recipe has a setting {key}{near(key, self.setting_names)}"
                )
            for kernel in naming:
                try:
                    settings = {**kernel.settings, key: override_value(key, value, kernel.settings[key])}
                except KernelgenError as error:
                    self._override_problems[kernel.name, text] = str(error)
                    continue
                self.kernels[kernel.name] = replace(kernel, settings=settings)
            if all((kernel.name, text) in self._override_problems for kernel in naming):
                raise KernelgenError(self._override_problems[naming[0].name, text])
