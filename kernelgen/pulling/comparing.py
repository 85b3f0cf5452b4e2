"""Compares a notebook as it is on Kaggle with what was built and with the working tree."""

from __future__ import annotations

from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.pulling.base import Say, find_base
from kernelgen.pulling.cells import read_cells
from kernelgen.pulling.comparison import Comparison
from kernelgen.pulling.library import Fetched, compare_files
from kernelgen.pulling.origin import Origin, origin_of
from kernelgen.pulling.template_cells import compare_cells
from kernelgen.recipe.project import Kernel, Project

# Said where it may matter: what else can be told of a kernel that is built again stands in its commit.
SETTINGS = (
    "what --set gave when the kernel was pushed is not known here and shows as changed settings, unless the same "
    "--set is given again"
)


def compare_kernel(
    project: Project, kernel: Kernel, fetched: str, *, pushed: Path | None, out: Path, say: Say
) -> Comparison:
    """Finds what was edited on Kaggle since a kernel was built. Writes nothing.

    Args:
        fetched: the text of the notebook as Kaggle has it.
        pushed: the notebook that was pushed last, None if that is not known. It is the base if it names the
            same commit; else the base is what that commit builds.
        out: the folder of built kernels.
        say: is told what goes on, a line each.

    Raises:
        KernelgenError: what Kaggle has is no notebook, not this kernel's, or holds nothing of the library.
    """
    where = f"{kernel.slug} on Kaggle"
    cells = read_cells(fetched, where)
    origin = origin_of(cells)
    library = Fetched(cells)
    _check_kind(project, kernel, origin, library, where)
    base = find_base(project, kernel, origin, cells, library.written, pushed, say)
    if base.files and not library.written and not library.problems:
        raise KernelgenError(
            f"{where}: nothing of the library {project.library} is left in it; push the kernel again, or compare "
            "an earlier version"
        )
    files = compare_files(project, base, library)
    told = {change.file for change in files}
    template = origin.template if origin else kernel.template_name
    changed = []
    if base.cells is not None:
        changed = compare_cells(base.cells, cells, template, told, is_built=base.is_built)
    return Comparison(
        kernel=kernel.slug,
        base=base.name,
        files=tuple(files),
        cells=tuple(changed),
        problems=tuple(library.problems),
        notes=(*base.notes, *((SETTINGS,) if changed and base.is_rebuilt else ())),
        is_built=base.is_built,
        aside=Path(out) / kernel.name / "pulled",
    )


def _check_kind(project: Project, kernel: Kernel, origin: Origin | None, library: Fetched, where: str) -> None:
    if origin is None:
        if not library.written and not library.problems:
            raise KernelgenError(
                f"{where}: is no notebook of this project: it names no commit and holds no library; "
                "check the kernel's title and owner"
            )
    elif origin.kernel != kernel.name:
        raise KernelgenError(
            f"{where}: names the kernel {origin.kernel}, not {kernel.name}; give --target {origin.kernel}, or check "
            "the kernel's title"
        )
    elif origin.library != project.library:
        raise KernelgenError(
            f"{where}: was built from the library {origin.library}, this project's is {project.library}; "
            "check --project"
        )
