"""The secrets of the credentials on this machine."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_SHORTEST = 8
_VARIABLES = (
    "KAGGLE_KEY KAGGLE_API_TOKEN HF_TOKEN HUGGING_FACE_HUB_TOKEN GITHUB_TOKEN GH_TOKEN WANDB_API_KEY "
    "AWS_SECRET_ACCESS_KEY".split()
)
_IN_JSON = re.compile(r'"[^"]*(?:key|token|secret)[^"]*"\s*:\s*"([^"]+)"')


def known_secrets() -> tuple[str, ...]:
    """The secrets of the credentials at hand; they are compared with, never written anywhere."""
    folder = Path(os.path.expanduser("~")) / ".kaggle"
    values = [os.environ.get(name, "") for name in _VARIABLES]
    # The variable of the token may name a file.
    for path in (folder / "access_token", folder / "access_token.txt", Path(os.environ.get("KAGGLE_API_TOKEN", ""))):
        values.append(_text(path).strip())
    for path in (configuration_folder() / "kaggle.json", folder / "kaggle.json", folder / "credentials.json"):
        values += _IN_JSON.findall(_text(path))
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST}))


def configuration_folder() -> Path:
    """Where Kaggle's client keeps kaggle.json."""
    if named := os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(named)
    home = Path(os.path.expanduser("~"))
    folder = home / ".kaggle"
    if sys.platform.startswith("linux") and not folder.exists():
        return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"
    return folder


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, ValueError):
        return ""
