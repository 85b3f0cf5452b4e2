"""Takes the library back out of a notebook, as files."""

import ast
import base64
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import BOM
from kernelgen.inlining.magic import LIBRARY_NAME
from kernelgen.inlining.syntax import tree_of

# IPython drops empty lines above a magic, so they are no part of what a cell writes.
_MAGIC = re.compile(
    rf"""(?:[ \t]*\r?\n)*%%writefile[ \t]+["']?\{{{LIBRARY_NAME}\}}/(?P<file>[^"'\r\n]+?)["']?[ \t]*(?:\r\n|\r|\n|\Z)"""
)


@dataclass(frozen=True)
class WrittenFile:
    """A file that a library cell writes.

    data: its bytes. body: what stands below the line of `%%writefile`; None where ordinary code writes the file.
    is_touched: whether the cell only makes an empty file, which another cell may fill.
    """

    file: PurePosixPath
    data: bytes
    body: str | None = None
    is_touched: bool = False


def take_library(notebook: NotebookNode) -> dict[PurePosixPath, bytes]:
    """The files that a notebook's library cells write, byte for byte as they were when it was built.

    An edit that was made in a cell since then is in the bytes. Cells are known by their text; what the text cannot
    say (a BOM, a missing final newline) stands in their metadata. {} if there is no library in the notebook.

    Raises KernelgenError where a cell names a file outside the library's folder, or text that cannot be encoded.
    """
    cells = enumerate(notebook.cells, start=1)
    return {written.file: written.data for number, cell in cells for written in files_of_cell(cell, number)}


def files_of_cell(cell: NotebookNode, number: int) -> list[WrittenFile]:
    """The library's files that one cell writes, in its order; [] if it is none of the library's.

    Raises KernelgenError, which names the cell by its `number`, as `take_library` does.
    """
    if cell.cell_type != "code":
        return []
    magic = _MAGIC.match(cell.source)
    if magic:
        file, body = _inside(magic["file"], number), cell.source[magic.end() :]
        try:
            return [WrittenFile(file, _from_magic(cell, body), body)]
        except UnicodeEncodeError as error:
            raise KernelgenError(
                f"cell {number}: {file} holds half a character ({error.object[error.start]!a}), which no file can "
                "hold; type it again"
            ) from None
    if LIBRARY_NAME not in cell.source:
        return []
    found = _from_code(cell.source, number)
    return [WrittenFile(_inside(file, number), data, is_touched=touched) for file, data, touched in found]


def write_library(notebook_path: Path, folder: Path) -> list[Path]:
    """Writes a notebook's library into `folder`, each file whole or not at all; returns their paths, sorted.

    Raises KernelgenError where the notebook cannot be read or holds no library.
    """
    try:
        notebook = nbformat.read(notebook_path, as_version=4)
    except Exception as error:  # nbformat has many ways to say that a file is no notebook
        reason = error.strerror if isinstance(error, OSError) else "is no notebook"
        raise KernelgenError(f"{notebook_path}: {reason}; give the path of a built notebook") from None
    files = take_library(notebook)
    if not files:
        raise KernelgenError(f"{notebook_path}: holds no library cells; give a notebook that was built with a library")
    written = []
    for file, data in sorted(files.items()):
        path = Path(folder, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".library-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        written.append(path)
    return written


def _from_magic(cell: NotebookNode, body: str) -> bytes:
    notes = cell.metadata.get("kernelgen")
    notes = notes if isinstance(notes, dict) else {}
    if not body.endswith("\n") and notes.get("final_newline", True):
        body += "\n"
    return (BOM if notes.get("bom") else b"") + body.encode("utf-8")


def _from_code(source: str, number: int) -> list[tuple[str, bytes, bool]]:
    """Files that an ordinary cell makes: `….write_bytes(…)` at its top, `….touch()` for a list of empty ones."""
    try:
        tree = tree_of(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [(file, b"", True) for node in ast.walk(tree) for file in _touched(node)]
    for statement in tree.body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=path, attr="write_bytes"), args=[content])):
                file = _library_path(path)
                try:
                    data = _data(content)
                except (ValueError, LookupError) as error:
                    raise KernelgenError(f"cell {number}: what it writes to {file} is damaged: {error}") from None
                if file is not None and data is not None:
                    found.append((file, data, False))
    return found


def _touched(node: ast.AST) -> list[str]:
    match node:
        case ast.For(iter=ast.List(elts=items), body=[ast.Expr(value=ast.Call(func=ast.Attribute(attr="touch")))]):
            return [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return []


def _library_path(node: ast.expr) -> str | None:
    match node:
        case ast.Call(func=ast.Attribute(attr="Path"), args=[ast.Name(id=name), ast.Constant(value=str(file))]):
            return file if name == LIBRARY_NAME else None
    return None


def _data(node: ast.expr) -> bytes | None:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(text)), attr="encode"),
            args=[ast.Constant(value=str(encoding))],
        ):
            return text.encode(encoding)
        case ast.Call(func=ast.Attribute(attr="b64decode"), args=[ast.Constant(value=str(text))]):
            return base64.b64decode(text)
    return None


def _inside(file: str, number: int) -> PurePosixPath:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise KernelgenError(
            f"cell {number}: writes {file!r}, which is not inside the library's folder; correct the cell's first line"
        )
    return path
