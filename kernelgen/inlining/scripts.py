"""Scripts and modules beside the notebook's library that commands start: `!python helper.py`, `python -m helper`."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from posixpath import normpath

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library
from kernelgen.inlining.source import ParsedSource

_STARTED = re.compile(
    r"(?:\bpython[\d.]*|%run|\btorchrun|\blaunch|\{sys\.executable\})(?:\s+-(?![mc])[-\w=]+)*\s+"
    r"""(?:-m\s*["']?(?P<module>[\w.]+)|["']?(?P<path>[\w${}./-]+))"""
    r"|(?<![\w-])cd\s+(?P<folder>[\w$./-]+)"
)
# A script that lies in another folder may have the name of a script beside the library.
_ELSEWHERE = re.compile(r"(?<![\w-])cd\s|\bchdir\(|\bcwd\s*=")


def check_scripts(library: Library, written: Collection[str], read: Sequence[ParsedSource]) -> None:
    """Refuse commands that start a file beside the library, or of it by its path, which no notebook holds.

    Args:
        written: names of modules that the notebook writes itself.

    Raises:
        KernelgenError: with file and line, and the way out.
    """
    for source in read:
        elsewhere = bool(_ELSEWHERE.search(source.text))
        for line, command in _commands(source):
            for match in _STARTED.finditer(command):
                name = match["module"] or re.sub(r"^\$\{?PWD\}?/", "", match["path"] or match["folder"])
                file = normpath(name.replace(".", "/") + ".py" if match["module"] else name)
                top = file.partition("/")[0].removesuffix(".py")
                is_ours = top == library.name
                if top in written or (is_ours and match["module"]) or (elsewhere and not is_ours):
                    continue
                place = library.root / file
                if place.is_dir() if match["folder"] else place.is_file() or (place / "__main__.py").is_file():
                    raise KernelgenError(
                        f"{source.where(line)}: `{match[0]}` needs {file}, which lies in the project and in no "
                        f"notebook's working folder; start it as a module of {library.name}, `python -m "
                        f"{library.name}.{top if not is_ours else '…'}`"
                    )


def _commands(source: ParsedSource) -> Iterator[tuple[int, str]]:
    """IPython's own lines, and the arguments of calls and the lists that hold a command, as a shell would see them."""
    yield from source.magics
    for node, parent in source.parents.items():
        if isinstance(node, (ast.Call, ast.List, ast.Tuple)):
            parts = node.args if isinstance(node, ast.Call) else node.elts
            function = source.dotted(node.func) if isinstance(node, ast.Call) else "subprocess."
            if function == "runpy.run_path" or re.match(r"os\.|subprocess\.", function):
                words = ["python"] * (function == "runpy.run_path") + [_word(part, source) for part in parts]
                yield node.lineno, " ".join(words)
        elif isinstance(parent, ast.Assign) and source.package is None:
            yield parent.lineno, _word(node, source)


def _word(part: ast.AST, source: ParsedSource) -> str:
    if isinstance(part, ast.JoinedStr):
        return ast.unparse(part)
    python = "python" if source.dotted(part) == "sys.executable" else "…"
    return str(part.value) if isinstance(part, ast.Constant) else python
