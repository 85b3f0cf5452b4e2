"""Data files: which are shipped, and which code reads although they are not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library, Module
from kernelgen.inlining.source import Source

_UNREAD = "\0"
# Without one of these, code cannot tell where its own files lie.
_LOCATORS = re.compile(
    r"__file__|__path__|__spec__|\bresources\b|get_data|\bgetfile\b|\bgetsourcefile\b|co_filename|\bfiles\("
)
_JOINING = frozenset("Path PurePath PosixPath PurePosixPath join joinpath with_name".split())
_LISTING = frozenset("iterdir glob rglob iglob walk listdir scandir contents".split())
# Make a folder from the path of a file in it.
_FOLDER_CALLS = frozenset({"dirname", "files", "split", "rsplit", "partition", "rpartition"})
_FOLDERS = frozenset({"parent", "parents", "__path__", "submodule_search_locations"})
# Give the same path back.
_PASSING = frozenset("str Path PurePath PurePosixPath resolve absolute abspath realpath fspath expanduser".split())
# May get a folder without anything in it being read.
_HARMLESS = frozenset(
    "print repr len isinstance debug info warning error critical exception getLogger exists isdir isfile basename "
    "relative_to is_relative_to relpath startswith endswith".split()
)
_PATHS = (ast.Constant, ast.BinOp, ast.JoinedStr, ast.Call)
_DOCUMENTS = re.compile(
    r"(?i)(readme|licen[cs]e|copying|notice|changelog)\b.*|py\.typed|.*\.(md|rst|pyi|pyc|orig)|\..*"
)


@dataclass(frozen=True)
class ShippedFile:
    """A data file that goes into the notebook. file: relative to the library's root, "pk/x.csv"."""

    file: PurePosixPath
    path: Path
    data: bytes


def shipped_files(library: Library, files: Sequence[str]) -> tuple[ShippedFile, ...]:
    """The data files that `files` of a kernel names: files, folders or globs.

    Raises:
        KernelgenError: where a name lies outside the project or nothing has it.
    """
    found: dict[PurePosixPath, ShippedFile] = {}
    for name in files:
        pure = PurePosixPath(name)
        where = f"files = [{name!r}]"
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise KernelgenError(f"{where}: must lie in the project; give its path relative to {library.root.name}/")
        path = library.root / pure
        if path.is_dir():
            paths = sorted(path.rglob("*"))
        else:
            paths = [path] if path.is_file() else sorted(library.root.glob(name))
        paths = [one for one in paths if one.is_file() and "__pycache__" not in one.parts]
        if not paths:
            raise KernelgenError(f"{where}: there is no such file in {library.root}; correct its path")
        for one in paths:
            file = PurePosixPath(one.relative_to(library.root).as_posix())
            try:
                found[file] = ShippedFile(file, one, one.read_bytes())
            except OSError as error:
                raise KernelgenError(f"{where}: cannot be read ({error.strerror}); check its permissions") from None
    return tuple(found[file] for file in sorted(found))


def check_data_files(
    library: Library, read: Sequence[Source], modules: Sequence[Module], shipped: Sequence[ShippedFile]
) -> None:
    """Refuse what reads a file that the notebook would not hold.

    Raises:
        KernelgenError: with file and line, and the way out.
    """
    present = {file.file for file in shipped} | {module.file for module in modules}
    finder = _DataFinder(library, read, present)
    for source in read:
        for message in finder.problems(source):
            raise KernelgenError(message)


class _DataFinder:
    """Finds what sources read of a library's folder. present: the files that the notebook holds."""

    def __init__(self, library: Library, read: Sequence[Source], present: set[PurePosixPath]):
        self.library = library
        self.present = present
        folder = library.root / library.name
        paths = sorted(folder.rglob("*")) if folder.is_dir() else []
        files = [PurePosixPath(path.relative_to(library.root).as_posix()) for path in paths if path.is_file()]
        self.files = [file for file in files if "__pycache__" not in file.parts]
        self.folders = {parent.parts for file in self.files for parent in file.parents}
        self.names = {file.name for file in self.files}
        self.absent = [file for file in self.files if file not in present]
        self.lacks_data = any(file.suffix != ".py" and not _DOCUMENTS.fullmatch(file.name) for file in self.absent)
        self.located = {source.name: self._located(source) for source in read if source.package and self.lacks_data}

    def problems(self, source: Source) -> Iterator[str]:
        """A line for everything that a source reads and the notebook would not hold."""
        locates = bool(_LOCATORS.search(source.text))
        for node, parent in source.parents.items():
            if not isinstance(node, _PATHS) or isinstance(parent, ast.Expr):
                continue
            text = _text(node)
            path = text.rpartition(_UNREAD)[2]
            if locates or path.rpartition("/")[2] in self.names:
                relative = None if text != path or _is_part(node, parent) else self._from_working_folder(path)
                if file := relative or self._absent(path, locates, is_cell=source.package is None):
                    yield f"{source.where(node)}: {self._explain(file, is_relative=file is relative)}"
        for line, magic in source.magics:
            for file in filter(None, map(self._from_working_folder, re.findall(r"[\w./-]+", magic))):
                yield f"{source.where(line)}: {self._explain(file, is_relative=True)}"
        if self.lacks_data:
            located = self._located(source)
            yield from (
                f"{source.where(node)}: may read any file in the library's folder, and the notebook does not hold all "
                f'of them; list them in kernels.toml, files = ["{self.library.name}/…"] of the kernel'
                for node in source.parents
                if self._may_read(node, located)
            )

    # --- files by their names -----------------------------------------------------------------------------------

    def _from_working_folder(self, text: str) -> PurePosixPath | None:
        """The file of the library that a path names if it starts in the project's folder: "pk/x.csv"."""
        file = PurePosixPath(text.removeprefix("./"))
        return file if file.parts[:1] == (self.library.name,) and file in self.files else None

    def _absent(self, path: str, locates: bool, *, is_cell: bool) -> PurePosixPath | None:
        """A file that is not in the notebook and whose path ends in this one.

        In a template's cell `x.csv` is a file of its own, unless the cell asks where the library lies.
        """
        parts = tuple(part for part in normpath(path).split("/") if part not in {"", ".", ".."})
        if not parts or (is_cell and not locates and parts[0] != self.library.name):
            return None
        for file in self.absent:
            if file.parts[-len(parts) :] == parts or path.startswith("../") and parts[-len(file.parts) :] == file.parts:
                return file
        beside = PurePosixPath(*parts)
        is_beside = locates and len(parts) > 1 and parts[0] != self.library.name and beside not in self.present
        return beside if is_beside and Path(self.library.root, beside).is_file() else None

    def _explain(self, file: PurePosixPath, *, is_relative: bool) -> str:
        module = self.library.by_file.get(file)
        if is_relative and module:
            return (
                f"names {file} by its path from the working folder, which on Kaggle is another; use "
                f"`python -m {module.name}`, or make the path from `__file__` in the library"
            )
        if is_relative:
            return (
                f"names {file} by its path from the working folder, which on Kaggle is another; make the path from "
                f'`__file__` in the library, and list the file in kernels.toml, files = ["{file}"] of the kernel'
            )
        if module:
            return (
                f"names the source {file}, which no import brings into the notebook; list it in kernels.toml, "
                f'include = ["{module.name}"] of the kernel'
            )
        return (
            f"names the data file {file}, which the notebook does not hold; list it in kernels.toml, "
            f'files = ["{file}"] of the kernel, or attach it as a dataset'
        )

    # --- folders ------------------------------------------------------------------------------------------------

    def _located(self, source: Source) -> set[str]:
        """Names of a source that hold a folder of the library: `HERE = Path(__file__).parent`, or imported ones."""
        found = set()
        for name, full in source.aliases.items():
            module, _, attribute = full.rpartition(".")
            if attribute in getattr(self, "located", {}).get(module, ()):
                found.add(name)
        before = -1
        while len(found) > before:
            before = len(found)
            for node in source.parents:
                if isinstance(node, ast.Assign) and self._leads(node.value, found):
                    found |= {getattr(target, "id", getattr(target, "attr", "")) for target in node.targets} - {""}
                elif isinstance(node, ast.Return) and node.value is not None and self._leads(node.value, found):
                    found |= {up.name for _, up in source.around(node) if isinstance(up, ast.FunctionDef)}
        return found

    def _leads(self, node: ast.AST, located: set[str]) -> bool:
        """Whether an expression is a folder of the library."""
        match node:
            case ast.Name(id=name):
                return name in located or name == "__path__"
            case ast.Attribute(attr=name, value=value):
                return name in located or name in _FOLDERS and (_locates(value) or self._leads(value, located))
            case ast.Subscript(value=value):
                return self._leads(value, located)
            case ast.Call(func=function, args=args):
                parts = [*args, function.value] if isinstance(function, ast.Attribute) else args
                if _name(function) in _FOLDER_CALLS and _locates(node) or _name(function) in located:
                    return True
                passes = _name(function) in _PASSING | _FOLDER_CALLS
                return (passes and any(self._leads(part, located) for part in parts)) or self._joins(node, located)
        return self._joins(node, located)

    def _joins(self, node: ast.AST, located: set[str]) -> bool:
        """Whether an expression leads from a folder of the library into a folder below it."""
        parts = _parts(node)
        tail = _text(node).rpartition(_UNREAD)[2].strip("/").split("/")
        below = any(folder[-len(tail) :] == tuple(tail) for folder in self.folders)
        return len(parts) > 1 and below and self._leads(parts[0], located)

    def _may_read(self, node: ast.AST, located: set[str]) -> bool:
        """Whether a folder is listed, joined with what is no literal, or handed to a function that may do so."""
        parts = _parts(node)
        if len(parts) > 1 and self._leads(parts[0], located):
            text = "".join(map(_text, parts[1:]))
            return (_UNREAD in text or "*" in text) and not re.search(r"\s", text)
        if not isinstance(node, ast.Call):
            return False
        name, function = _name(node.func), node.func
        given = [*node.args, *(one.value for one in node.keywords)]
        if name == "get_data":
            return any(_UNREAD in _text(part) for part in given[1:])
        if name in _LISTING:
            given += [function.value] if isinstance(function, ast.Attribute) else []
        elif name in _PASSING | _FOLDER_CALLS | _HARMLESS | _JOINING or name.endswith(
            ("Error", "Warning", "Exception")
        ):
            return False
        elif isinstance(function, ast.Attribute) and ast.unparse(function.value).endswith("sys.path"):
            return False
        return any(self._leads(part, located) for part in given)


def _locates(node: ast.AST) -> bool:
    return _LOCATORS.search(ast.unparse(node)) is not None


def _parts(node: ast.AST) -> list[ast.expr]:
    """The parts that an expression joins to a path; [] if it joins none."""
    match node:
        case ast.BinOp(op=ast.Div() | ast.Add()):
            return [node.left, node.right]
        case ast.JoinedStr():
            return [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        case ast.Call(func=ast.Attribute(attr="joinpath" | "with_name", value=value)):
            return [value, *node.args]
        case ast.Call(func=function) if _name(function) in _JOINING:
            return node.args
    return []


def _text(node: ast.AST) -> str:
    """The path that an expression joins; `_UNREAD` stands for each part that is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    between = "" if isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "op", None), ast.Add) else "/"
    return between.join(map(_text, parts)) if (parts := _parts(node)) else _UNREAD


def _is_part(node: ast.AST, parent: ast.AST) -> bool:
    """Whether an expression is a part of a longer path."""
    return isinstance(parent, ast.expr) and any(part is node for part in _parts(parent))


def _name(function: ast.AST) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
