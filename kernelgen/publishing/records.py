"""What was last sent, so that nothing is sent twice and a later call knows what it follows.

What is about to be pushed is noted before, without a version, and the version after: a call that was killed in between
is found out by the next one. A kernel's record lies in OUT/NAME/pushed/OWNER, beside the notebook and the metadata that
were sent; a dataset's in its folder, below .cache, which Kaggle's client never uploads.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from kernelgen.writing import write_text


class Sent(BaseModel):
    """A version of a kernel or a dataset that was sent from here.

    Attributes:
        identity: OWNER/SLUG.
        base: the newest version before it.
        version: its number on Kaggle; 0 as long as it is not known to have arrived.
        content: the SHA-256 of what makes a version another one; "" if it is to be sent again in any case.
    """

    identity: str
    base: int = 0
    version: int
    content: str

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        write_text(path, self.model_dump_json(indent=2) + "\n")


def read_sent(path: Path, identity: str) -> Sent | None:
    """What was last sent to ``identity``; None if nothing was, not from here, or the record is damaged."""
    try:
        sent = Sent.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return sent if sent.identity == identity else None


def pushed_path(out: Path, kernel: str, identity: str) -> Path:
    """The record of what a kernel pushed to this owner."""
    return Path(out) / kernel / "pushed" / identity.split("/")[0] / "pushed.json"
