"""What may stand in kernels.toml, as pydantic models; every violation becomes one line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kernelgen.errors import KernelgenError
from kernelgen.rendering.template import TAKEN_NAMES

KERNEL_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
TEMPLATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
MODULE_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

# Words that Jinja reads as operators, constants or its own template.
JINJA_WORDS = frozenset("and or not in is if else true false none True False None self".split())

Model = TypeVar("Model", bound=BaseModel)


def _matching(pattern: re.Pattern[str], what: str):
    def check(value: Any) -> Any:
        if isinstance(value, str) and not pattern.fullmatch(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return BeforeValidator(check)


def setting_problem(value: Any) -> str | None:
    """Why ``value`` cannot be a setting, or None: it must be writable as a Python literal."""
    if isinstance(value, bool | str | int):
        return None
    if isinstance(value, float):
        return None if value == value and abs(value) != float("inf") else "inf and nan have no Python literal"
    if isinstance(value, list):
        return next((problem for item in value if (problem := setting_problem(item))), None)
    if isinstance(value, dict):
        return next((problem for item in value.values() if (problem := setting_problem(item))), None)
    return f"a {type(value).__name__} cannot be a setting; write a string, a number, true or false, a list or a table"


def _setting(value: Any) -> Any:
    if problem := setting_problem(value):
        raise ValueError(problem)
    return value


def _setting_name(value: Any) -> Any:
    if isinstance(value, str):
        if not SETTING_NAME.fullmatch(value):
            raise ValueError(f"{value!r} is not a name that a template can use; letters, digits and _ only")
        if value in TAKEN_NAMES | JINJA_WORDS:
            raise ValueError(f"{value!r} already means something in a template; choose another name")
    return value


def _source(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise ValueError('expected a string, a list of strings, or "" for none')
    for item in value:
        if not isinstance(item, str) or not item:
            raise ValueError(f"a list of sources cannot hold {_shown(item)}; remove it")
    return list(value)


def _time_limit(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a number of minutes or the name of the setting that holds it")
    if isinstance(value, str):
        return _setting_name(value)
    if not 0 < value < float("inf"):
        raise ValueError(f"{value} is no number of minutes")
    return float(value)


TimeLimit = Annotated[Any, BeforeValidator(_time_limit)]
Setting = Annotated[Any, BeforeValidator(_setting)]
SettingName = Annotated[str, BeforeValidator(_setting_name)]
SourceText = Annotated[Any, BeforeValidator(_source)]
KernelName = Annotated[str, _matching(KERNEL_NAME, "a kernel's name; lower case letters, digits and hyphens only")]
TemplateName = Annotated[str, _matching(TEMPLATE_NAME, "a template's name; write it without folder and .py.j2")]
OwnerName = Annotated[str, _matching(OWNER, "a Kaggle user or organisation name")]
DottedName = Annotated[str, _matching(MODULE_NAME, "a Python module's name")]


class Strict(BaseModel):
    """A table in which an unknown key or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class KernelTable(Strict):
    """``[kernels.NAME]`` as written, before ``extends`` and ``each`` are followed."""

    template: TemplateName | None = None
    title: str | None = None
    extends: KernelName | None = None
    each: dict[SettingName, Annotated[list[Setting], Field(min_length=1)]] | None = None
    settings: dict[SettingName, Setting] = {}
    sources: dict[SettingName, SourceText] = {}
    agrees: dict[SettingName, Annotated[list[SettingName], Field(min_length=1)]] | None = None
    include: list[str] | None = None
    files: list[str] | None = None
    gpu: bool | None = None
    internet: bool | None = None
    machine_shape: str | None = None
    private: bool | None = None
    keywords: list[str] | None = None
    docker_image: str | None = None
    docker_image_pinning_type: Literal["original", "latest"] | None = None
    submits: str | None = None
    time_limit: TimeLimit | None = None


class RecipeTable(Strict):
    """The whole of kernels.toml."""

    library: Annotated[str, _matching(re.compile(r"[^\W\d]\w*"), "a Python package's name")]
    mounts: DottedName | None = None
    owner: OwnerName | None = None
    settings: dict[SettingName, Setting] = {}
    kernels: Annotated[dict[KernelName, KernelTable], Field(min_length=1)]


def read_toml(path: Path, where: str) -> dict[str, Any]:
    """The TOML document in ``path``; ``where`` names the file in errors."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise KernelgenError(f"{where}: there is no such file; make it or check the path") from None
    except UnicodeDecodeError as error:
        raise KernelgenError(f"{where}: byte {error.start} is not UTF-8; save the file in that encoding") from None
    except tomllib.TOMLDecodeError as error:
        raise KernelgenError(f"{where}: not valid TOML: {error}; mend the file") from None
    except OSError as error:
        raise KernelgenError(f"{where}: cannot be read: {error.strerror or error}") from None


def validated(model: type[Model], document: Mapping[str, Any], where: str) -> Model:
    """``document`` as a ``model``; each violation is a line of the one KernelgenError that is raised."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        lines: dict[str, None] = {}
        for details in error.errors():
            lines[f"{where}: {_place(details['loc'], document)}{_violation(details, model)}"] = None
        raise KernelgenError("\n".join(lines)) from None


def near(name: str, known: Iterable[str]) -> str:
    """A hint that starts with a space: the known names nearest to ``name``, or all if they are few."""
    known = sorted(set(known))
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f" (did you mean {', '.join(close)}?)"
    if known and len(known) <= 12:
        return f" (there is {', '.join(known)})"
    return ""


def _place(location: tuple[int | str, ...], document: Any) -> str:
    """``[kernels.case] key: `` for pydantic's location of a violation."""
    parts: list[str] = []
    here = document
    for part in location:
        if part == "[key]":  # what is wrong is the name itself, not what stands under it
            break
        if isinstance(here, Mapping):
            if part not in here and str(part) not in here:
                # pydantic adds the branch of a union to the location; a missing key is told by its name
                if part == location[-1] and len(parts) == len(location) - 1:
                    parts.append(str(part))
                break
            parts.append(str(part))
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            parts.append(str(part + 1))
            here = here[part]
        else:
            break
    # What lies below the last table is a key of it.
    depth, here = 0, document
    for part in parts[:-1]:
        here = here.get(part) if isinstance(here, Mapping) else None
        if not isinstance(here, Mapping):
            break
        depth += 1
    table, key = parts[:depth], parts[depth:]
    text = f"[{'.'.join(table)}] " if table else ""
    if key:
        text += key[0] + (f" item {key[1]}" if len(key) > 1 else "") + ": "
    return text


_EXPECTED = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


def _violation(details: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, value = details["type"], details.get("input")
    location = details["loc"]
    if kind == "extra_forbidden":
        key = str(location[-1])
        fields = KernelTable if len(location) == 3 and location[0] == "kernels" else model
        return f"unknown key{near(key, fields.model_fields)}; remove or correct it"
    if kind == "missing":
        return "missing; write it"
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, found {_shown(value)}"
    if kind == "literal_error":
        return f"expected {details['ctx']['expected']}, found {_shown(value)}"
    if kind == "too_short":
        return "nothing stands in it; write at least one"
    if kind == "greater_than":
        return f"must be greater than {details['ctx']['gt']:g}, found {_shown(value)}"
    return f"{details['msg'][:1].lower()}{details['msg'][1:]}, found {_shown(value)}"


def _shown(value: Any) -> str:
    names = {bool: "true or false", str: "the string", int: "the number", float: "the number"}
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return f"{names.get(type(value), type(value).__name__)} {text if len(text) <= 60 else text[:57] + '...'}"
