"""What may stand in kernels.toml, as pydantic models."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from kernelgen.errors import KernelgenError
from kernelgen.rendering.template import TAKEN_NAMES
from kernelgen.tables import Strict, plain_text, shown

RECIPE = "kernel_templates/kernels.toml"
KERNEL_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
TEMPLATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
MODULE_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

# Words that Jinja reads as operators, constants or its own template.
JINJA_WORDS = frozenset("and or not in is if else true false none True False None self".split())


def problem(table: str, key: str, what: str) -> KernelgenError:
    """The error that says what is wrong with a key of the recipe, or with a whole table."""
    return KernelgenError(f"{RECIPE}: [{table}] " + (f"{key}: " if key else "") + what)


def _matching(pattern: re.Pattern[str], what: str) -> BeforeValidator:
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
    if isinstance(value, list | dict):
        items = value.values() if isinstance(value, dict) else value
        return next((wrong for item in items if (wrong := setting_problem(item))), None)
    return f"a {type(value).__name__} cannot be a setting; write a string, a number, true or false, a list or a table"


def _setting(value: Any) -> Any:
    if wrong := setting_problem(value):
        raise ValueError(wrong)
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
            raise ValueError(f"a list of sources cannot hold {shown(item)}; remove it")
    return list(value)


def _time_limit(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a number of minutes or the name of the setting that holds it")
    if isinstance(value, str):
        return _setting_name(value)
    if not 0 < value < float("inf"):
        raise ValueError(f"{value} is no number of minutes")
    return float(value)


def _output_file(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts or str(path) != value:
        raise ValueError(
            f"{value!r} is no file of the output; write its path in the output's folder, submission.csv say"
        )
    return value


TimeLimit = Annotated[Any, BeforeValidator(_time_limit)]
Setting = Annotated[Any, BeforeValidator(_setting)]
SettingName = Annotated[str, BeforeValidator(_setting_name)]
SourceText = Annotated[Any, BeforeValidator(_source)]
KernelName = Annotated[str, _matching(KERNEL_NAME, "a kernel's name; lower case letters, digits and hyphens only")]
TemplateName = Annotated[str, _matching(TEMPLATE_NAME, "a template's name; write it without folder and .py.j2")]
OwnerName = Annotated[str, _matching(OWNER, "a Kaggle user or organisation name")]
Text = Annotated[str, plain_text(255)]
OutputFile = Annotated[str, plain_text(255), AfterValidator(_output_file)]
DottedName = Annotated[str, _matching(MODULE_NAME, "a Python module's name")]


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
    keywords: list[Text] | None = None
    docker_image: Text | None = None
    docker_image_pinning_type: Literal["original", "latest"] | None = None
    submits: OutputFile | None = None
    time_limit: TimeLimit | None = None


class RecipeTable(Strict):
    """The whole of kernels.toml. examples: globs of kernels that --list shows on request only."""

    library: Annotated[str, _matching(re.compile(r"[^\W\d]\w*"), "a Python package's name")]
    mounts: DottedName | None = None
    owner: OwnerName | None = None
    examples: list[str] = []
    settings: dict[SettingName, Setting] = {}
    kernels: Annotated[dict[KernelName, KernelTable], Field(min_length=1)]
