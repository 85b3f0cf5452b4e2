"""Computing with strings and paths by Python's own functions, as far as the arguments are known."""

import ast
import posixpath
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from kernelgen.inlining.values import MARK, UNKNOWN, Items, Table, Unknown, Values, is_beside, plain, text_of

STRING_METHODS = frozenset(
    "casefold capitalize format join lower lstrip partition removeprefix removesuffix replace rpartition rsplit rstrip "
    "split strip title upper swapcase".split()
)
PATH_METHODS = frozenset(
    "joinpath with_name with_suffix with_stem resolve absolute expanduser as_posix __str__ __fspath__ "
    "__truediv__".split()
)
PATH_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "dirname": posixpath.dirname,
    "basename": posixpath.basename,
    "abspath": posixpath.normpath,
    "realpath": posixpath.normpath,
    "normpath": posixpath.normpath,
    "expanduser": lambda path: path,
    "expandvars": lambda path: path,
    "normcase": lambda path: path,
    "join": posixpath.join,
    "split": posixpath.split,
    "splitext": posixpath.splitext,
}


def to_string(value: Any) -> Any:
    """`str(value)`."""
    if isinstance(value, (str, PurePosixPath, int)) or value is None:
        return str(value)
    return Unknown(value.prefix) if isinstance(value, Unknown) else Unknown()


def combine(operator: ast.operator, left: Any, right: Any) -> Any:
    """`left operator right`."""
    if isinstance(operator, ast.Div):
        return join(left, (right,), PurePosixPath)
    if isinstance(operator, ast.Mod) and isinstance(left, str):
        arguments = right
        if isinstance(right, Items):
            arguments = tuple(one[0] if len(one) == 1 else Unknown() for one in right.elements)
        known = arguments if isinstance(arguments, tuple) else (arguments,)
        if all(isinstance(one, (str, int, PurePosixPath)) for one in known):
            try:
                return left % arguments
            except (TypeError, ValueError):
                return Unknown()
        first = known[0] if known else Unknown()
        return Unknown((text_of(first) or "") if left.startswith("%s") else left.partition("%")[0])
    if isinstance(operator, ast.Add):
        if isinstance(left, Items) and isinstance(right, Items):
            return Items(left.elements + right.elements)
        if isinstance(left, Items):
            return Items((*left.elements, UNKNOWN))
        if isinstance(left, int) and isinstance(right, int):
            return left + right
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        if isinstance(left, Unknown) and isinstance(right, Items):
            return Items((UNKNOWN, *right.elements))
        if isinstance(left, str):
            return Unknown(left + (right.prefix if isinstance(right, Unknown) else ""))
        if isinstance(left, Unknown):
            return left
    if isinstance(operator, ast.BitOr) and isinstance(left, Table) and isinstance(right, Table):
        return Table(left.entries + right.entries)
    if isinstance(operator, ast.Sub) and isinstance(left, int) and isinstance(right, int):
        return left - right
    return Unknown()


def join(base: Any, parts: Values, make: Callable[[str], Any]) -> Any:
    """A path and what is put behind it."""
    text = text_of(base)
    if text is None or isinstance(base, Unknown):
        return base if isinstance(base, Unknown) else Unknown()
    for part in parts:
        more = text_of(part)
        if isinstance(part, Unknown) or more is None:
            return Unknown(posixpath.join(text, more or ""))
        text = posixpath.join(text, more)
    return make(text)


def cut(value: Any, bounds: list[Values]) -> Any:
    """`value[slice]`."""
    known = all(len(bound) == 1 and (bound[0] is None or isinstance(bound[0], int)) for bound in bounds)
    cut = slice(*(bound[0] for bound in bounds)) if known else None
    if isinstance(value, str):
        return value[cut] if cut else Unknown(MARK if is_beside(value) else "")
    if isinstance(value, Items):
        return Items(value.elements[cut]) if cut else value
    return Unknown()


def os_path(function: str, arguments: Values) -> Any:
    """What a function of os.path gives."""
    if function == "join":
        return join(arguments[0], arguments[1:], str)
    text = text_of(arguments[0])
    if text is None:
        return Unknown()
    if isinstance(arguments[0], Unknown):
        return Unknown() if function == "basename" else arguments[0]
    return plain(PATH_FUNCTIONS[function](text))


def join_strings(separator: str, parts: Values) -> Any:
    """`separator.join(parts)`."""
    if all(isinstance(part, str) for part in parts):
        return separator.join(parts)
    return Unknown(text_of(parts[0]) or "") if parts else Unknown()


def string_method(name: str, arguments: Values, keywords: dict[str, Any]) -> Any:
    """What a method of a string gives; `arguments` begin with the string."""
    value, *rest = arguments
    known = all(isinstance(one, (str, int, PurePosixPath)) or one is None for one in (*rest, *keywords.values()))
    if not known:
        if name == "format" and value.startswith("{}") and rest:
            return Unknown(text_of(rest[0]) or "")
        return beginning(value, name)
    try:
        return plain(getattr(value, name)(*rest, **keywords))
    except (TypeError, ValueError, LookupError, AttributeError):
        return Unknown()


def beginning(value: str, method: str) -> Unknown:
    """What is known of a string method's result if its arguments are not."""
    if method == "format":
        return Unknown(value.partition("{")[0])
    return Unknown(MARK if is_beside(value) else "")


def path_method(name: str, arguments: Values) -> Any:
    """What a method of a path gives; `arguments` begin with the path."""
    value, *rest = arguments
    if name in {"joinpath", "__truediv__"}:
        return join(value, tuple(rest), PurePosixPath)
    if name in {"resolve", "absolute", "expanduser"}:
        return PurePosixPath(posixpath.normpath(str(value)))
    if name in {"as_posix", "__str__", "__fspath__"}:
        return str(value)
    if len(rest) == 1 and isinstance(rest[0], str):
        try:
            return getattr(value, name)(*rest)
        except ValueError:
            return Unknown()
    return Unknown(f"{value.parent}/")
