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
# A source chooses spawn or forkserver by a literal, or by a name that may stand for it.
_SPAWNS = re.compile(r"""(context|method)\s*[(=]\s*["'](spawn|forkserver)|\b(spawn|start_processes)\(""")
_METHOD = re.compile(r"""["'](spawn|forkserver)["']""")
_NAMES_METHOD = re.compile(r"(get_context|set_start_method|mp_context|multiprocessing_context)\s*[(=]\s*[A-Za-z_]")
_HANDS_OVER = frozenset(
    "map map_async imap imap_unordered starmap starmap_async apply apply_async submit Process Pool DataLoader spawn "
    "start_processes ProcessPoolExecutor".split()
)
_METADATA = re.compile(
    r"importlib[._]metadata\.(version|metadata|distribution|requires|files|entry_points)|pkg_resources\.\w+"
)
_LOOPS = frozenset({"run_until_complete", "run_forever"})
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def check_limits(library: Library, code: Sequence[Code], cells: ParsedSource, read: Sequence[ParsedSource]) -> None:
    """Refuse what works in a script and fails, or hangs, in a notebook.

    Raises:
        KernelgenError: with file and line.
    """
    named = {call: name for call in cells.calls if (name := _named(call, library, cells))}
    limits = (_spawned(named, cells, read), _own_version(library, read), _event_loops(named, cells, read))
    for message in chain(_prompts(code), _exits(cells), *limits):
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


def _spawned(named: dict[ast.Call, str], cells: ParsedSource, read: Sequence[ParsedSource]) -> Iterator[str]:
    """Work on what the template defines, in processes that cannot import the template."""
    spawning = [
        source
        for source in read
        if _SPAWNS.search(source.text) or _METHOD.search(source.text) and _NAMES_METHOD.search(source.text)
    ]
    # The start method that is set is that of all.
    is_set = any(source is cells or "set_start_method" in source.text for source in spawning)
    nodes = [node for source in spawning for node in source.parents if isinstance(node, _DEFINITIONS)]
    handing = {node.name for node in nodes if any(map(_hands_over, ast.walk(node)))}
    # Of a class, a call of it counts too.
    own = {node.name: isinstance(node, ast.ClassDef) for node in cells.parents if isinstance(node, _DEFINITIONS)}
    for node in cells.parents:
        if isinstance(node, ast.Assign) and _mentions(node.value, own):
            own |= {target.id: False for target in node.targets if isinstance(target, ast.Name)}
    for call in cells.calls if spawning else ():
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        hands_over = is_set and _hands_over(call) and "thread" not in ast.unparse(call.func).lower()
        if (hands_over or named.get(call) in handing) and any(_mentions(part, own) for part in arguments):
            yield (
                f"{cells.where(call)}: hands what the notebook defines to a process that is started by spawn or "
                "forkserver, which cannot load it; move it into the library, or start by fork"
            )


def _hands_over(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called(node) in _HANDS_OVER and getattr(node.func, "id", "") != "map"


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


def _event_loops(named: dict[ast.Call, str], cells: ParsedSource, read: Sequence[ParsedSource]) -> Iterator[str]:
    """`asyncio.run` in a cell, or in a function of the library that a cell calls, as far as its name tells."""
    if any(name.partition(".")[0] == "nest_asyncio" for source in read for name in source.aliases.values()):
        return
    own = {node.name for node in cells.parents if isinstance(node, _DEFINITIONS)}
    for source in read:
        called = set(named.values()).difference(own if source is not cells else ())
        for call, name in source.calls.items():
            if name == "asyncio.run" or _called(call) in _LOOPS:
                around = [parent for _, parent in source.around(call)]
                function = next((parent for parent in around if isinstance(parent, FUNCTIONS)), None)
                runs = getattr(function, "name", "") in called if function else source is cells
                # An `if` may ask for a running loop; a main guard does not.
                asks = [isinstance(one, ast.If) and "__name__" not in ast.unparse(one.test) for one in around]
                if runs and not any(asks) and not any(isinstance(parent, ast.Try) for parent in around):
                    yield (
                        f"{source.where(call)}: {ast.unparse(call.func)}() fails in a notebook, where an event loop "
                        "runs already; await the coroutine in the cell, or let the library run it in a thread"
                    )


def _named(call: ast.Call, library: Library, cells: ParsedSource) -> str:
    """The name of what a cell calls of the library, or of its own; "" for another package's."""
    root: ast.AST = call.func
    while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
        root = root.func if isinstance(root, ast.Call) else root.value
    package = cells.dotted(root)
    full = cells.dotted(call.func)
    return (full.rpartition(".")[2] or _called(call)) if not package or library.owns(package) else ""


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
