"""Where a file of the library may be written."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError
from kernelgen.pulling.diffs import visible


def place_of(root: Path, library: str, file: PurePosixPath) -> Path:
    """The path, free of links, that a file of the library has in the working tree.

    Raises:
        KernelgenError: it would lie outside the library, or outside the project through a link, or it is no file.
    """
    shown = visible(str(file))
    is_whole = str(file) == f"{library}.py"
    if not is_whole and (file.parts[0] != library or len(file.parts) < 2):
        raise KernelgenError(f"{shown}: lies outside the library {library}/, where --apply writes nothing")
    if not str(file).isprintable():
        raise KernelgenError(f"{shown}: is no name for a file")
    top = root.resolve()
    allowed = top if is_whole else (root / library).resolve()
    try:
        path = Path(root, file).resolve()
    except (OSError, RuntimeError):  # links in a circle
        raise KernelgenError(f"{shown}: cannot be reached through its links; mend them") from None
    if not (allowed.is_relative_to(top) and path.is_relative_to(allowed)):
        raise KernelgenError(f"{shown}: a link leads out of the library, where --apply writes nothing")
    if path.exists() and not path.is_file():
        raise KernelgenError(f"{shown}: is a folder here, on Kaggle a file; move one of them")
    above = next(folder for folder in path.parents if folder.exists())
    if not above.is_dir():
        raise KernelgenError(f"{shown}: {above.name} is a file here, on Kaggle a folder; move one of them")
    return path


def is_new_name(file: PurePosixPath) -> bool:
    """Whether a new file may have such a name: nothing hidden, as `.git` is."""
    return not any(part.startswith(".") for part in file.parts)
