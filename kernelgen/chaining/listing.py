"""The table of `--list`: every kernel and dataset, what it needs, where it goes."""

from __future__ import annotations

import fnmatch
import os.path
import textwrap
from collections.abc import Sequence

from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.titles import slug_of

WIDTH = 140  # of a line, in characters


def listing(project: Project, names: str = "") -> str:
    """The whole table as text, no line wider than ``WIDTH`` as long as the names allow it.

    A family whose members need the same is one row. Where a kernel goes is said once for all that go to the
    place of their name.

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
    groups: dict[tuple[str, ...], list[Kernel]] = {}
    for kernel in project.kernels.values():
        if kernel.name in shown:
            groups.setdefault((kernel.family, kernel.template.name, *_needs(project, kernel)), []).append(kernel)
    owner, blocks = project.owner_or_placeholder, []
    if groups:
        rows = [
            (folded([kernel.name for kernel in group]), template.removesuffix(".py.j2"), ", ".join(needs) or "-")
            for (_, template, *needs), group in groups.items()
        ]
        notes = [f"A kernel goes to {owner}/{slug_of(project.library)}-KERNEL, unless its row says otherwise."]
        if families := [group for group in groups.values() if len(group) > 1]:
            name = folded([kernel.name for kernel in families[0]])
            notes.append(f"A family is built by its name (all of {name}: --target {families[0][0].family}).")
        blocks.append("\n".join([_table([("kernel", "template", "needs"), *rows]), "", *notes]))
    datasets = [dataset for dataset in project.datasets.values() if dataset.name in shown]
    if datasets:
        places = [(each.name, each.table.title, each.table.license, f"{owner}/{each.name}") for each in datasets]
        blocks.append(_table([("dataset", "title", "licence", "goes to"), *places]))
    if hidden := len(examples - shown) * (not names):
        globs = ", ".join(project.examples)
        blocks.append(f"{hidden} more on little data ({globs}): --list all shows them too.")
    return "\n\n".join(blocks)


def folded(names: Sequence[str]) -> str:
    """Several names as the glob that ``--target`` takes for them, and their number: ``a-seed* (5)``."""
    return names[0] if len(names) == 1 else f"{os.path.commonprefix(list(names))}* ({len(names)})"


def _needs(project: Project, kernel: Kernel) -> list[str]:
    """What a kernel attaches and runs on, of other kernels each family once; where it goes, if not by its name."""
    needs: dict[str, list[str]] = {}
    for source in kernel.attached:
        name = source.kernel or source.slug
        family = project.kernels[source.kernel].family if source.kernel else name
        members = needs.setdefault(f"{source.kind}:{family}", [])
        members += [] if name in members else [name]
    lines = [f"{key.partition(':')[0]}:{folded(members)}" for key, members in needs.items()]
    lines += ["itself with --resume"] * bool(kernel.earlier)
    lines += ["GPU"] * kernel.gpu + ["internet"] * kernel.internet
    elsewhere = kernel.slug != slug_of(f"{project.library} {kernel.name}")
    return lines + [f"goes to {project.owner_or_placeholder}/{kernel.slug}"] * elsewhere


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns side by side; the last one goes on below where it is long."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        head = "".join(cell.ljust(width + 2) for cell, width in zip(row[:-1], widths, strict=False))
        below = " " * len(head)
        lines += textwrap.wrap(
            row[-1], WIDTH, initial_indent=head, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
        )
    lines.insert(1, "  ".join("-" * width for width in widths)[:WIDTH])
    return "\n".join(lines)
