"""The table of `--list`: every kernel and dataset, what it needs, where it goes."""

from __future__ import annotations

from collections.abc import Sequence

from kernelgen.recipe.project import Project


def listing(project: Project) -> str:
    """The whole table as text."""
    owner = project.owner_or_placeholder
    rows = [("kernel", "template", "needs", "goes to")]
    for kernel in project.kernels.values():
        hardware = ["GPU"] if kernel.gpu else []
        hardware += ["internet"] if kernel.internet else []
        needs = [f"{source.kind}:{source.kernel or source.slug}" for source in kernel.attached]
        needs = list(dict.fromkeys(needs)) + ["itself with --resume"] * bool(kernel.earlier)
        rows.append(
            (
                kernel.name,
                kernel.template.name.removesuffix(".py.j2"),
                ", ".join([*needs, *hardware]) or "-",
                f"{owner}/{kernel.slug}",
            )
        )
    blocks = [_table(rows)]
    if project.datasets:
        rows = [("dataset", "title", "licence", "goes to")]
        for dataset in project.datasets.values():
            rows.append((dataset.name, dataset.title, dataset.table.license, f"{owner}/{dataset.slug}"))
        blocks.append(_table(rows))
    return "\n\n".join(blocks)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
