"""Writes what was edited on Kaggle into the working tree."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError
from kernelgen.pulling.base import Say
from kernelgen.pulling.comparison import Comparison, FileChange, State
from kernelgen.pulling.places import place_of
from kernelgen.recipe.project import Project


@dataclass(frozen=True)
class _Staged:
    change: FileChange
    path: Path
    temporary: Path


def apply(comparison: Comparison, project: Project, say: Say) -> bool:
    """Writes the library's files that were changed on Kaggle; whether all of them could be.

    Every file is checked before the first is written, and each is written whole or not at all. Nothing is deleted,
    nothing that was changed here is lost, nothing outside the library is touched. What cannot be written is put
    into OUT/NAME/pulled/, in conflicts with git's marks.

    Raises:
        KernelgenError: a file cannot be written.
    """
    ready: list[tuple[FileChange, Path]] = []
    refused: list[tuple[FileChange, str]] = []
    for change in comparison.files:
        if change.state in (State.HERE, State.REMOVED):
            continue
        if not comparison.is_built:
            refused.append((change, "the base is not known"))
        elif change.state is not State.WRITE:
            refused.append((change, "conflict" if change.state is State.CONFLICT else "it cannot be taken over"))
        elif problem := _problem(change, project):
            refused.append((change, problem))
        else:
            ready.append((change, place_of(project.root, project.library, PurePosixPath(change.file))))
    for staged in _replace(ready):
        say(f"wrote {staged.change.file}")
    for change, why in refused:
        say(f"error: {change.file}: not written: {why}{_put_aside(comparison, change)}")
    for problem in comparison.problems:
        say(f"error: {problem}")
    return not refused and not comparison.problems


def _problem(change: FileChange, project: Project) -> str:
    """Why a file may not be written now, though it could be when it was compared."""
    try:
        path = place_of(project.root, project.library, PurePosixPath(change.file))
        here = path.read_bytes() if path.exists() else None
    except KernelgenError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return "" if here == change.here else "it was changed since it was compared; pull again"


def _replace(ready: list[tuple[FileChange, Path]]) -> list[_Staged]:
    """All files under temporary names first, then renamed: what fails, fails before the first is changed."""
    staged: list[_Staged] = []
    folders: list[Path] = []
    done = 0
    path = Path()
    try:
        for change, path in ready:
            folders += _made(path.parent)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            staged.append(_Staged(change, path, Path(name)))
            with open(handle, "wb") as file:
                file.write(change.wanted or b"")
            os.chmod(name, path.stat().st_mode & 0o7777 if path.exists() else 0o644)
        for one in staged:
            path = one.path
            os.replace(one.temporary, path)
            done += 1
    except BaseException as error:
        for one in staged[done:]:
            one.temporary.unlink(missing_ok=True)
        for folder in reversed(folders):
            try:
                folder.rmdir()
            except OSError:  # something was written there
                continue
        if not isinstance(error, OSError):
            raise
        written = ", ".join(one.change.file for one in staged[:done]) or "nothing"
        raise KernelgenError(f"{path}: cannot be written: {error.strerror}; written: {written}") from None
    return staged


def _made(folder: Path) -> list[Path]:
    """Makes a folder and those above it; returns the new ones, the outermost first."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir()
    return missing[::-1]


def _put_aside(comparison: Comparison, change: FileChange) -> str:
    if change.aside is None:
        return ""
    path = comparison.aside / change.file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(change.aside)
        os.replace(part, path)
    except (OSError, ValueError) as error:
        return f"; it could not be put aside either ({getattr(error, 'strerror', None) or error})"
    return f"; see {os.path.relpath(path)}"
