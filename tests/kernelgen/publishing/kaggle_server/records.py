"""What the server keeps, and what tests look at."""

from __future__ import annotations

import io
import tarfile
import threading
import time
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime

UNFINISHED = ("QUEUED", "RUNNING")


def now() -> datetime:
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """A moment as Kaggle's JSON spells it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@dataclass
class Call:
    """One request as it came in, and what was answered (`status` is None where the connection was cut)."""

    endpoint: str
    body: dict
    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    at: float = field(default_factory=time.monotonic)
    user: str | None = None
    status: int | None = None
    reply: dict | None = None
    faulty: bool = False


@dataclass
class Run:
    """How a kernel's run ends. `log` is text or Kaggle's records; `polls` is how often it is asked for before."""

    status: str = "COMPLETE"
    outputs: dict[str, bytes | str] | None = None
    log: str | list[dict] | None = None
    failure_message: str | None = None
    polls: int | None = None


@dataclass
class KernelVersion:
    number: int
    request: dict = field(repr=False)
    text: str = field(repr=False)
    attached: dict[str, int | None]
    "What was mounted: the source as it was named, and the version of it that counted at that moment."
    run: Run
    polls: int
    seconds: float | None
    uses_gpu: bool = False
    user: str = ""
    status: str = "QUEUED"
    outputs: dict[str, bytes] = field(default_factory=dict, repr=False)
    log: str = field(default="", repr=False)
    failure_message: str | None = None
    polled: int = 0
    created: datetime = field(default_factory=now)
    started: float = field(default_factory=time.monotonic)
    hook: threading.Thread | None = None

    @property
    def finished(self) -> bool:
        return self.status not in UNFINISHED


@dataclass
class Kernel:
    id: int
    owner: str
    slug: str
    title: str
    versions: list[KernelVersion] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return f"{self.owner}/{self.slug}"

    @property
    def complete(self) -> KernelVersion | None:
        """The newest version that ran to its end: what other kernels get when they attach this one."""
        return next((version for version in reversed(self.versions) if version.status == "COMPLETE"), None)


@dataclass
class DatasetVersion:
    number: int
    files: dict[str, bytes] = field(repr=False)
    "What was uploaded, archives as archives."
    notes: str
    request: dict
    end: str = "READY"
    polls: int = 0
    seconds: float | None = None
    status: str = "NOT_YET_PERSISTED"
    polled: int = 0
    created: datetime = field(default_factory=now)
    started: float = field(default_factory=time.monotonic)

    @property
    def finished(self) -> bool:
        return self.status in ("READY", "FAILED", "DELETED")

    @property
    def mounted(self) -> dict[str, bytes]:
        """What a kernel sees: Kaggle unpacks zip and tar archives into folders of their names."""
        seen = {}
        for name, content in self.files.items():
            stem, _, suffix = name.rpartition(".")
            if suffix == "zip" and zipfile.is_zipfile(io.BytesIO(content)):
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    members = {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}
            elif suffix == "tar" and tarfile.is_tarfile(io.BytesIO(content)):
                with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                    members = {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}
            else:
                seen[name] = content
                continue
            seen |= {f"{stem}/{member}": inside for member, inside in members.items()}
        return seen


@dataclass
class Dataset:
    id: int
    owner: str
    slug: str
    title: str
    license: str
    is_private: bool
    subtitle: str = ""
    description: str = ""
    tags: list[str] = field(default_factory=list)
    versions: list[DatasetVersion] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return f"{self.owner}/{self.slug}"

    @property
    def current(self) -> DatasetVersion | None:
        """The version that Kaggle shows and attaches: the newest that is READY."""
        return next((version for version in reversed(self.versions) if version.status == "READY"), None)


@dataclass
class Submission:
    ref: int
    competition: str
    kernel: str
    version: int
    file_name: str
    description: str
    user: str
    end: str = "COMPLETE"
    score: str = ""
    private_score: str = ""
    error: str = ""
    polls: int = 0
    polled: int = 0
    status: str = "PENDING"
    date: datetime = field(default_factory=now)


@dataclass
class Competition:
    slug: str
    title: str
    daily_limit: int = 5
    joined: bool = True
    "Whether the user accepted the rules."
    internet: bool = False
    "Whether submitted notebooks may have internet."
    total_limit: int | None = None
    sent_before: int = 0
    "Submissions of today that were sent from elsewhere."
