"""Notebook cells that write the library's files.

Every module is one `%%writefile` cell, verbatim. Where the magic could not carry a file, an ordinary cell writes its
bytes.
"""

import ast
import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from nbformat import NotebookNode

from kernelgen.inlining.closure import Closure
from kernelgen.inlining.data_files import ShippedFile
from kernelgen.inlining.library import BOM, Library, Module
from kernelgen.inlining.magic import LIBRARY_NAME, PLAIN_NAME, body_for_magic
from kernelgen.inlining.syntax import tree_of
from kernelgen.nodes import cell

_HIDDEN = {"_kg_hide-input": True, "jupyter": {"source_hidden": True}}
_ID_LENGTH = 64
_ROW_LENGTH = 99
# Python would not see files that came into a folder after it had looked there.
_READY = '__import__("importlib").invalidate_caches()'


def library_cells(library: Library, closure: Closure) -> list[NotebookNode]:
    """The cells that make the closure's files and let Python find them; [] when there is nothing to make."""
    if not (closure.modules or closure.files or closure.folders):
        return []
    cells = [
        cell("markdown", "library--heading", "## The library"),
        cell("code", "library--setup", _set_up(library, closure)),
    ]
    about: list[tuple[str, str, Module | ShippedFile]]
    about = [(module.name, _heading(module), module) for module in closure.modules]
    words = "### `{}`\nA data file that the library reads ({} bytes)."
    about += [(str(held.file), words.format(held.file, len(held.data)), held) for held in closure.files]
    for name, heading, held in about:
        if held.data:
            cells.append(cell("markdown", f"about-{_identity(name)}", heading))
            cells.append(_file_cell(_identity(name), held.file, held.data, is_source=isinstance(held, Module)))
    return [*cells, cell("code", "library--ready", _READY)]


def without_library() -> NotebookNode:
    """The cell in the place of the library where code needs nothing of it: a kernel's own arguments are dropped."""
    return cell("code", "library--setup", '__import__("sys").argv[1:] = []')


def _set_up(library: Library, closure: Closure) -> str:
    above = {parent for folder in closure.folders for parent in folder.parents}
    folders = [folder for folder in closure.folders if folder not in above]
    empty = [module.file for module in closure.modules if not module.data]
    empty += [shipped.file for shipped in closure.files if not shipped.data]
    lines = [
        "# The library's files go into a folder of their own, not into this kernel's output.",
        f"def {LIBRARY_NAME}():",
        "    import os",
        "    import sys",
        "    import tempfile",
        "    from pathlib import Path",
        "",
        f'    library = tempfile.mkdtemp(prefix="{library.name}-")',
        *_for_each("folder", folders, "mkdir(parents=True)"),
        *_for_each("empty", empty, "touch()"),
        "    sys.path.insert(0, library)",
        "    # Python processes that are started from here find the library too.",
        '    paths = [library, os.environ.get("PYTHONPATH")]',
        '    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)',
        "    # The kernel's own arguments are none of the library's.",
        "    sys.argv[1:] = []",
        "    return library",
        "",
        "",
        f"{LIBRARY_NAME} = {LIBRARY_NAME}()",
    ]
    return "\n".join(lines)


def _for_each(name: str, paths: Sequence[PurePosixPath], call: str) -> list[str]:
    """Lines that make all of the paths, as many of them to a line as have room."""
    rows: list[str] = []
    for path in paths:
        if rows and len(rows[-1]) + len(_quoted(path)) + 2 <= _ROW_LENGTH:
            rows[-1] += f" {_quoted(path)},"
        else:
            rows.append(f"        {_quoted(path)},")
    return [f"    for {name} in [", *rows, "    ]:", f"        Path(library, {name}).{call}"] if rows else []


def _heading(module: Module) -> str:
    # Underscores at the edge of a name would be read as emphasis.
    plain = not any(part.startswith("_") or part.endswith("_") for part in module.name.split("."))
    title = f"### {module.name}" if plain else f"### `{module.name}`"
    docstring = ast.get_docstring(tree_of(module.data)) or ""
    line = docstring.strip().partition("\n")[0].strip()
    return f"{title}\n{_as_markdown(line)}" if line else title


def _as_markdown(line: str) -> str:
    """A docstring's line so that it shows as it was written; what stands between backticks is left alone."""
    parts = re.split(r"(`+[^`]*`+)", line)
    parts[::2] = [re.sub(r"[\\*<$#]|(?<!\w)_|_(?!\w)", lambda sign: "\\" + sign[0], part) for part in parts[::2]]
    return "".join(parts)


def _file_cell(name: str, file: PurePosixPath, data: bytes, *, is_source: bool) -> NotebookNode:
    notes: dict[str, object] = {"file": str(file)}
    body = body_for_magic(file, data, is_source=is_source)
    if body is None:
        source = _writing(file, data)
    else:
        # The magic ends the file with a newline; a body that already ends with one gets no other.
        source = f"%%writefile {{{LIBRARY_NAME}}}/{file}\n{body}"
        if data.startswith(BOM):
            notes["bom"] = True
        if not body.endswith("\n") and not data.endswith(b"\n"):
            notes["final_newline"] = False
    return cell("code", name, source, {**_HIDDEN, "kernelgen": notes})


def _writing(file: PurePosixPath, data: bytes) -> str:
    """An ordinary cell that writes a file's bytes: readable where they are text, in base64 where they are not."""
    # No import: a template may use any name that this would bind.
    head = f'__import__("pathlib").Path({LIBRARY_NAME}, {_quoted(file)}).write_bytes('
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if not re.search(r"[\0-\x08\x0e-\x1a\x7f]", text):
        lines = "".join(f"    {line!r}\n" for line in text.splitlines(keepends=True))
        return f'{head}(\n{lines}).encode("utf-8"));'
    text = base64.b64encode(data).decode("ascii")
    lines = "".join(f'    "{text[start : start + 100]}"\n' for start in range(0, len(text), 100))
    return f'{head}__import__("base64").b64decode(\n{lines}));'


def _identity(name: str) -> str:
    """A cell id from a module's or file's name: within nbformat's rules, and never the same for two names."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", name)
    identity = f"library-{plain}"
    room = _ID_LENGTH - len("about-")
    if plain != name.replace(".", "-") or "/" in name or len(identity) > room:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        identity = f"{identity[: room - 9]}-{digest}"
    return identity


def _quoted(file: PurePosixPath) -> str:
    text = str(file)
    return f'"{text}"' if PLAIN_NAME.fullmatch(text) else repr(text)
