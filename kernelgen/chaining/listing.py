"""The table of `--list`: every kernel and dataset, what it needs, where it goes."""

from __future__ import annotations

import fnmatch
import math
import os.path
from collections.abc import Iterable, Sequence

from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.titles import slug_of

WIDTH = 140  # of a line, in characters
_NARROWEST = 36  # of the column that is wrapped


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
    shown = project.named(names, "--list") if names else {*project.kernels, *project.datasets} - _examples(project)
    if names == "all":
        shown |= set(project.datasets)
    kernels = [kernel for kernel in project.kernels.values() if kernel.name in shown]
    datasets = [dataset for dataset in project.datasets.values() if dataset.name in shown]
    blocks = [_kernel_table(project, kernels)] if kernels else []
    if datasets:
        rows = [("dataset", "title", "licence", "goes to")]
        for dataset in datasets:
            place = f"{project.owner_or_placeholder}/{dataset.slug}"
            rows.append((dataset.name, dataset.title, dataset.table.license, place))
        blocks.append(_table(rows))
    if hidden := len(_examples(project) - shown) * (not names):
        globs = ", ".join(project.examples)
        blocks.append(f"{hidden} more on little data ({globs}): --list all shows them too.")
    return "\n\n".join(blocks)


def _examples(project: Project) -> set[str]:
    return {name for name in project.kernels for glob in project.examples if fnmatch.fnmatchcase(name, glob)}


def _kernel_table(project: Project, kernels: Sequence[Kernel]) -> str:
    owner, groups = project.owner_or_placeholder, _groups(project, kernels)
    elsewhere = [group for group in groups if not all(_goes_by_name(project, kernel) for kernel in group)]
    rows = [("kernel", "template", "needs", "goes to")[: 4 if elsewhere else 3]]
    for group in groups:
        goes_to = f"{owner}/{folded([kernel.slug for kernel in group])}" if group in elsewhere else ""
        row = (
            folded([kernel.name for kernel in group]),
            group[0].template.name.removesuffix(".py.j2"),
            ", ".join(_needs(project, group[0])) or "-",
            goes_to,
        )
        rows.append(row[: len(rows[0])])
    return "\n".join([_table(_wrapped(rows, column=2)), "", *_notes(project, groups, owner, bool(elsewhere))])


def folded(names: Sequence[str]) -> str:
    """Several names as one, in the shell's way: ``a-seed1`` and ``a-seed2`` as ``a-seed{1..2}``."""
    parts = [name.split("-") for name in names]
    if len({len(words) for words in parts}) == 1:
        columns = [list(dict.fromkeys(column)) for column in zip(*parts, strict=True)]
        if math.prod(map(len, columns)) == len(names):
            return "-".join(map(_braced, columns))
    return _braced(names)


def _braced(values: Sequence[str]) -> str:
    if len(values) == 1:
        return values[0]
    # A number stays whole: 1 and 10 have nothing in common.
    head = os.path.commonprefix(list(values)).rstrip("0123456789")
    rest = [value[len(head) :] for value in values]
    tail = os.path.commonprefix([value[::-1] for value in rest])[::-1].lstrip("0123456789")
    inner = [value[: len(value) - len(tail)] for value in rest]
    if all(value.isdecimal() for value in inner):
        first, last = int(inner[0]), int(inner[-1])
        if inner == [str(number) for number in range(first, last + 1)]:
            return f"{head}{{{first}..{last}}}{tail}"
    return f"{head}{{{','.join(inner)}}}{tail}"


def _groups(project: Project, kernels: Sequence[Kernel]) -> list[list[Kernel]]:
    """The kernels in the recipe's order, members of a family that need the same together."""
    groups: dict[tuple[str, ...], list[Kernel]] = {}
    for kernel in kernels:
        groups.setdefault((kernel.family, *_needs(project, kernel)), []).append(kernel)
    return list(groups.values())


def _needs(project: Project, kernel: Kernel) -> list[str]:
    """What a kernel attaches and runs on; of other kernels each family once."""
    needs: dict[str, list[str]] = {}
    for source in kernel.attached:
        name = source.kernel or source.slug
        family = project.kernels[source.kernel].family if source.kernel else name
        members = needs.setdefault(f"{source.kind}:{family}", [])
        members += [] if name in members else [name]
    lines = [f"{key.partition(':')[0]}:{folded(members)}" for key, members in needs.items()]
    lines += ["itself with --resume"] * bool(kernel.earlier)
    return lines + ["GPU"] * kernel.gpu + ["internet"] * kernel.internet


def _goes_by_name(project: Project, kernel: Kernel) -> bool:
    return kernel.slug == slug_of(f"{project.library} {kernel.name}")


def _notes(project: Project, groups: Iterable[Sequence[Kernel]], owner: str, some_elsewhere: bool) -> list[str]:
    """What holds for all rows, a line each."""
    library = slug_of(project.library)
    notes = [f"A kernel goes to {owner}/{library}-KERNEL{', unless it says otherwise' * some_elsewhere}."]
    if families := [group for group in groups if len(group) > 1]:
        name = folded([kernel.name for kernel in families[0]])
        notes.append(f"A family is built by its name (all of {name}: --target {families[0][0].family}).")
    return notes


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = _widths(rows)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _wrapped(rows: Sequence[tuple[str, ...]], column: int) -> list[tuple[str, ...]]:
    """The rows, and more below those whose list in a column is too long for one line."""
    others = sum(_widths(rows)) - _widths(rows)[column] + 2 * (len(rows[0]) - 1)
    room = max(WIDTH - others, _NARROWEST)
    wrapped = []
    for row in rows:
        lines = [""]
        for item in row[column].split(", "):
            if lines[-1] and len(f"{lines[-1]} {item},") > room:
                lines.append("")
            lines[-1] += f"{' ' if lines[-1] else ''}{item},"
        lines[-1] = lines[-1].removesuffix(",")
        blank = ("",) * len(row)
        for number, line in enumerate(lines):
            around = blank if number else row
            wrapped.append((*around[:column], line, *around[column + 1 :]))
    return wrapped


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
