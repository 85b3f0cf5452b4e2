"""The table of `--list`: every kernel and dataset, and what it needs."""

from __future__ import annotations

import fnmatch
import os.path
import textwrap
from collections.abc import Iterable, Sequence

from kernelgen.recipe.project import Kernel, Project

WIDTH = 140  # of a line, in characters


def listing(project: Project, names: str = "") -> str:
    """The whole table as text. A family whose members need the same is one row.

    Args:
        names: the kernels and datasets to show, as ``--target`` takes them; all of them, but for kernels that the
            recipe calls examples, where it is empty.

    Raises:
        KernelgenError: no kernel and no dataset has such a name.
    """
    examples = {name for name in project.kernels for glob in project.examples if fnmatch.fnmatchcase(name, glob)}
    shown = project.named(names, "--list") if names else {*project.kernels, *project.datasets} - examples
    if names == "all":
        shown |= set(project.datasets)
    blocks = []
    if kernels := [kernel for kernel in project.kernels.values() if kernel.name in shown]:
        blocks += [_table(("kernel", "template", "needs"), _rows(project, kernels))]
    if datasets := [dataset for dataset in project.datasets.values() if dataset.name in shown]:
        owner = project.owner_or_placeholder
        rows = [(each.name, each.table.title, each.table.license, f"{owner}/{each.name}") for each in datasets]
        blocks += [_table(("dataset", "title", "licence", "goes to"), rows)]
    if not names and examples:
        blocks += [f"{len(examples)} more on little data ({', '.join(project.examples)}): --list all shows them too."]
    return "\n\n".join(blocks)


def folded(names: Sequence[str]) -> str:
    """Several names as the glob that ``--target`` takes for them, and their number: ``a-seed* (5)``."""
    return names[0] if len(names) == 1 else f"{os.path.commonprefix(list(names))}* ({len(names)})"


def _rows(project: Project, kernels: Iterable[Kernel]) -> list[tuple[str, ...]]:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for kernel in kernels:
        row = kernel.family, kernel.template.name.removesuffix(".py.j2"), _needs(project, kernel)
        groups.setdefault(row, []).append(kernel.name)
    return [(folded(members), template, needs) for (_, template, needs), members in groups.items()]


def _needs(project: Project, kernel: Kernel) -> str:
    """What a kernel attaches and runs on, of other kernels each family once."""
    attached: dict[tuple[str, str], dict[str, None]] = {}
    for source in kernel.attached:
        name = source.kernel or source.slug
        family = project.kernels[source.kernel].family if source.kernel else name
        attached.setdefault((source.kind, family), {})[name] = None
    needs = [f"{kind}:{folded(list(members))}" for (kind, _), members in attached.items()]
    needs += ["itself with --resume"] * bool(kernel.earlier)
    needs += ["GPU"] * kernel.gpu + ["internet"] * kernel.internet
    return ", ".join(needs) or "-"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns side by side; the last one goes on below where it is long."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for *cells, last in [head, *rows]:
        start = "".join(cell.ljust(width + 2) for cell, width in zip(cells, widths, strict=False))
        wrapper = textwrap.TextWrapper(WIDTH, start, " " * len(start), break_long_words=False, break_on_hyphens=False)
        lines += wrapper.wrap(last)
    return "\n".join(lines)
