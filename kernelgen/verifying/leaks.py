"""What must not leave this machine in a kernel: secrets, paths of the machine, the owner's name."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kernelgen.built import BuiltKernel
from kernelgen.recipe.project import RECIPE, Project
from kernelgen.secrets.own_secrets import known_secrets
from kernelgen.secrets.patterns import is_secret_file, secrets_in

# Home folders of whichever machine, but for the names that stand for any user's.
_ANYBODY = r"(?!(?:user|username|you|yourname|me|name|jovyan|runner)[/\\\\])"
_HOMES = (
    rf"(?<![\w.-])(?:/home/{_ANYBODY}[A-Za-z0-9._-]+/|/Users/{_ANYBODY}[A-Za-z0-9._-]+/"
    rf"|[A-Za-z]:\\+Users\\+{_ANYBODY}[^\\\s]+)"
)


def leak_problems(project: Project, built: BuiltKernel) -> list[str]:
    """A line for each thing in a kernel's notebook or metadata that must not leave this machine."""
    secrets, paths, owner = known_secrets(), _paths(project.root), _owner(project, built)
    problems = [
        f"{shipped.file}: is a file that holds secrets, by its name; take it out of `files`"
        for shipped in built.closure.files
        if is_secret_file(str(shipped.file))
    ]
    for where, first_line, text in _texts(built):
        leaks = [
            (line, f"holds {kind}; remove it, and revoke it if it was shared")
            for line, kind in secrets_in(text, secrets)
        ]
        leaks += [(line, "holds a path of this machine; remove it") for line in _lines(text, paths)]
        if not where.startswith(RECIPE):
            what = f"names the owner {project.owner}; remove it, the metadata alone states the owner"
            leaks += [(line, what) for line in _lines(text, owner)]
        for line, what in leaks:
            problems.append(f"{where}:{first_line + line - 1}: {what}" if first_line else f"{where}: {what}")
    return problems


def _texts(built: BuiltKernel) -> Iterator[tuple[str, int, str]]:
    """Every text that leaves the machine: its file and its first line there; or what it is, and 0."""
    template = built.kernel.template_name
    for cell in built.cells:
        yield template, cell.line, cell.text
        if cell.kind != "code" and cell.source != cell.text:
            # Values of several lines, which `text` has on one.
            yield f"{template}:{cell.line}", 0, cell.source
        if cell.metadata:
            yield f"{template}:{cell.line}: the cell's metadata", 0, json.dumps(cell.metadata, ensure_ascii=False)
    for module in built.closure.modules:
        yield str(module.file), 1, module.text
    for file in built.closure.files:
        yield str(file.file), 1, file.data.decode("utf-8", "replace")
    yield f"kernel {built.kernel.name}: the notebook's metadata", 0, json.dumps(built.notebook.metadata)
    for key, value in built.metadata.items():
        for text in value if isinstance(value, list) else [str(value)]:
            yield f"{RECIPE}: [kernels.{built.kernel.name}] {key}", 0, text


def _paths(root: Path) -> re.Pattern[str]:
    """Return what finds paths of this machine: the project's folder, the home folder, a temporary folder of its own."""
    places = {str(root), str(root.resolve()), os.path.expanduser("~"), tempfile.gettempdir()}
    # What any machine has, Kaggle's included, tells nothing.
    places -= {"/", "/root", "/tmp", "/var/tmp", "/usr/tmp", "/home", "/kaggle", "/kaggle/working", "~", ""}
    own = "|".join(map(re.escape, sorted(places)))
    return re.compile(rf"(?<![\w.-])(?:{own})(?![\w-])|{_HOMES}" if own else _HOMES)


def _owner(project: Project, built: BuiltKernel) -> re.Pattern[str]:
    """Return what finds the owner's name: before a slug, and as a word where it can be no other word."""
    owner, kernel = project.owner, built.kernel
    if not owner or owner.lower() == "kaggle":
        return re.compile("(?!)")  # /kaggle/working is everywhere
    name = re.escape(owner)
    forms = [rf"(?<![\w./-]){name}/(?=[\w-])", rf"kaggle\.com/(?:code/|datasets/|models/)?{name}\b"]
    # Words that stand in the notebook for other reasons.
    others = [project.library, kernel.name, kernel.slug, *kernel.settings, *(source.slug for source in kernel.attached)]
    if len(owner) >= 5 and owner.lower() not in " ".join(others).lower():
        forms.append(rf"(?<![\w-]){name}(?![\w-])")
    return re.compile("|".join(forms))


@lru_cache(maxsize=4096)  # kernels share most of their texts, those of the library
def _lines(text: str, pattern: re.Pattern[str]) -> list[int]:
    """The lines of ``text`` (from 1) on which something is found."""
    return sorted({text.count("\n", 0, match.start()) + 1 for match in pattern.finditer(text)})
