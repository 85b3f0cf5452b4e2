"""What may stand in kernels.toml, as pydantic models."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from kernelgen.errors import KernelgenError
from kernelgen.tables import Strict, plain_text

RECIPE = "kernel_templates/kernels.toml"
SETTING_NAME = "^[A-Za-z_][A-Za-z0-9_]*$"
OWNER = "^[A-Za-z0-9][A-Za-z0-9_-]*$"
SESSION_MINUTES = 720.0  # Kaggle ends a CPU or GPU session after 12 hours


def problem(table: str, key: str, what: str) -> KernelgenError:
    """The error that says what is wrong with a key of the recipe, or with a whole table."""
    return KernelgenError(f"{RECIPE}: [{table}] " + (f"{key}: " if key else "") + what)


def checked_setting(value: Any) -> Any:
    """The value of a setting, which a Python literal can say.

    Raises:
        ValueError: it is a date, infinite or no number.
    """
    if isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            checked_setting(item)
    elif not isinstance(value, str | int | float):
        kind = type(value).__name__
        raise ValueError(f"a setting is a string, a number, true or false, a list or a table, but never a {kind}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("inf and nan have no Python literal")
    return value


Setting = Annotated[Any, AfterValidator(checked_setting)]
SettingName = Annotated[str, Field(pattern=SETTING_NAME)]
Text = Annotated[str, plain_text(255)]
# The discriminators make pydantic complain of the kind that was meant, not of both.
SourceText = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[Annotated[str, Field(min_length=1)]], Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list) else "text"),
]
TimeLimit = Annotated[
    Annotated[SettingName, Tag("text")] | Annotated[float, Field(gt=0, allow_inf_nan=False), Tag("number")],
    Discriminator(lambda value: "text" if isinstance(value, str) else "number"),
]


class KernelTable(Strict):
    """``[kernels.NAME]`` as written, before ``extends`` and ``each`` are followed."""

    template: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")] = ""
    title: str = ""
    extends: str | None = None
    each: dict[SettingName, Annotated[list[Setting], Field(min_length=1)]] = {}
    settings: dict[SettingName, Setting] = {}
    sources: dict[SettingName, SourceText] = {}
    agrees: dict[SettingName, Annotated[list[SettingName], Field(min_length=1)]] = {}
    include: list[str] = []
    files: list[str] = []
    gpu: bool = False
    internet: bool = False
    machine_shape: str | None = None
    private: bool = True
    keywords: list[Text] = []
    docker_image: Text | None = None
    docker_image_pinning_type: Literal["original", "latest"] | None = None
    submits: Text | None = None
    time_limit: TimeLimit = SESSION_MINUTES


class RecipeTable(Strict):
    """The whole of kernels.toml. examples: globs of kernels that --list shows on request only."""

    library: str
    mounts: Annotated[str, Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$")] | None = None
    owner: Annotated[str, Field(pattern=OWNER)] | None = None
    examples: list[str] = []
    settings: dict[SettingName, Setting] = {}
    kernels: Annotated[dict[Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")], KernelTable], Field(min_length=1)]
