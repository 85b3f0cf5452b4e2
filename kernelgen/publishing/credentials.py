"""Credentials as people save them: with a line break at the end, a byte order mark, quotes."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path

from kernelgen.errors import KernelgenError

NEW_TOKEN = "make a new token at kaggle.com/settings"
TOKEN = "KAGGLE_API_TOKEN"
_TOKEN_FILES = ("access_token", "access_token.txt")
# What stands around a token by mistake.
_AROUND = " \t\r\n\v\f\0\ufeff\u200b\xa0\"'"


def not_installed(error: ImportError) -> KernelgenError:
    """The line for a package of the extra ``push`` that is missing."""
    return KernelgenError(f"Kaggle's client is not installed ({error.name}); run `pip install -e '.[push]'`")


def tidy_environment() -> None:
    """Take from the KAGGLE_ variables what stands around their values by mistake.

    Raises:
        KernelgenError: a token that can be none, with the place where it was found.
    """
    for name, value in os.environ.items():
        if name.startswith("KAGGLE_") and value != (tidy := value.strip(_AROUND)):
            if tidy:
                os.environ[name] = tidy
            else:
                del os.environ[name]
    if token := os.environ.get(TOKEN, ""):
        path = _file(token)
        check_secret(TOKEN if path is None else f"{path} ({TOKEN})", token if path is None else _content(path))
        return
    for name in _TOKEN_FILES:
        if (path := Path.home() / ".kaggle" / name).is_file():
            check_secret(str(path), _content(path))


def check_secret(where: str, secret: bytes | str) -> None:
    """Raise KernelgenError for a token or key that fits into no request."""
    # The client itself removes white space around a file's text, and nothing else.
    text = (secret.decode("utf-8", "replace") if isinstance(secret, bytes) else secret).strip()
    if not text.isascii() or not text.isprintable() or any(character in " \"'=" for character in text.rstrip("=")):
        raise KernelgenError(f"{where}: holds characters that no token has; {NEW_TOKEN}, and save nothing but it there")


def read_settings(path: str) -> dict[str, str]:
    """What kaggle.json holds, in whatever encoding an editor saved it.

    Raises:
        KernelgenError: it is no JSON object.
    """
    if not os.path.exists(path):
        return {}
    try:
        document = json.loads(_text(Path(path)).strip(_AROUND.replace('"', "")) or "{}")
        if not isinstance(document, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError):
        raise KernelgenError(f'{path}: is not {{"username": "…", "key": "…"}}; download it again') from None
    return {str(key): value.strip(_AROUND) if isinstance(value, str) else value for key, value in document.items()}


def _file(token: str) -> Path | None:
    """The file that the variable names instead of a token, as the client allows it."""
    try:
        return Path(token) if Path(token).exists() else None
    except (OSError, ValueError):  # the client fails in the same way
        raise KernelgenError(
            f"{TOKEN}: Kaggle's client takes its value for a path that is too long; save it as ~/.kaggle/access_token"
        ) from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KernelgenError(f"{path}: {error.strerror}; make it readable, or remove it") from None


def _text(path: Path) -> str:
    """A file's text; PowerShell's ``>`` writes UTF-16."""
    content = _content(path)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8", "replace")
