"""The library's files that were edited on Kaggle, as bytes for the repository."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import BOM


def as_it_was(data: bytes, before: bytes) -> bytes:
    """Return a file as an editor left it, with all that the editor cannot know as it was before.

    Editors change line ends and drop the last newline, and with a cell's metadata goes what it says of a BOM and of a
    missing final newline. So these are no edits: a file that differs in nothing else is what it was before.
    """
    try:
        new, old = (file.removeprefix(BOM).decode("utf-8") for file in (data, before))
    except UnicodeDecodeError:  # no text; its cell says every byte
        return data
    text, old_text = unix_lines(new).rstrip("\n"), unix_lines(old).rstrip("\n")
    if text == old_text:
        return before
    if text:
        text += unix_lines(old)[len(old_text) :] if old_text else "\n"
    ends = Counter(re.findall("\r\n|\r|\n", old) or ["\n"])
    text = text.replace("\n", ends.most_common(1)[0][0])
    return (BOM if before.startswith(BOM) else b"") + text.encode("utf-8")


def safe_place(root: Path, library: str, file: PurePosixPath) -> Path:
    """Return the path of a library's file below ``root``, which a link may lead elsewhere within the library.

    Raises:
        KernelgenError: the file would lie outside the library, be hidden, or take the place of a folder.
    """
    fits = str(file) == f"{library}.py" or (file.parts[0] == library and len(file.parts) > 1)
    fits = fits and str(file).isprintable() and not any(part.startswith(".") for part in file.parts)
    try:
        path, top = Path(root, file).resolve(), Path(root, file.parts[0]).resolve()
        fits = fits and path.is_relative_to(top) and top.is_relative_to(root.resolve()) and not path.is_dir()
        fits = fits and next(folder for folder in path.parents if folder.exists()).is_dir()
    except (OSError, RuntimeError, ValueError):  # links in a circle, or no name for a file
        fits = False
    if not fits:
        what = f"a cell on Kaggle writes it, but no file of the library {library} can lie there"
        raise KernelgenError(f"{ascii(str(file))[1:-1]}: {what}; correct the first line of that cell, and pull again")
    return path


def unix_lines(text: str) -> str:
    """Return ``text`` with ``\\n`` for all line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
