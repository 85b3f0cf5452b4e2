"""What must not leave this machine in a notebook: its paths, secrets, the owner's name."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from kernelgen.recipe.owner import configuration_folder

SHORTEST_SECRET = 8
# Home folders of whichever machine, but for the names that stand for any user's.
_ANYBODY = r"(?!(?:user|username|you|yourname|me|name|jovyan|runner)[/\\\\])"
_HOMES = re.compile(
    rf"(?<![\w.-])(?:/home/{_ANYBODY}[A-Za-z0-9._-]+/|/Users/{_ANYBODY}[A-Za-z0-9._-]+/"
    rf"|[A-Za-z]:\\+Users\\+{_ANYBODY}[^\\\s]+)"
)
_SECRETS = {
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a Kaggle token": re.compile(r"\bKGAT_[A-Za-z0-9]{16,}"),
    "a Kaggle key": re.compile(
        r"(?i)kaggle_?(?:api_?)?key[\"']?\]?\s*[:=]\s*[\"']?[0-9a-f]{32}\b"
        r"|[\"']username[\"']\s*:[^}]{0,80}[\"']key[\"']\s*:\s*[\"'][0-9a-f]{32}\b"
    ),
    "a Google key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "a Weights & Biases key": re.compile(r"(?i)wandb_?(?:api_?)?key[\"']?\]?\s*[:=]\s*[\"']?[0-9a-f]{40}\b"),
}
_SECRET_VARIABLES = (
    "KAGGLE_KEY", "KAGGLE_API_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN",
    "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY",
)  # fmt: skip


def path_pattern(root: Path) -> re.Pattern[str]:
    """Matches paths of this machine: the project's folder, the home folder, a temporary folder of its own."""
    places = {str(root), str(root.resolve()), os.path.expanduser("~"), tempfile.gettempdir()}
    # What any machine has, Kaggle's included, tells nothing.
    ordinary = {"/", "/root", "/tmp", "/var/tmp", "/usr/tmp", "/home", "/kaggle", "/kaggle/working", "~"}
    own = sorted(re.escape(place) for place in places - ordinary if len(place) > 1)
    return re.compile("|".join([rf"(?<![\w.-])(?:{'|'.join(own)})(?![\w-])"] * bool(own) + [_HOMES.pattern]))


def owner_pattern(owner: str, exempt: Collection[str]) -> re.Pattern[str] | None:
    """Matches the owner's name: before a slug, and as a word where it can be no other word.

    Args:
        exempt: words that stand in the notebook for other reasons (the library's name, the kernel's).
    """
    if owner.lower() == "kaggle":
        return None  # /kaggle/working is everywhere
    name = re.escape(owner)
    forms = [rf"(?<![\w./-]){name}/(?=[\w-])", rf"kaggle\.com/(?:code/|datasets/|models/)?{name}\b"]
    if len(owner) >= 5 and owner.lower() not in {word.lower() for word in exempt}:
        forms.append(rf"(?<![\w-]){name}(?![\w-])")
    return re.compile("|".join(forms))


@lru_cache(maxsize=4096)
def matching_lines(text: str, pattern: re.Pattern[str]) -> tuple[int, ...]:
    """The lines of ``text`` (from 1) on which ``pattern`` matches."""
    return tuple(sorted({text.count("\n", 0, match.start()) + 1 for match in pattern.finditer(text)}))


@lru_cache(maxsize=4096)
def secret_lines(text: str, values: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """(line, kind) of everything that looks like a secret, or is one of ``values``."""
    found = {
        (text.count("\n", 0, match.start()) + 1, kind)
        for kind, pattern in _SECRETS.items()
        for match in pattern.finditer(text)
    }
    for value in values:
        position = text.find(value)
        if position >= 0:
            found.add((text.count("\n", 0, position) + 1, "a secret of this machine's credentials"))
    return tuple(sorted(found))


def known_secrets() -> tuple[str, ...]:
    """The secrets of the credentials at hand; they are compared with, never written anywhere."""
    found = {os.environ.get(name, "") for name in _SECRET_VARIABLES} | set(_secrets_in_files())
    return tuple(sorted(value for value in found if len(value) >= SHORTEST_SECRET))


def _secrets_in_files() -> Iterator[str]:
    home = Path(os.path.expanduser("~")) / ".kaggle"
    token = os.environ.get("KAGGLE_API_TOKEN", "")
    for path in {home / "access_token", home / "access_token.txt", Path(token) if token else home}:
        if text := _text(path):
            yield text.strip()
    for path in {configuration_folder() / "kaggle.json", home / "kaggle.json", home / "credentials.json"}:
        try:
            document = json.loads(_text(path) or "null")
        except ValueError:
            continue
        for key, value in document.items() if isinstance(document, dict) else ():
            if isinstance(value, str) and re.search(r"key|token|secret", key):
                yield value


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, ValueError):
        return None
