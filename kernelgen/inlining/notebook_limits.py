"""What a script can do and a notebook's cells cannot, as far as the text alone shows it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library
from kernelgen.inlining.source import FUNCTIONS, Code, ParsedSource

# IPython takes `>>>` and the like away from a whole cell if one of its first two lines begins with them.
_PROMPT = re.compile(r"(?:>>>|\.\.\.)(?: |$)|In \[\d+\]: |\s*\.{3,}: ?")
_HANDS_OVER = frozenset(
    "map map_async imap imap_unordered starmap starmap_async apply apply_async submit Process Pool DataLoader spawn "
    "start_processes ProcessPoolExecutor".split()
)
_METADATA = re.compile(
    r"importlib[._]metadata\.(version|metadata|distribution|requires|files|entry_points)|pkg_resources\.\w+"
)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def check_limits(library: Library, code: Sequence[Code], cells: ParsedSource, read: Sequence[ParsedSource]) -> None:
    """Refuse what works in a script and fails, or hangs, in a notebook.

    Raises:
        KernelgenError: with file and line.
    """
    of_library = (_own_version(library, read), _event_loops(library, cells, read))
    for message in chain(_prompts(code), _exits(cells), _spawned(cells, read), *of_library):
        raise KernelgenError(message)


def _prompts(code: Sequence[Code]) -> Iterator[str]:
    for cell in code:
        for number, line in enumerate(cell.text.split("\n")[:2], cell.first_line):
            if _PROMPT.match(line):
                yield (
                    f"{cell.where}:{number}: IPython takes this line for the prompt of a pasted session, and takes "
                    "all prompts out of the cell; put two other lines above it"
                )


def _exits(cells: ParsedSource) -> Iterator[str]:
    """`exit()`, after which the rest of a cell still runs."""
    own = {node.name for node in cells.parents if isinstance(node, ast.FunctionDef)}
    for call in cells.calls:
        if (name := getattr(call.func, "id", "")) in {"exit", "quit"} - own:
            yield f"{cells.where(call)}: {name}() does not stop a notebook's cell; use sys.exit()"


def _spawned(cells: ParsedSource, read: Sequence[ParsedSource]) -> Iterator[str]:
    """Work on what the template defines, in processes that cannot import the template."""
    # The start method that is set is that of all.
    choosing = [source for source in read if source is cells or "set_start_method" in source.text]
    methods = {text for source in choosing for text in source.strings.values()} & {"spawn", "forkserver"}
    if not methods and not any(_called(call) in {"spawn", "start_processes"} for call in cells.calls):
        return
    # Of a class, a call of it counts too.
    own = {node.name: isinstance(node, ast.ClassDef) for node in cells.parents if isinstance(node, _DEFINITIONS)}
    for node in cells.parents:
        if isinstance(node, ast.Assign) and _mentions(node.value, own):
            own |= {target.id: False for target in node.targets if isinstance(target, ast.Name)}
    for call in cells.calls:
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        function = ast.unparse(call.func)
        hands_over = _called(call) in _HANDS_OVER and function != "map" and "thread" not in function.lower()
        if hands_over and any(_mentions(part, own) for part in arguments):
            yield (
                f"{cells.where(call)}: hands what the notebook defines to a process that is started by spawn or "
                "forkserver, which cannot load it; move it into the library, or start by fork"
            )


def _mentions(node: ast.expr, own: dict[str, bool]) -> bool:
    """Whether a value holds something of the template's own, and not only what a function of its own returns."""
    called = {part.func for part in ast.walk(node) if isinstance(part, ast.Call)}
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name) and part.id in own]
    return isinstance(node, ast.Lambda) or any(own[name.id] or name not in called for name in names)


def _own_version(library: Library, read: Sequence[ParsedSource]) -> Iterator[str]:
    """The library asking which version of it is installed: inlined, it is not."""
    names = {library.name, library.name.replace("_", "-"), "__name__", "__package__"}
    for source in read:
        for call, function in source.calls.items():
            asked = _METADATA.fullmatch(function) and names.intersection(re.findall(r"[\w-]+", ast.unparse(call)))
            if asked and not source.is_tried(call):
                yield (
                    f"{source.where(call)}: asks for the installed version or plugins of {library.name}, which no "
                    "notebook installs; write the version into the library (import the plugins), or catch "
                    "PackageNotFoundError"
                )


def _event_loops(library: Library, cells: ParsedSource, read: Sequence[ParsedSource]) -> Iterator[str]:
    """`asyncio.run` in a cell, or in a function of the library that a cell calls, as far as its name tells."""
    if any(name.partition(".")[0] == "nest_asyncio" for source in read for name in source.aliases.values()):
        return
    ours = [(call, name) for call, name in cells.calls.items() if _is_ours(call, library, cells)]
    called = {name.rpartition(".")[2] or _called(call) for call, name in ours} - {""}
    for source in read:
        for call, name in source.calls.items():
            if name == "asyncio.run" or _called(call) in {"run_until_complete", "run_forever"}:
                around = [parent for _, parent in source.around(call)]
                function = next((parent for parent in around if isinstance(parent, FUNCTIONS)), None)
                runs = getattr(function, "name", "") in called if function else source is cells
                # An `if` or `try` may ask for a running loop; a main guard does not.
                asking = [parent for parent in around if isinstance(parent, ast.If | ast.Try)]
                if runs and all("__main__" in ast.unparse(parent) for parent in asking):
                    yield (
                        f"{source.where(call)}: {ast.unparse(call.func)}() fails in a notebook, where an event loop "
                        "runs already; await the coroutine in the cell, or let the library run it in a thread"
                    )


def _is_ours(call: ast.Call, library: Library, cells: ParsedSource) -> bool:
    """Whether what a cell calls is the library's or its own; `Thread(…).start()` is another package's."""
    root: ast.AST = call.func
    while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
        root = root.func if isinstance(root, ast.Call) else root.value
    package = cells.dotted(root)
    return not package or library.owns(package)


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
