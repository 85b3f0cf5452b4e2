"""What was last sent, so that nothing is sent twice and a later call knows what it follows.

What is about to be pushed is noted before, without a version, and the version after: a call that was killed in between
is found out by the next one. A kernel's record lies in OUT/NAME/pushed/OWNER, beside the notebook and the metadata that
were sent; a dataset's in its folder, below .cache, which Kaggle's client never uploads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel

from kernelgen.writing import write_text

RECORD, NOTEBOOK = "pushed.json", "pushed.ipynb"


class Record(BaseModel):
    """What is noted of something that was sent."""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record in a file; None if there is none, or it is damaged."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            return None

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        write_text(path, self.model_dump_json(indent=2) + "\n")


class PushedKernel(Record):
    """A version of a kernel that was pushed from here.

    Attributes:
        identity: OWNER/SLUG.
        base: the newest version before it.
        version: its number on Kaggle; 0 as long as it is not known to have arrived.
        content: the SHA-256 of what makes a version another one: notebook, metadata, versions of what it was given.
        submissions: by competition, the number under which this version was submitted.
    """

    identity: str
    base: int
    version: int
    content: str
    submissions: dict[str, int] = {}


class SentDataset(Record):
    """A version of a dataset that was sent from here, with the SHA-256 of each file by its name."""

    version: int
    files: dict[str, str]


def pushed_folder(out: Path, kernel: str, identity: str) -> Path:
    """Where a kernel's record lies, of what went to this owner."""
    return Path(out) / kernel / "pushed" / identity.split("/")[0]


def read_pushed(out: Path, kernel: str, identity: str) -> PushedKernel | None:
    """What was last pushed to ``identity``; None if nothing was, not from here, or the record is damaged."""
    pushed = PushedKernel.read(pushed_folder(out, kernel, identity) / RECORD)
    return pushed if pushed and pushed.identity == identity else None


def pushed_notebook(out: Path, kernel: str, identity: str) -> Path | None:
    """The notebook as it was last pushed from here; None where nothing was, or it is not known to have arrived."""
    pushed = read_pushed(out, kernel, identity)
    path = pushed_folder(out, kernel, identity) / NOTEBOOK
    return path if pushed and pushed.version and path.is_file() else None
