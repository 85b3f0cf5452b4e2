"""What a script can do and a notebook's cells cannot, as far as the text alone shows it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import Library
from kernelgen.inlining.magic import LIBRARY_NAME
from kernelgen.inlining.source import Code, ParsedSource

# IPython takes `>>>` and the like away from a whole cell if one of its first two lines begins with them.
_PROMPTS = (re.compile(r">>>(?: |$)|In \[\d+\]: |\s*\.{3,}: ?"), re.compile(r"(?:>>>|\.\.\.)(?: |$)|\s*\.{3,}: ?"))
_HANDS_OVER = frozenset(
    "map map_async imap imap_unordered starmap starmap_async apply apply_async submit Process Pool DataLoader spawn "
    "start_processes ProcessPoolExecutor".split()
)
_CHOOSES = frozenset({"get_context", "set_start_method", "DataLoader", "start_processes"})
_METADATA = re.compile(r"importlib[._]metadata\.(version|metadata|distribution|requires|files)|pkg_resources\.\w+")
_LOOPS = frozenset({"asyncio.run", "run_until_complete", "run_forever"})
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def check_limits(library: Library, code: Sequence[Code], cells: ParsedSource, read: Sequence[ParsedSource]) -> None:
    """Refuse what works in a script and fails, or hangs, in a notebook.

    Raises:
        KernelgenError: with file and line.
    """
    checks = (
        _prompts(code),
        _names(cells),
        _exits(cells),
        _spawned(cells),
        _own_version(library, read),
        _event_loops(library, cells, read),
    )
    for message in (one for check in checks for one in check):
        raise KernelgenError(message)


def _prompts(code: Sequence[Code]) -> Iterator[str]:
    for cell in code:
        lines = cell.text.split("\n")
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        for number, (line, prompt) in enumerate(zip(lines[first:], _PROMPTS, strict=False), first + cell.first_line):
            if prompt.match(line):
                yield (
                    f"{cell.where}:{number}: IPython takes this line for the prompt of a pasted session, and takes "
                    "all prompts out of the cell; put two other lines above it"
                )


def _names(cells: ParsedSource) -> Iterator[str]:
    """`__file__`, which a notebook lacks, and the name that the library's own cells use."""
    uses = [node for node in cells.parents if isinstance(node, ast.Name)]
    if not any(node.id == "__file__" and isinstance(node.ctx, ast.Store) for node in uses):
        for node in uses:
            if node.id == "__file__" and not _is_tried(node, cells):
                yield (
                    f"{cells.where(node)}: `__file__` has no value in a notebook; use Path.cwd(), a setting, or a "
                    "path that the library makes from its own `__file__`"
                )
    lines = [node.lineno for node in uses if node.id == LIBRARY_NAME]
    lines += [line for line, text in cells.magics if LIBRARY_NAME in text]
    for line in lines:
        yield f"{cells.where(line)}: {LIBRARY_NAME} is a name of the library's own cells; use another"


def _exits(cells: ParsedSource) -> Iterator[str]:
    """`exit()`, after which the rest of a cell still runs."""
    body = cells.tree.body
    while body and isinstance(body[-1], ast.If):
        body = body[-1].body
    own = {node.name for node in cells.parents if isinstance(node, ast.FunctionDef)}
    for node, parent in cells.parents.items():
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if name in {"exit", "quit"} - own and not (body and parent is body[-1]):
            yield f"{cells.where(node)}: {name}() does not stop a notebook's cell; use sys.exit()"


def _spawned(cells: ParsedSource) -> Iterator[str]:
    """Work on what the template defines, in processes that cannot import the template."""
    calls = [node for node in cells.parents if isinstance(node, ast.Call)]
    if not any(_chooses_spawn(call) for call in calls):
        return
    own = {node.name for node in cells.parents if isinstance(node, _DEFINITIONS)}
    classes = {node.name for node in cells.parents if isinstance(node, ast.ClassDef)}
    for node in cells.parents:
        if isinstance(node, ast.Assign) and _mentions(node.value, own, classes):
            own |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for call in calls:
        arguments = [*call.args, *(one.value for one in call.keywords)]
        if _called(call) in _HANDS_OVER and any(_mentions(argument, own, classes) for argument in arguments):
            yield (
                f"{cells.where(call)}: hands what the notebook defines to a process that is started by spawn or "
                "forkserver, which cannot load it; move it into the library, or start by fork"
            )


def _chooses_spawn(call: ast.Call) -> bool:
    if _called(call) in {"spawn", "start_processes"}:
        return True
    chosen = [*call.args, *(one.value for one in call.keywords)]
    return _called(call) in _CHOOSES and any(
        isinstance(one, ast.Constant) and one.value in {"spawn", "forkserver"} for one in chosen
    )


def _mentions(node: ast.expr, own: set[str], classes: set[str]) -> bool:
    """Whether a value holds a function or class of the template, or an object of such a class."""
    called = {one.func for one in ast.walk(node) if isinstance(one, ast.Call)}
    return isinstance(node, ast.Lambda) or any(
        isinstance(one, ast.Name) and one.id in (classes if one in called else own) for one in ast.walk(node)
    )


def _own_version(library: Library, read: Sequence[ParsedSource]) -> Iterator[str]:
    """The library asking which version of it is installed: inlined, it is not."""
    for source in read:
        for node in source.parents:
            if isinstance(node, ast.Call) and _METADATA.fullmatch(source.dotted(node.func)):
                text = ast.unparse(node)
                names = {library.name, library.name.replace("_", "-"), "__name__", "__package__"}
                if names & set(re.findall(r"[\w-]+", text)) and not _is_tried(node, source):
                    yield (
                        f"{source.where(node)}: asks for the installed version of {library.name}, which no notebook "
                        "installs; write the version into the library, or catch PackageNotFoundError"
                    )


def _event_loops(library: Library, cells: ParsedSource, read: Sequence[ParsedSource]) -> Iterator[str]:
    """`asyncio.run` in a cell, or in a function of the library that a cell calls."""
    called = set(_calls_into(library, cells))
    for source in read:
        for node in source.parents:
            if not isinstance(node, ast.Call) or not {source.dotted(node.func), _called(node)} & _LOOPS:
                continue
            around = [parent for _, parent in source.around(node)]
            function = next((one for one in around if isinstance(one, (*_DEFINITIONS, ast.Lambda))), None)
            runs = source is cells if function is None else getattr(function, "name", "") in called
            if runs and not any(isinstance(one, ast.Try) or _is_condition(one) for one in around):
                yield (
                    f"{source.where(node)}: {ast.unparse(node.func)}() fails in a notebook, where an event loop runs "
                    "already; await the coroutine in the cell, or let the library run it in a thread of its own"
                )


def _calls_into(library: Library, cells: ParsedSource) -> Iterator[str]:
    """The functions and methods of library and cells that cells call: `App().start()` gives App and start."""
    ours = {node.name for node in cells.parents if isinstance(node, _DEFINITIONS)}
    ours |= {name for name, full in cells.aliases.items() if library.owns(full.partition(".")[0])}
    for node in cells.parents:
        if isinstance(node, ast.Assign) and _base(node.value) in ours:
            ours |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Call) and _base(node) in ours:
            yield cells.dotted(node.func).rpartition(".")[2] or _called(node)


def _base(node: ast.expr) -> str:
    """The name that an expression starts from: app in `app.parts[0].start()`."""
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_condition(node: ast.AST) -> bool:
    """An `if` that may ask for a running loop; a main guard does not."""
    return isinstance(node, ast.If) and "__name__" not in ast.unparse(node.test)


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_tried(node: ast.AST, source: ParsedSource) -> bool:
    return any(isinstance(parent, ast.Try) and child in parent.body for child, parent in source.around(node))
