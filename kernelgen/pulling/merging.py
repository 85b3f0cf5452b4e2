"""Two edits of one file, put together by git."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from kernelgen.inlining.library import BOM
from kernelgen.pulling.cells import with_newlines
from kernelgen.pulling.editing import with_line_ends


def merged(base: bytes, here: bytes, kaggle: bytes) -> tuple[bytes | None, bytes | None]:
    """Both edits of ``base`` in one file, with the line ends of ``here``; None where they are in each other's way.

    Second the same with git's conflict marks, None where there are no lines to be marked.
    """
    texts = [as_text(data) for data in (here, base, kaggle)]
    if None in texts:
        return None, None
    with tempfile.TemporaryDirectory(prefix="kernelgen-merge-") as name:
        for file, text in zip(("here", "built", "kaggle"), texts, strict=True):
            Path(name, file).write_bytes(_encoded(with_newlines(text)))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        labels = [part for label in ("here", "as built", "on Kaggle") for part in ("-L", label)]
        command = ["git", "merge-file", "-p", "--quiet", *labels, "here", "built", "kaggle"]
        try:
            done = subprocess.run(command, cwd=name, env=environment, capture_output=True)
        except OSError:  # without git nothing is put together
            return None, None
    # Its exit status is the number of conflicts, at most 127; beyond that it failed.
    if done.returncode > 127 or done.returncode < 0:
        return None, None
    mark = BOM if here.startswith(BOM) else b""
    result = mark + _encoded(with_line_ends(done.stdout.decode("utf-8", "surrogateescape"), texts[0]))
    return (None, result) if done.returncode else (result, None)


def as_text(data: bytes) -> str | None:
    """A file's text without a BOM, whatever its encoding is; None for what is no text."""
    if b"\0" in data:
        return None
    return data.removeprefix(BOM).decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
