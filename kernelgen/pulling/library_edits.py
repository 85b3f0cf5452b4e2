"""The library's files that were edited on Kaggle, as bytes for the repository."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import BOM

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n)")


def as_it_was(data: bytes, before: bytes) -> bytes:
    """Return a file as an editor left it, with all that the editor cannot know as it was before.

    Editors change line ends and drop the last newline, and with a cell's metadata goes what it says of a BOM and of a
    missing final newline. So these are no edits: a file that differs in nothing else is what it was before.
    """
    try:
        new, old = (file.removeprefix(BOM).decode("utf-8") for file in (data, before))
    except UnicodeDecodeError:  # no text; its cell says every byte
        return data
    text, old_text = _lines(new).rstrip("\n"), _lines(old).rstrip("\n")
    if text == old_text:
        return before
    end = "\n" if text else ""
    if old_text and text.rpartition("\n")[2] == old_text.rpartition("\n")[2]:
        end = _lines(old)[len(old_text) :]
    ends = _LINE.findall(old)
    if any(line_end != "\n" for _, line_end in ends):
        commonest = Counter(line_end for _, line_end in ends).most_common(1)[0][0]
        as_before = dict(ends)
        *whole, last = (text + end).split("\n")
        text, end = "".join(line + as_before.get(line, commonest) for line in whole) + last, ""
    return (BOM if before.startswith(BOM) else b"") + (text + end).encode("utf-8")


def safe_place(root: Path, library: str, file: PurePosixPath) -> Path:
    """Return the path of a library's file below ``root``, which a link may lead elsewhere within the library.

    Raises:
        KernelgenError: the file would lie outside the library, be hidden, or take the place of a folder.
    """
    is_whole = str(file) == f"{library}.py"
    top = root if is_whole else root / library
    try:
        path = Path(root, file).resolve()
        fits = path.is_relative_to(top.resolve()) and top.resolve().is_relative_to(root.resolve())
        fits = fits and (is_whole or (file.parts[0] == library and len(file.parts) > 1)) and not path.is_dir()
        fits = fits and next(folder for folder in path.parents if folder.exists()).is_dir()
    except (OSError, RuntimeError, ValueError):  # links in a circle, or no name for a file
        fits = False
    if not fits or not str(file).isprintable() or any(part.startswith(".") for part in file.parts):
        raise KernelgenError(
            f"{ascii(str(file))[1:-1]}: a cell on Kaggle writes it, but no file of the library {library} can lie "
            "there; correct the first line of that cell, and pull again"
        )
    return path


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
