"""Files of the project that are no modules: which are shipped, and which code reads or starts although they are not."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library, read_file
from kernelgen.inlining.source import ParsedSource

# No code reads these.
_DOCUMENTS = re.compile(r"(?i)(readme|licen[cs]e|copying|notice|changelog)\b.*|py\.typed|.*\.(md|rst|pyi|pyc)|\..*")
# Ask where a library's files lie, as `__file__` and `__path__` do.
_LOCATING = re.compile(r"importlib\.resources|pkgutil\.get_data|inspect\.get(source)?file")
_LISTING = re.compile(r"\b(iterdir|r?glob|iglob|walk|listdir|scandir|contents)\b")
_ELSEWHERE = re.compile(r"(?<![\w-])cd\s|\bchdir\(|\bcwd\s*=")
_RUNS = re.compile(r"os\.(system|popen)|subprocess\.")


@dataclass(frozen=True)
class ShippedFile:
    """A data file that goes into the notebook. file: relative to the library's root, "pk/x.csv"."""

    file: PurePosixPath
    data: bytes


def shipped_files(library: Library, files: Sequence[str]) -> tuple[ShippedFile, ...]:
    """The data files that `files` of a kernel names: files, folders or globs.

    Raises:
        KernelgenError: where a name lies outside the project or nothing has it, or a file cannot be read.
    """
    paths = sorted({path for name in files for path in named_files(library.root, name)})
    places = [PurePosixPath(path.relative_to(library.root).as_posix()) for path in paths]
    return tuple(ShippedFile(file, read_file(path, str(file))) for file, path in zip(places, paths, strict=True))


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


def check_files(
    library: Library, written: Collection[str], read: Sequence[ParsedSource], present: Collection[PurePosixPath]
) -> None:
    """Refuse what reads or starts a file of the library that the notebook would not hold.

    Args:
        written: names of modules that the notebook writes itself. present: the files that the notebook holds.

    Raises:
        KernelgenError: with file and line, and the way out.
    """
    paths = sorted(path for path in (library.root / library.name).rglob("*") if path.is_file())
    files = [PurePosixPath(path.relative_to(library.root).as_posix()) for path in paths]
    data = [file for file in files if file.suffix != ".py" and not _DOCUMENTS.fullmatch(file.name)]
    absent = [file for file in data if file not in present]
    for source in read:
        for line, word in [*_words(source), *((node.lineno, text) for node, text in source.strings.items())]:
            path = PurePosixPath(word)
            if path.parts[:1] == (library.name,) and any(file == path or file.match(word) for file in files):
                raise KernelgenError(f"{source.where(line)}: {_explain_relative(library, path)}")
        # In another folder there may be a script of the same name.
        for line, word in [] if _ELSEWHERE.search(source.text) else _words(source):
            path = PurePosixPath(word)
            if path.suffix == ".py" and path.stem not in written and (library.root / path).is_file():
                raise KernelgenError(f"{source.where(line)}: {_explain_relative(library, path)}")
        if absent:
            _check_absent(library, source, data, absent)


def _words(source: ParsedSource) -> Iterator[tuple[int, str]]:
    """What may be a path in IPython's own lines and in commands that code starts, with its line."""
    commands = list(source.magics)
    for call, name in source.calls.items():
        if _RUNS.match(name):
            commands += [(call.lineno, source.strings[part]) for part in ast.walk(call) if part in source.strings]
    for line, text in commands:
        yield from ((line, word) for word in re.findall(r"(?<![\w./-])[\w./*-]+", text))


def _explain_relative(library: Library, file: PurePosixPath) -> str:
    way_out = f'make the path from `__file__` in the library, with files = ["{file}"] of the kernel in kernels.toml'
    if file.suffix == ".py":
        parts = [library.name, *(part for part in file.with_suffix("").parts if part != library.name)]
        way_out = f"with the file in {library.name}/, use `python -m {'.'.join(parts)}`"
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
    for node, text in source.strings.items():
        parts = PurePosixPath(normpath(text.lstrip("/"))).parts
        files = [file for file in data if parts and file.parts[-len(parts) :] == parts]
        names_any = names_any or bool(files)
        if missing := [file for file in files if file in absent]:
            raise KernelgenError(
                f"{source.where(node)}: names the data file {missing[0]}, which the notebook does not hold; list it in "
                f'kernels.toml, files = ["{missing[0]}"] of the kernel, or attach it as a dataset'
            )
    if uses and (not names_any or _LISTING.search(source.text)):
        raise KernelgenError(
            f"{source.where(uses[0])}: may read any file in the library's folder, and the notebook does not hold "
            f'{absent[0]}; list all that it reads in kernels.toml, files = ["{library.name}/…"] of the kernel, or '
            "name them in this file"
        )


def _locates(node: ast.AST, library: Library, source: ParsedSource) -> bool:
    """Whether a name or attribute asks where a module of the library lies; `numpy.__file__` does not."""
    name = getattr(node, "id", getattr(node, "attr", ""))
    module = source.dotted(getattr(node, "value", None))
    is_ours = not module or library.owns(module)
    return bool(_LOCATING.match(source.dotted(node))) or name in {"__file__", "__path__"} and is_ours
