"""What was last sent, so that nothing is sent twice and a later call knows what it follows.

What is about to be pushed is noted before, without a version, and the version after: a call that was killed in between
is found out by the next one. A kernel's record lies in OUT/NAME/pushed/OWNER, beside the notebook and the metadata that
were sent; a dataset's in its folder, below .cache, which Kaggle's client never uploads.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel

from kernelgen.datasets.folder import CACHE
from kernelgen.writing import write_text

logger = logging.getLogger(__name__)

PUSHED, RECORD, NOTEBOOK, SENT = "pushed", "pushed.json", "pushed.ipynb", "sent.json"
METADATA = "kernel-metadata.json"


class PushedKernel(BaseModel, frozen=True):
    """A version of a kernel that was pushed from here.

    Attributes:
        identity: OWNER/SLUG.
        base: the newest version before it.
        version: its number on Kaggle; 0 as long as it is not known to have arrived.
        notebook_sha256, metadata: what was sent.
        attached: the versions of our own datasets and kernels that it was given, by kind and identity.
        submissions: by competition, the number under which this version was submitted.
    """

    identity: str
    base: int
    version: int
    notebook_sha256: str
    metadata: dict[str, Any]
    attached: dict[str, int]
    submissions: dict[str, int] = {}

    @property
    def content(self) -> tuple[str, dict[str, Any], dict[str, int]]:
        """What makes a version another one."""
        return self.notebook_sha256, self.metadata, self.attached


class SentDataset(BaseModel, frozen=True):
    """A version of a dataset that was sent from here, with the SHA-256 of each file by its name."""

    version: int
    files: dict[str, str]


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Wait until no other call works on ``what``, whose records lie in ``folder``: two would send the same twice."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        logger.warning(f"{what}: another call is at it; waiting for its end")
        held = lock.acquire()
    with held:
        yield


def pushed_folder(out: Path, kernel: str, identity: str) -> Path:
    """Where a kernel's record lies, of what went to this owner."""
    return Path(out) / kernel / PUSHED / identity.split("/")[0]


def pushed_notebook(out: Path, kernel: str, identity: str) -> Path | None:
    """The notebook as it was last pushed from here; None where nothing was, or it is not known to have arrived."""
    pushed = read_pushed(out, kernel, identity)
    path = pushed_folder(out, kernel, identity) / NOTEBOOK
    return path if pushed and pushed.version and path.is_file() else None


def read_pushed(out: Path, kernel: str, identity: str) -> PushedKernel | None:
    """What was last pushed to ``identity``; None if nothing was, not from here, or the record is damaged."""
    try:
        pushed = PushedKernel.model_validate_json((pushed_folder(out, kernel, identity) / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    return pushed if pushed.identity == identity else None


def write_pushed(out: Path, kernel: str, pushed: PushedKernel, notebook: str | None = None) -> Path:
    """Note what is pushed, and keep the ``notebook`` that is; the folder, as Kaggle's client expects one."""
    folder = pushed_folder(out, kernel, pushed.identity)
    if notebook is not None:
        write_text(folder / NOTEBOOK, notebook)
        write_text(folder / METADATA, json.dumps(pushed.metadata | {"code_file": NOTEBOOK}))
    write_text(folder / RECORD, pushed.model_dump_json(indent=2))
    return folder


def read_sent(folder: Path, identity: str) -> SentDataset | None:
    """What was last sent to ``identity`` from the dataset's folder."""
    try:
        return SentDataset.model_validate_json(_sent_path(folder, identity).read_bytes())
    except (OSError, ValueError):
        return None


def write_sent(folder: Path, identity: str, sent: SentDataset) -> None:
    """Note what was sent."""
    write_text(_sent_path(folder, identity), sent.model_dump_json(indent=2))


def _sent_path(folder: Path, identity: str) -> Path:
    return folder / CACHE / identity.split("/")[0] / SENT
