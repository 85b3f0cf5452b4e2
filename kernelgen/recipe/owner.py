"""Whose name stands in the metadata: the recipe's, the command line's, or that of the credentials."""

from __future__ import annotations

import json
import os
from pathlib import Path

from kernelgen.errors import KernelgenError
from kernelgen.recipe.schema import OWNER
from kernelgen.secrets.own_secrets import configuration_folder

# Upper case and underscores, as in the client's own INSERT_KERNEL_SLUG_HERE: no user can have this name,
# so Kaggle refuses the push, and whoever opens the file sees what is missing.
UNKNOWN_OWNER = "INSERT_OWNER_HERE"


def find_owner(recipe: str | None, command_line: str | None) -> str | None:
    """The owner, or None if nothing names one.

    Credentials are looked for where Kaggle's client looks, without importing it (it authenticates when
    it is imported): KAGGLE_USERNAME, kaggle.json, and the user name in OAuth's credentials.json. An
    access token alone does not tell its owner without asking Kaggle.
    """
    if recipe:
        return recipe
    if command_line:
        if not OWNER.fullmatch(command_line):
            raise KernelgenError(f"--owner {command_line}: not a Kaggle user or organisation name")
        return command_line
    for name in (os.environ.get("KAGGLE_USERNAME"), *_names_in_files()):
        if name and OWNER.fullmatch(name):
            return name
    return None


def _names_in_files() -> list[str]:
    home = Path(os.path.expanduser("~"))
    names = []
    for path in (configuration_folder() / "kaggle.json", home / ".kaggle" / "credentials.json"):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        name = document.get("username") if isinstance(document, dict) else None
        if isinstance(name, str):
            names.append(name)
    return names
