"""The secrets of the credentials on this machine."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SHORTEST_SECRET = 8
_VARIABLES = (
    "KAGGLE_KEY",
    "KAGGLE_API_TOKEN",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "WANDB_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
)


def known_secrets() -> tuple[str, ...]:
    """The secrets of the credentials at hand; they are compared with, never written anywhere."""
    values = {os.environ.get(name, "") for name in _VARIABLES} | set(_secrets_of_kaggle())
    return tuple(sorted(value for value in values if len(value) >= SHORTEST_SECRET))


def configuration_folder() -> Path:
    """Where Kaggle's client keeps kaggle.json."""
    if named := os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(named)
    home = Path(os.path.expanduser("~"))
    folder = home / ".kaggle"
    if sys.platform.startswith("linux") and not folder.exists():
        return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"
    return folder


def _secrets_of_kaggle() -> Iterator[str]:
    home = Path(os.path.expanduser("~")) / ".kaggle"
    token = os.environ.get("KAGGLE_API_TOKEN", "")
    for path in {home / "access_token", home / "access_token.txt", Path(token) if token else home}:
        yield _text(path).strip()
    for path in {configuration_folder() / "kaggle.json", home / "kaggle.json", home / "credentials.json"}:
        try:
            document = json.loads(_text(path) or "null")
        except ValueError:
            continue
        for key, value in document.items() if isinstance(document, dict) else ():
            if isinstance(value, str) and re.search(r"key|token|secret", key):
                yield value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, ValueError):
        return ""
