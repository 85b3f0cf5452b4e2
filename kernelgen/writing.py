"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kernelgen.errors import KernelgenError


def write_text(path: Path, text: str) -> None:
    """Writes ``text`` in UTF-8 to a temporary name beside ``path``, then renames it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise KernelgenError(f"{path}: cannot be written: {error.strerror or error}") from None
