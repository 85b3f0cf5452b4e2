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
_SPAWNS = re.compile(r"""(context|method)\s*[(=]\s*["'](spawn|forkserver)|\b(spawn|start_processes)\(""")
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
    limits = (_spawned(library, cells, read), _own_version(library, read), _event_loops(library, cells, read))
    for message in chain(_prompts(code), _exits(cells), *limits):
        raise KernelgenError(message)


def _prompts(code: Sequence[Code]) -> Iterator[str]:
    for cell in code:
        lines = cell.text.split("\n")
        first = next((index for index, line in enumerate(lines) if line.strip()), 0)
        for number, line in enumerate(lines[first : first + 2], cell.first_line + first):
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


def _spawned(library: Library, cells: ParsedSource, read: Sequence[ParsedSource]) -> Iterator[str]:
    """Work on what the template defines, in processes that cannot import the template."""
    spawning = [source for source in read if _spawns(source.text)]
    # The start method that is set is that of all.
    is_set = any(source is cells or "set_start_method" in source.text for source in spawning)
    handing = {
        (owner, node.name)
        for source in spawning
        for node in source.parents
        if isinstance(node, _DEFINITIONS) and any(map(_hands_over, ast.walk(node)))
        for owner in ("", source.name)
    }
    classes = {node.name for node in cells.parents if isinstance(node, ast.ClassDef)}
    own = {node.name for node in cells.parents if isinstance(node, _DEFINITIONS)}
    for node in cells.parents:
        if isinstance(node, ast.Assign) and _mentions(node.value, own, classes):
            own |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for call in cells.calls if spawning else ():
        hands_over = is_set and _hands_over(call)
        hands_over = hands_over or _is_ours(call, library, cells) and _definition(call, library, cells) in handing
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        is_own = any(_mentions(argument, own, classes) for argument in arguments)
        if hands_over and is_own and not _is_of_threads(call, cells):
            yield (
                f"{cells.where(call)}: hands what the notebook defines to a process that is started by spawn or "
                "forkserver, which cannot load it; move it into the library, or start by fork"
            )


def _spawns(text: str) -> bool:
    """Whether a source chooses spawn or forkserver, by a literal or by a name that may stand for it."""
    is_named = _NAMES_METHOD.search(text) and re.search(r"""["'](spawn|forkserver)["']""", text)
    return bool(_SPAWNS.search(text) or is_named)


def _hands_over(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called(node) in _HANDS_OVER and getattr(node.func, "id", "") != "map"


def _is_of_threads(call: ast.Call, cells: ParsedSource) -> bool:
    """Whether work goes to a pool of threads, or to a name that stands for such pools alone."""
    pool = ast.unparse(call.func.value if isinstance(call.func, ast.Attribute) else call.func)
    bound = re.findall(rf".*(?:\bas {re.escape(pool)}\b|(?<![\w.]){re.escape(pool)} =).*", ast.unparse(cells.tree))
    return "Thread" in pool or (bool(bound) and all("ThreadPool" in line for line in bound))


def _mentions(node: ast.expr, own: set[str], classes: set[str]) -> bool:
    """Whether a value holds a function or class of the template, or an object of such a class."""
    parts = list(ast.walk(node))
    called = {part.func for part in parts if isinstance(part, ast.Call)}
    names = [part for part in parts if isinstance(part, ast.Name)]
    return isinstance(node, ast.Lambda) or any(name.id in (classes if name in called else own) for name in names)


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
    """`asyncio.run` in a cell, or in a function of the library that a cell calls."""
    if any(name.partition(".")[0] == "nest_asyncio" for source in read for name in source.aliases.values()):
        return
    called = {_definition(call, library, cells) for call in cells.calls if _is_ours(call, library, cells)}
    for source in read:
        for call, name in source.calls.items():
            if name == "asyncio.run" or _called(call) in _LOOPS:
                around = [parent for _, parent in source.around(call)]
                function = next((parent for parent in around if isinstance(parent, FUNCTIONS)), None)
                name = getattr(function, "name", "")
                runs = source is cells if function is None else not called.isdisjoint({("", name), (source.name, name)})
                # An `if` may ask for a running loop; a main guard does not.
                asks = (isinstance(one, ast.If) and "__name__" not in ast.unparse(one.test) for one in around)
                if runs and not any(asks) and not any(isinstance(parent, ast.Try) for parent in around):
                    yield (
                        f"{source.where(call)}: {ast.unparse(call.func)}() fails in a notebook, where an event loop "
                        "runs already; await the coroutine in the cell, or let the library run it in a thread"
                    )


def _definition(call: ast.Call, library: Library, cells: ParsedSource) -> tuple[str, str]:
    """The module that defines what a call names, as far as it is plain ("" if not), and the name."""
    above, _, name = cells.dotted(call.func).rpartition(".")
    name = name or _called(call)
    module = library.module(above)
    text = module.text if module else cells.text if isinstance(call.func, ast.Name) else ""
    is_defined = re.search(rf"(?m)^(async def|def|class) {name}\b", text)
    return (above or cells.name) if is_defined else "", name


def _is_ours(call: ast.Call, library: Library, cells: ParsedSource) -> bool:
    """Whether a call may reach the template or the library: not that of another package's function."""
    node: ast.AST = call.func
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    package = cells.dotted(node)
    return not package or library.owns(package.partition(".")[0])


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
