"""What was last sent, so that nothing is sent twice and a later call knows what it follows.

A kernel's record lies in OUT/NAME/pushed, beside a copy of the notebook; a dataset's in its folder, below .cache,
which Kaggle's client never uploads. Both go by the identity on Kaggle, so that several owners do not mix.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from kernelgen.datasets.folder import CACHE
from kernelgen.writing import write_text

PUSHED, RECORD, NOTEBOOK = "pushed", "pushed.json", "pushed.ipynb"
SENT = "sent.json"


@dataclass(frozen=True)
class PushedKernel:
    """A version of a kernel that was pushed from here.

    Attributes:
        identity: OWNER/SLUG.
        version: its number on Kaggle.
        url: of its page.
        notebook_sha256, metadata: what was sent.
        attached: the versions of our own datasets and kernels that it was given, by kind and identity.
        submissions: by competition, the number under which this version was submitted.
    """

    identity: str
    version: int
    url: str
    notebook_sha256: str
    metadata: dict[str, Any]
    attached: dict[str, int]
    submissions: dict[str, int] = field(default_factory=dict)


def pushed_folder(out: Path, kernel: str) -> Path:
    """Where a kernel's record lies."""
    return Path(out) / kernel / PUSHED


def pushed_notebook(out: Path, kernel: str) -> Path | None:
    """The notebook as it was last pushed, if it was pushed from here."""
    path = pushed_folder(out, kernel) / NOTEBOOK
    return path if path.is_file() else None


def read_pushed(out: Path, kernel: str, identity: str) -> PushedKernel | None:
    """What was last pushed to ``identity``; None if nothing was, or not from here."""
    document = _read(pushed_folder(out, kernel) / RECORD)
    if document.get("identity") != identity or set(document) != {one.name for one in fields(PushedKernel)}:
        return None
    return PushedKernel(**document)


def write_pushed(out: Path, kernel: str, pushed: PushedKernel, notebook: str | None = None) -> None:
    """Notes what was pushed, and keeps the ``notebook`` that was."""
    folder = pushed_folder(out, kernel)
    if notebook is not None:
        write_text(folder / NOTEBOOK, notebook)
    write_text(folder / RECORD, json.dumps(asdict(pushed), indent=2, sort_keys=True) + "\n")


@dataclass(frozen=True)
class SentDataset:
    """A version of a dataset that was sent from here: SHA-256 by file name."""

    version: int
    files: dict[str, str]


def read_sent(folder: Path, identity: str) -> SentDataset | None:
    """What was last sent to ``identity`` from the dataset's folder."""
    document = _read(folder / CACHE / SENT).get(identity)
    if not isinstance(document, dict) or set(document) != {"version", "files"}:
        return None
    return SentDataset(**document)


def write_sent(folder: Path, identity: str, sent: SentDataset) -> None:
    """Notes what was sent."""
    path = folder / CACHE / SENT
    write_text(path, json.dumps(_read(path) | {identity: asdict(sent)}, indent=2, sort_keys=True) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
