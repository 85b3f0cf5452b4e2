"""TOML files read as pydantic models; every violation becomes one line."""

import itertools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from kernelgen.errors import KernelgenError, in_line, near

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A table in which an unknown key or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def plain_text(longest: int) -> AfterValidator:
    """For texts that Kaggle is told: some characters, at most ``longest``, of one line."""

    def check(value: str) -> str:
        if not value:
            raise ValueError("is empty; write something or remove it")
        if len(value) > longest:
            raise ValueError(f"{value[:37]!r}... has {len(value)} characters; no more than {longest} can stand in it")
        if value != value.strip() or not value.isprintable():
            what = "remove white space at its ends and characters that cannot be printed"
            raise ValueError(f"{value!r} is no plain text; {what}")
        return value

    return AfterValidator(check)


def read_toml(path: Path, where: str) -> dict[str, Any]:
    """The TOML document in ``path``; ``where`` names the file in errors."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KernelgenError(f"{where}: not valid TOML: {error}; mend the file") from None
    except OSError as error:
        raise KernelgenError(f"{where}: cannot be read: {error.strerror or error}; check the path") from None


def validated(model: type[Model], document: Mapping[str, Any], where: str) -> Model:
    """``document`` as a ``model``; each violation is a line of the one KernelgenError that is raised."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        lines = [f"{where}: {_place(item['loc'], document)}{_violation(item, model)}" for item in error.errors()]
        raise KernelgenError("\n".join(dict.fromkeys(lines))) from None


def _place(location: tuple[int | str, ...], document: Any) -> str:
    """``[kernels.case] key: `` for pydantic's location of a violation."""
    parts = list(itertools.takewhile(lambda part: part != "[key]", location))  # after that mark, the name is wrong
    depth = 0
    while depth < len(parts) - 1 and isinstance(document, Mapping):
        document = document.get(parts[depth])
        depth += isinstance(document, Mapping)
    table = f"[{'.'.join(in_line(str(part)) for part in parts[:depth])}] " if depth else ""
    items = [f" item {part + 1}" for part in parts[depth + 1 : depth + 2] if isinstance(part, int)]
    return f"{table}{''.join([in_line(str(parts[depth])), *items])}: " if parts else ""


_EXPECTED = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}
_MESSAGES = {
    "missing": "missing; write it",
    "value_error": "{error}",
    "too_short": "nothing stands in it; write at least one",
    "greater_than": "must be greater than {gt:g}, found {found}",
    "literal_error": "expected {expected}, found {found}",
    **{kind: f"expected {expected}, found {{found}}" for kind, expected in _EXPECTED.items()},
}


def _violation(details: Mapping[str, Any], model: type[BaseModel]) -> str:
    if details["type"] == "extra_forbidden":
        *above, key = details["loc"]
        schema = model.model_json_schema()
        tables = schema.get("$defs", {}).values() if above else [schema]
        known = [key for table in tables for key in table.get("properties", ())]
        return f"unknown key{near(str(key), known)}; remove or correct it"
    found = shown(details.get("input"))
    if message := _MESSAGES.get(details["type"]):
        return message.format(**details.get("ctx", {}), found=found)
    return f"{details['msg'][:1].lower()}{details['msg'][1:]}, found {found}"


def shown(value: Any) -> str:
    """Return a value as a message names it, with its kind."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    kind = {str: "the string", int: "the number", float: "the number"}.get(type(value), type(value).__name__)
    text = repr(value)
    return f"{kind} {text if len(text) <= 60 else text[:57] + '...'}"
