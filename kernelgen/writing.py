"""Files written whole or not at all."""

import os
from pathlib import Path

from kernelgen.errors import KernelgenError


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8 to a temporary name beside ``path``, then rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(text, encoding="utf-8", newline="\n")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise KernelgenError(f"{path}: cannot be written: {error.strerror or error}") from None
