"""What must not leave this machine in a kernel: secrets, paths of the machine, the owner's name."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelgen.recipe.project import RECIPE
from kernelgen.secrets.own_secrets import known_secrets
from kernelgen.secrets.patterns import is_secret_file, secrets_in

if TYPE_CHECKING:
    from kernelgen.built import BuiltKernel
    from kernelgen.recipe.project import Kernel, Project

# Home folders of whichever machine, but for the names that stand for any user's.
_ANYBODY = r"(?!(?:user|username|you|yourname|me|name|jovyan|runner)[/\\\\])"
_HOMES = (
    rf"(?<![\w.-])(?:/home/{_ANYBODY}[A-Za-z0-9._-]+/|/Users/{_ANYBODY}[A-Za-z0-9._-]+/"
    rf"|[A-Za-z]:\\+Users\\+{_ANYBODY}[^\\\s]+)"
)


@dataclass(frozen=True)
class _Text:
    """A text that leaves the machine. where: its file or what it is. line: that of its first line, None for no file."""

    text: str
    where: str
    line: int | None = None
    may_name_owner: bool = False

    def place(self, line: int) -> str:
        return self.where if self.line is None else f"{self.where}:{self.line + line - 1}"


def leak_problems(project: Project, built: BuiltKernel) -> list[str]:
    """A line for each thing in a kernel's notebook or metadata that must not leave this machine."""
    paths, secrets, owner = _paths(project.root), known_secrets(), _owner(project, built.kernel)
    problems = [
        f"{shipped.file}: is a file that holds secrets, by its name; take it out of `files`"
        for shipped in built.closure.files
        if is_secret_file(str(shipped.file))
    ]
    for text in _texts(built):
        for line, kind in secrets_in(text.text, secrets):
            problems.append(f"{text.place(line)}: holds {kind}; remove it, and revoke it if it was shared")
        for line in _lines(text.text, paths):
            problems.append(f"{text.place(line)}: holds a path of this machine; remove it")
        for line in _lines(text.text, owner) if owner and not text.may_name_owner else ():
            problems.append(
                f"{text.place(line)}: names the owner {project.owner}; remove it, the metadata alone states the owner"
            )
    return problems


def _texts(built: BuiltKernel) -> Iterator[_Text]:
    template = built.kernel.template_name
    for cell in built.cells:
        yield _Text(cell.text, template, cell.line)
        if cell.kind != "code" and cell.source != cell.text:
            # Values of several lines, which `text` has on one.
            yield _Text(cell.source, f"{template}:{cell.line}")
        if cell.metadata:
            yield _Text(json.dumps(cell.metadata, ensure_ascii=False), f"{template}:{cell.line}: the cell's metadata")
    for module in built.closure.modules:
        yield _Text(module.text, str(module.file), 1)
    for file in built.closure.files:
        yield _Text(file.data.decode("utf-8", "replace"), str(file.file), 1)
    yield _Text(json.dumps(built.notebook.metadata), f"kernel {built.kernel.name}: the notebook's metadata")
    for key, value in built.metadata.items():
        for text in _strings(value):
            yield _Text(text, f"{RECIPE}: [kernels.{built.kernel.name}] {key}", may_name_owner=True)


def _strings(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield item


def _paths(root: Path) -> re.Pattern[str]:
    """Finds paths of this machine: the project's folder, the home folder, a temporary folder of its own."""
    places = {str(root), str(root.resolve()), os.path.expanduser("~"), tempfile.gettempdir()}
    # What any machine has, Kaggle's included, tells nothing.
    ordinary = {"/", "/root", "/tmp", "/var/tmp", "/usr/tmp", "/home", "/kaggle", "/kaggle/working", "~"}
    own = sorted(place for place in places - ordinary if len(place) > 1)
    return re.compile("|".join([rf"(?<![\w.-])(?:{'|'.join(map(re.escape, own))})(?![\w-])"] * bool(own) + [_HOMES]))


def _owner(project: Project, kernel: Kernel) -> re.Pattern[str] | None:
    """Finds the owner's name: before a slug, and as a word where it can be no other word."""
    owner = project.owner
    if not owner or owner.lower() == "kaggle":
        return None  # /kaggle/working is everywhere
    # Words that stand in the notebook for other reasons.
    words = {project.library, kernel.name, *kernel.name.split("-"), *kernel.slug.split("-"), *kernel.settings}
    words |= {word for source in kernel.attached for word in (source.slug, *source.slug.split("-"))}
    name = re.escape(owner)
    forms = [rf"(?<![\w./-]){name}/(?=[\w-])", rf"kaggle\.com/(?:code/|datasets/|models/)?{name}\b"]
    if len(owner) >= 5 and owner.lower() not in {word.lower() for word in words}:
        forms.append(rf"(?<![\w-]){name}(?![\w-])")
    return re.compile("|".join(forms))


@lru_cache(maxsize=4096)  # kernels share most of their cells, those of the library
def _lines(text: str, pattern: re.Pattern[str]) -> Collection[int]:
    """The lines of ``text`` (from 1) on which something is found."""
    return sorted({text.count("\n", 0, match.start()) + 1 for match in pattern.finditer(text)})
