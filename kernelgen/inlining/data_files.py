"""Data files: which are shipped, and which code reads although they are not."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library
from kernelgen.inlining.source import ParsedSource

# No code reads these.
_DOCUMENTS = re.compile(r"(?i)(readme|licen[cs]e|copying|notice|changelog)\b.*|py\.typed|.*\.(md|rst|pyi|pyc)|\..*")
# Ask where a library's files lie, as `__file__` and `__path__` do.
_LOCATING = re.compile(r"importlib\.resources|pkgutil\.get_data|inspect\.get(source)?file")
_LISTS = frozenset({"glob.glob", "glob.iglob", "os.walk", "os.listdir", "os.scandir"})
_LISTING = re.compile(r"\b(iterdir|r?glob|iglob|walk|listdir|scandir|contents)\b")


@dataclass(frozen=True)
class ShippedFile:
    """A data file that goes into the notebook. file: relative to the library's root, "pk/x.csv"."""

    file: PurePosixPath
    data: bytes


def shipped_files(library: Library, files: Sequence[str]) -> tuple[ShippedFile, ...]:
    """The data files that `files` of a kernel names: files, folders or globs.

    Raises:
        KernelgenError: where a name lies outside the project or nothing has it.
    """
    found: dict[PurePosixPath, ShippedFile] = {}
    for name in files:
        for path in named_files(library.root, name):
            file = PurePosixPath(path.relative_to(library.root).as_posix())
            try:
                found[file] = ShippedFile(file, path.read_bytes())
            except OSError as error:
                raise KernelgenError(
                    f"files = [{name!r}]: cannot be read ({error.strerror}); check its permissions"
                ) from None
    return tuple(found[file] for file in sorted(found))


def named_files(root: Path, name: str) -> list[Path]:
    """The files that one name in `files` of a kernel means: a file, a folder's, or those that a glob matches.

    Raises:
        KernelgenError: where the name lies outside the project or nothing has it.
    """
    pure, where = PurePosixPath(name), f"files = [{name!r}]"
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise KernelgenError(f"{where}: must lie in the project; give its path relative to {root.name}/")
    paths = sorted([root / pure, *(root / pure).rglob("*"), *root.glob(name)])
    paths = [path for path in paths if path.is_file() and "__pycache__" not in path.parts]
    if not paths:
        raise KernelgenError(f"{where}: there is no such file in {root}; correct its path")
    return paths


def check_data_files(library: Library, read: Sequence[ParsedSource], present: Collection[PurePosixPath]) -> None:
    """Refuse what reads a file of the library that the notebook would not hold.

    Args:
        present: the files that the notebook holds.

    Raises:
        KernelgenError: with file and line, and the way out.
    """
    paths = (path for path in (library.root / library.name).rglob("*") if path.is_file())
    files = {PurePosixPath(path.relative_to(library.root).as_posix()) for path in sorted(paths)}
    data = [file for file in sorted(files) if file.suffix != ".py" and not _DOCUMENTS.fullmatch(file.name)]
    absent = [file for file in data if file not in present]
    for source in read:
        for where, text in _texts(source):
            file = PurePosixPath(text)
            if file.parts[:1] == (library.name,) and file in files:
                raise KernelgenError(f"{where}: {_explain_relative(file)}")
        for where, text in _listings(source):
            listed = PurePosixPath(text)
            is_own = listed.parts[:1] == (library.name,)
            if is_own and any(file.match(text) or listed in file.parents for file in files):
                raise KernelgenError(f"{where}: {_explain_relative(listed)}")
        if absent:
            _check_absent(library, source, data, absent)


def _texts(source: ParsedSource) -> Iterator[tuple[str, str]]:
    """Each string that is no docstring, and each path in IPython's own lines, with its place."""
    for node, parent in source.parents.items():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not isinstance(parent, ast.Expr):
            yield source.where(node), node.value
    for line, magic in source.magics:
        yield from ((source.where(line), word) for word in re.findall(r"[\w./-]+", magic))


def _listings(source: ParsedSource) -> Iterator[tuple[str, str]]:
    """Each folder or glob that is listed from the working folder, and each path in a shell command, with its place."""
    for node, parent in source.parents.items():
        match node:
            case ast.Call(args=[ast.Constant(value=str(text)), *_], func=function):
                name = source.dotted(function)
                is_path = name == "pathlib.Path" and _LISTING.fullmatch(getattr(parent, "attr", ""))
                if is_path or name in _LISTS:
                    yield source.where(node), text
                elif name in {"os.system", "os.popen"} or name.startswith("subprocess."):
                    yield from ((source.where(node), word) for word in re.findall(r"[\w./*-]+/[\w./*-]*", text))
    for line, magic in source.magics:
        yield from ((source.where(line), word) for word in re.findall(r"[\w./*-]+/[\w./*-]*", magic))


def _explain_relative(file: PurePosixPath) -> str:
    way_out = f'make the path from `__file__` in the library, with files = ["{file}"] of the kernel in kernels.toml'
    if file.suffix == ".py":
        way_out = f"use `python -m {'.'.join(file.with_suffix('').parts)}`"
    return f"names {file} by its path from the working folder, which on Kaggle is another; {way_out}"


def _check_absent(
    library: Library, source: ParsedSource, data: Sequence[PurePosixPath], absent: Sequence[PurePosixPath]
) -> None:
    """Refuse names of files that are not shipped, and uses of the folder by which they may be read.

    In a template's cell `x.csv` is a file of its own, unless the cells ask where the library lies.
    """
    uses = [node for node in source.parents if _locates(node, library, source)]
    if source.package is None and not uses:
        return
    names_any = False
    for where, text in _texts(source):
        parts = PurePosixPath(normpath(text.lstrip("/"))).parts
        files = [file for file in data if parts and file.parts[-len(parts) :] == parts]
        names_any = names_any or bool(files)
        for file in files:
            if file in absent:
                raise KernelgenError(
                    f"{where}: names the data file {file}, which the notebook does not hold; list it in kernels.toml, "
                    f'files = ["{file}"] of the kernel, or attach it as a dataset'
                )
    if uses and (not names_any or _LISTING.search(source.text)):
        raise KernelgenError(
            f"{source.where(uses[0])}: may read any file in the library's folder, and the notebook does not hold "
            f'{absent[0]}; list all that it reads in kernels.toml, files = ["{library.name}/…"] of the kernel, or '
            "name them in this file"
        )


def _locates(node: ast.AST, library: Library, source: ParsedSource) -> bool:
    """Whether a name or attribute asks where a module of the library lies; `numpy.__file__` does not."""
    if _LOCATING.match(source.dotted(node)) or isinstance(node, ast.Name) and node.id in {"__file__", "__path__"}:
        return True
    if not isinstance(node, ast.Attribute) or node.attr not in {"__file__", "__path__"}:
        return False
    module = source.dotted(node.value)
    return not module or library.owns(module)
