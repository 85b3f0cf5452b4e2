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
from kernelgen.searching import Search

SHORTEST_SECRET = 8
# Home folders of whichever machine, but for the names that stand for any user's.
_ANYBODY = r"(?!(?:user|username|you|yourname|me|name|jovyan|runner)[/\\\\])"
_HOMES = (
    rf"(?<![\w.-])(?:/home/{_ANYBODY}[A-Za-z0-9._-]+/|/Users/{_ANYBODY}[A-Za-z0-9._-]+/"
    rf"|[A-Za-z]:\\+Users\\+{_ANYBODY}[^\\\s]+)"
)
_HOME_WORDS = ("/home/", "/users/", ":\\")
_SECRETS = {
    "a GitHub token": Search(
        r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}",
        words=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    "a Hugging Face token": Search(r"\bhf_[A-Za-z0-9]{30,}", words=("hf_",)),
    "an AWS key": Search(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", words=("akia", "asia")),
    "a private key": Search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----", words=("private key",)),
    "a Kaggle token": Search(r"\bKGAT_[A-Za-z0-9]{16,}", words=("kgat_",)),
    "a Kaggle key": Search(
        r"(?i)kaggle_?(?:api_?)?key[\"']?\]?\s*[:=]\s*[\"']?[0-9a-f]{32}\b"
        r"|[\"']username[\"']\s*:[^}]{0,80}[\"']key[\"']\s*:\s*[\"'][0-9a-f]{32}\b",
        words=("kaggle", "username"),
    ),
    "a Google key": Search(r"\bAIza[0-9A-Za-z_-]{35}", words=("aiza",)),
    "a Slack token": Search(r"\bxox[abprs]-[A-Za-z0-9-]{10,}", words=("xox",)),
    "a Weights & Biases key": Search(
        r"(?i)wandb_?(?:api_?)?key[\"']?\]?\s*[:=]\s*[\"']?[0-9a-f]{40}\b", words=("wandb",)
    ),
}
_SECRET_VARIABLES = (
    "KAGGLE_KEY", "KAGGLE_API_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN",
    "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY",
)  # fmt: skip


def path_search(root: Path) -> Search:
    """Finds paths of this machine: the project's folder, the home folder, a temporary folder of its own."""
    places = {str(root), str(root.resolve()), os.path.expanduser("~"), tempfile.gettempdir()}
    # What any machine has, Kaggle's included, tells nothing.
    ordinary = {"/", "/root", "/tmp", "/var/tmp", "/usr/tmp", "/home", "/kaggle", "/kaggle/working", "~"}
    own = sorted(place for place in places - ordinary if len(place) > 1)
    expression = "|".join([rf"(?<![\w.-])(?:{'|'.join(map(re.escape, own))})(?![\w-])"] * bool(own) + [_HOMES])
    return Search(expression, (*(place.lower() for place in own), *_HOME_WORDS))


def owner_search(owner: str, exempt: Collection[str]) -> Search | None:
    """Finds the owner's name: before a slug, and as a word where it can be no other word.

    Args:
        exempt: words that stand in the notebook for other reasons (the library's name, the kernel's).
    """
    if owner.lower() == "kaggle":
        return None  # /kaggle/working is everywhere
    name = re.escape(owner)
    forms = [rf"(?<![\w./-]){name}/(?=[\w-])", rf"kaggle\.com/(?:code/|datasets/|models/)?{name}\b"]
    if len(owner) >= 5 and owner.lower() not in {word.lower() for word in exempt}:
        forms.append(rf"(?<![\w-]){name}(?![\w-])")
    return Search("|".join(forms), (owner.lower(),))


@lru_cache(maxsize=4096)
def matching_lines(text: str, search: Search) -> tuple[int, ...]:
    """The lines of ``text`` (from 1) on which something is found."""
    return tuple(sorted({text.count("\n", 0, match.start()) + 1 for match in search.matches(text)}))


@lru_cache(maxsize=4096)
def secret_lines(text: str, values: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """(line, kind) of everything that looks like a secret, or is one of ``values``."""
    found = {
        (text.count("\n", 0, match.start()) + 1, kind)
        for kind, search in _SECRETS.items()
        for match in search.matches(text)
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
