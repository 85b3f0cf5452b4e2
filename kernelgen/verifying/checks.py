"""All checks on one built kernel that need no run."""

import ast
import re

import nbformat

from kernelgen.built import BuiltKernel
from kernelgen.errors import KernelgenError
from kernelgen.inlining.source import ParsedSource, source_of_cells, source_of_module
from kernelgen.kaggle_image import kaggle_image
from kernelgen.nodes import notebook_text
from kernelgen.recipe.project import Project
from kernelgen.verifying.leaks import leak_problems
from kernelgen.verifying.library_place import first_use
from kernelgen.verifying.names import name_problems

_LARGEST = 900_000  # Kaggle refuses a megabyte; what the client sends must stay well below
# Where only the declared sources may lead; in a kernel's working folder `../input` is the same place.
_MOUNT = re.compile(r"(?:^|[^\w.-])/*kaggle/+input(?![\w-])|^(?:\./)*\.\./+input(?:/|$)")


def verify(project: Project, built: BuiltKernel) -> None:
    """Raise one KernelgenError with a line for everything that is wrong with ``built``."""
    where = f"kernel {built.kernel.name}"
    cells = source_of_cells(built.code)
    modules = [source_of_module(module) for module in built.closure.modules]
    problems = []
    try:
        nbformat.validate(built.notebook)
    except nbformat.ValidationError as error:
        problems.append(f"{where}: not a valid notebook: {str(error).splitlines()[0]}")
    problems += _place_problems(project, built)
    problems += name_problems([cells, *modules])
    problems += _package_problems(project, built)
    for source in (cells, *modules):
        if source.name != project.mounts:
            problems += _mount_problems(source)
    problems += leak_problems(project, built)
    size = len(notebook_text(built.notebook))  # which is ASCII
    if size >= _LARGEST:
        what = f"{size / 1000:.0f} kB as Kaggle's client sends it, {_LARGEST / 1000:.0f} kB are allowed"
        problems.append(f"{where}: {what}; import less of the library, or ship data as a dataset")
    if problems:
        raise KernelgenError("\n".join(dict.fromkeys(problems)))


def _place_problems(project: Project, built: BuiltKernel) -> list[str]:
    use = first_use(project.library_files, built.code)
    place = next((cell.line for cell in built.cells if cell.is_library), None)
    if use is None or place is None or place < use:
        return []
    what = f"needs {project.library} above {{{{ library() }}}} (line {place}), where it is not yet there"
    return [f"{built.kernel.template_name}:{use}: {what}; move {{{{ library() }}}} above this cell"]


def _mount_problems(source: ParsedSource) -> list[str]:
    """A line for each string that is no docstring, and each of IPython's own lines, that names /kaggle/input."""
    strings = []
    for node, parent in source.parents.items():
        # A string that is a statement of its own documents something: a module, a function, an attribute.
        if isinstance(node, ast.Constant) and not isinstance(parent, ast.Expr):
            value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            if isinstance(value, str):
                strings.append((node.lineno, value))
    lines = {line for line, text in [*strings, *source.magics] if _MOUNT.search(text)}
    return [
        f"{source.where(line)}: writes the path of a mounted source; declare the source in kernels.toml and use "
        "{{ sources.NAME | literal }}"
        for line in sorted(lines)
    ]


def _package_problems(project: Project, built: BuiltKernel) -> list[str]:
    """A line for each import of a package that neither the image nor an attached wheel dataset holds."""
    image = kaggle_image()
    held = set(image.packages)
    for attached in built.kernel.attached:
        if attached.kind == "dataset" and attached.slug in project.datasets:
            held |= set(project.datasets[attached.slug].provides)
    missing = [one for one in built.closure.third_party if not one.guarded and one.root not in held]
    return [
        f"{package.where}: imports {package.root}, which Kaggle's image of {image.date} does not hold; "
        "attach a wheel dataset that provides it, or guard the import by try/except ImportError"
        for package in missing
    ]
