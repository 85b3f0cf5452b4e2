"""Whose name stands in the metadata: the recipe's, the command line's, or that of the credentials."""

from __future__ import annotations

import json
import os
import re
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
    if command_line and not re.fullmatch(OWNER, command_line):
        raise KernelgenError(f"--owner {command_line}: not a Kaggle user or organisation name")
    names = [recipe, command_line, os.environ.get("KAGGLE_USERNAME")]
    for path in (configuration_folder() / "kaggle.json", Path("~/.kaggle/credentials.json").expanduser()):
        try:
            names.append(str(json.loads(path.read_text(encoding="utf-8"))["username"]))
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return next((name for name in names if name and re.fullmatch(OWNER, name)), None)
