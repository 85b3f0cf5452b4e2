"""Takes the library back out of a notebook, as files."""

import ast
import base64
import re
from pathlib import PurePosixPath

from nbformat import NotebookNode

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import BOM
from kernelgen.inlining.magic import LIBRARY_NAME
from kernelgen.inlining.syntax import tree_of

# IPython drops empty lines above a magic, so they are no part of what a cell writes.
_MAGIC = re.compile(
    rf"""(?:[ \t]*\r?\n)*%%writefile[ \t]+["']?\{{{LIBRARY_NAME}\}}/(?P<file>[^"'\r\n]+?)["']?[ \t]*(?:\r\n|\r|\n|\Z)"""
)


def take_library(notebook: NotebookNode) -> dict[PurePosixPath, bytes]:
    """The files that a notebook's library cells write, byte for byte as they were when it was built.

    An edit that was made in a cell since then is in the bytes. Cells are known by their text; what the text cannot
    say (a BOM, a missing final newline) stands in their metadata. {} if there is no library in the notebook.

    Raises KernelgenError where a cell names a file outside the library's folder, or text that cannot be encoded.
    """
    files: dict[PurePosixPath, bytes] = {}
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and LIBRARY_NAME in cell.source:
            magic = _MAGIC.match(cell.source)
            found = [(magic["file"], _from_magic(cell, magic, number))] if magic else _from_code(cell.source, number)
            files |= {_inside(file, number): data for file, data in found}
    return files


def _from_magic(cell: NotebookNode, magic: re.Match[str], number: int) -> bytes:
    notes = cell.metadata.get("kernelgen") or {}
    body: str = cell.source[magic.end() :]
    if not body.endswith("\n") and notes.get("final_newline", True):
        body += "\n"
    try:
        return (BOM if notes.get("bom") else b"") + body.encode("utf-8")
    except UnicodeEncodeError:
        raise KernelgenError(f"cell {number}: {magic['file']} holds half a character; type it again") from None


def _from_code(source: str, number: int) -> list[tuple[str, bytes]]:
    """Files that an ordinary cell makes: `….touch()` for a list of empty ones, `Path(…).write_bytes(…)`."""
    try:
        nodes = list(ast.walk(tree_of(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[tuple[str, bytes]] = []
    for node in nodes:
        match node:
            case ast.For(iter=ast.List(elts=items), body=[ast.Expr(value=ast.Call(func=ast.Attribute(attr="touch")))]):
                found += [(str(item.value), b"") for item in items if isinstance(item, ast.Constant)]
            case ast.Call(
                func=ast.Attribute(value=ast.Call(args=[ast.Name(id=name), file]), attr="write_bytes"),
                args=[ast.Call(func=ast.Attribute(value=text, attr=how), args=[argument])],
            ) if name == LIBRARY_NAME:
                try:
                    value = ast.literal_eval(argument)
                    data = ast.literal_eval(text).encode(value) if how == "encode" else base64.b64decode(value)
                    found.append((str(ast.literal_eval(file)), data))
                except (ValueError, LookupError) as error:
                    where = ast.unparse(file).strip("'")
                    raise KernelgenError(f"cell {number}: what it writes to {where} is damaged: {error}") from None
    return found


def _inside(file: str, number: int) -> PurePosixPath:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise KernelgenError(
            f"cell {number}: writes {file!r}, which is not inside the library's folder; correct the cell's first line"
        )
    return path
