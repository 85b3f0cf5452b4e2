"""The credentials on this machine: their secrets and their user."""

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
    values += _IN_JSON.findall(_json())
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST}))


def user_names() -> list[str]:
    """The users whose credentials these are; of an access token only Kaggle knows that."""
    # Not asked of Kaggle's client, which authenticates when it is imported.
    return [os.environ.get("KAGGLE_USERNAME", ""), *re.findall(r'"username"\s*:\s*"([^"]+)"', _json())]


def _json() -> str:
    """What stands in the files in which Kaggle's client keeps credentials."""
    home = Path(os.path.expanduser("~"))
    folder = home / ".kaggle"
    configuration = folder
    if sys.platform.startswith("linux") and not folder.exists():
        configuration = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"
    configuration = Path(os.environ.get("KAGGLE_CONFIG_DIR") or configuration)
    paths = (configuration / "kaggle.json", folder / "kaggle.json", folder / "credentials.json")
    return "\n".join(map(_text, paths))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, ValueError):
        return ""
