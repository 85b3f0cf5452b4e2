"""All checks on one built kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelgen.errors import KernelgenError
from kernelgen.verifying.image import third_party_problems
from kernelgen.verifying.leaks import leak_problems
from kernelgen.verifying.library_place import place_problems
from kernelgen.verifying.modules import CellFacts, cell_facts, module_facts, template_names
from kernelgen.verifying.mounts import WAY_OUT, names_mount
from kernelgen.verifying.names import IN_CELLS, injections
from kernelgen.verifying.notebook import LARGEST, form_problems, sent_size

if TYPE_CHECKING:
    from kernelgen.built import BuiltKernel
    from kernelgen.recipe.project import Project
    from kernelgen.rendering.template_cell import TemplateCell


def verify(project: Project, built: BuiltKernel) -> None:
    """Raises one KernelgenError with a line for everything that is wrong with ``built``."""
    where = f"kernel {built.kernel.name}"
    problems = [f"{where}: {problem}" for problem in form_problems(built.notebook)]
    problems += place_problems(built.cells, project.library, built.kernel.template_name)
    problems += _name_problems(built)
    problems += third_party_problems(built.closure, _provided(project, built), _answered_for(built))
    problems += _mount_problems(project, built)
    problems += leak_problems(project, built)
    size = sent_size(built.notebook)
    if size >= LARGEST:
        problems.append(
            f"{where}: {size / 1000:.0f} kB as Kaggle's client sends it, "
            f"{LARGEST / 1000:.0f} kB are allowed; import less of the library, or ship data as a dataset"
        )
    if problems:
        raise KernelgenError("\n".join(dict.fromkeys(problems)))


def _provided(project: Project, built: BuiltKernel) -> set[str]:
    names: set[str] = set()
    for source in built.kernel.attached:
        if source.kind == "dataset" and source.slug in project.datasets:
            names |= set(project.datasets[source.slug].provides)
    return names


def _code_cells(built: BuiltKernel) -> list[TemplateCell]:
    return [cell for cell in built.cells if cell.kind == "code" and not cell.is_library]


def _facts_of(built: BuiltKernel, cell: TemplateCell) -> CellFacts:
    return cell_facts(cell.python, cell.line, built.kernel.template_name)


def _answered_for(built: BuiltKernel) -> set[str]:
    places = {f"{module.file}:{line}" for module in built.closure.modules for line in module_facts(module).answered}
    for cell in _code_cells(built):
        places |= {f"{built.kernel.template_name}:{line}" for line in _facts_of(built, cell).answered}
    return places


def _name_problems(built: BuiltKernel) -> list[str]:
    where = built.kernel.template_name
    cells = _code_cells(built)
    facts = {module: module_facts(module) for module in built.closure.modules}
    injected = [injections(*(_facts_of(built, cell).tree for cell in cells))]
    injected += [found.injected for found in facts.values()]
    if any(part.anything for part in injected):
        return []
    names = frozenset().union(*(part.names for part in injected))
    problems = []
    if not any(cell.injects for cell in cells):
        known = frozenset(IN_CELLS | names)
        for line, name in template_names(tuple((cell.python, cell.line) for cell in cells), where, known):
            problems.append(f"{where}:{line}: undefined name {name}; define or import it")
    for module, found in facts.items():
        for line, name in found.undefined:
            if name in names:
                continue
            problems.append(f"{module.file}:{line}: undefined name {name}; define or import it")
    return problems


def _mount_problems(project: Project, built: BuiltKernel) -> list[str]:
    where = built.kernel.template_name
    places = []
    for cell in _code_cells(built):
        lines = set(_facts_of(built, cell).mounts)
        # Magics are comments in what is parsed as Python.
        if cell.text != cell.python:
            pairs = zip(cell.text.split("\n"), cell.python.split("\n"), strict=True)
            for number, (text, python) in enumerate(pairs, cell.line):
                if text != python and names_mount(text):
                    lines.add(number)
        places += [f"{where}:{line}" for line in sorted(lines)]
    for module in built.closure.modules:
        if module.name != project.mounts:
            places += [f"{module.file}:{line}" for line in module_facts(module).mounts]
    return [f"{place}: writes the path of a mounted source; {WAY_OUT}" for place in places]
