"""Datasets on Kaggle: sent only when their content changed, whole, and waited for until they can be attached.

A version on Kaggle is a full snapshot: what is not uploaded with it is not in it. So every file goes up each time, the
version is made only when all of them have arrived, and it counts only when Kaggle lists them all.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from kernelgen.datasets.folder import CACHE
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import KNOWN, PAGE, Kaggle
from kernelgen.publishing.records import Sent, read_sent
from kernelgen.publishing.uploads import DatasetUpload

logger = logging.getLogger(__name__)

# Kaggle unpacks and indexes what it was sent; of some gigabytes that takes minutes.
READY_LIMIT_SECONDS = 3600.0
_FAILED = ("FAILED", "DELETED")
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})


def publish(kaggle: Kaggle, upload: DatasetUpload, *, notes: str, force: bool) -> bool:
    """Create or version the dataset where its content changed, or with ``force`` in any case; whether it was sent."""
    what, record = f"dataset {upload.identity}", _record(upload)
    with FileLock(record.with_name(".lock")):  # two calls at once would send it twice
        status, version = kaggle.dataset(upload.identity)
        before = read_sent(record, upload.identity)
        if before and before.content == upload.content and status not in ("", *_FAILED) and not force:
            # While a version is processed, the number stays that of the one before.
            if version == before.version or status != "READY":
                logger.info(f"{what}: unchanged, version {before.version}")
                return False
        _send(kaggle, upload, notes, status)
        Sent(identity=upload.identity, version=version + 1, content=upload.content).write(record)
        logger.info(f"{what}: {'sent as a new version' if status else 'created'}, {len(upload.files)} files")
        return True


def wait_until_ready(kaggle: Kaggle, upload: DatasetUpload) -> None:
    """Wait until kernels are given what was sent last, and look whether all of it arrived."""
    what, sent = f"dataset {upload.identity}", read_sent(_record(upload), upload.identity)
    expected, deadline = sent.version if sent else 1, time.monotonic() + READY_LIMIT_SECONDS

    def look() -> tuple[str, int | None]:
        status, version = kaggle.dataset(upload.identity)
        if status in _FAILED:
            page = f"kaggle.com/datasets/{upload.identity}"
            raise KernelgenError(f"{what}: Kaggle could not process it ({status}); look at {page}, and send it again")
        is_there = status == "READY" and version >= expected
        if not is_there and time.monotonic() > deadline:
            minutes = f"{READY_LIMIT_SECONDS / 60:.0f} minutes"
            raise KernelgenError(f"{what}: is not ready after {minutes}; the same command goes on waiting")
        return f"{status or 'not listed yet'}, version {version}", version if is_there else None

    version = kaggle.wait_for(look, what)
    lost = _lost(kaggle, upload, version)
    Sent(identity=upload.identity, version=version, content="" if lost else upload.content).write(_record(upload))
    if lost:
        raise KernelgenError(f"{what}: version {version} came without {lost}; the same command sends it again")


def _record(upload: DatasetUpload) -> Path:
    return upload.dataset.folder / CACHE / upload.identity.split("/")[0] / "sent.json"


def _send(kaggle: Kaggle, upload: DatasetUpload, notes: str, status: str) -> None:
    """All of the dataset, as a version, or new where it has no ``status``."""
    what, dataset = f"dataset {upload.identity}", upload.dataset
    how = {"folder": str(dataset.folder), "quiet": True, "dir_mode": dataset.table.folders or "skip"}

    def act() -> Any:
        if not status:
            return kaggle.dataset_create_new(**how)
        return kaggle.dataset_create_version(version_notes=notes, **how)

    dataset.write_metadata(upload.identity.split("/")[0])  # a call for another owner may have written its own
    kaggle.upload_what, kaggle.upload_entries = what, dataset.entries()
    answer = kaggle.use(what, act)
    refused = answer.error or (answer.invalid_tags and f"it knows no keyword {', '.join(answer.invalid_tags)}")
    if refused or str(answer.status or "").lower() == "error":
        reason = " ".join(str(refused or "no reason given").split())
        raise KernelgenError(f"{what}: Kaggle refused it: {reason}; correct that and try again")


def _lost(kaggle: Kaggle, upload: DatasetUpload, version: int) -> str:
    """A file that was sent and that a version lacks; "" if it lacks none."""

    def read(pages: list[Any]) -> list[str]:
        return [str(file.name) for page in pages for file in page.files or []]

    what, fields = f"the files of dataset {upload.identity}", {"dataset_version_number": version, "page_size": PAGE}
    listed = kaggle.ask(what, "list_dataset_files", read, upload.identity, missing=KNOWN, **fields)
    for name in upload.files:
        path = PurePosixPath(name)
        # Kaggle unpacks archives, and lists what was in them, under a name of its own.
        is_unpacked = len(path.parts) > 1 or path.suffix.lower() in _ARCHIVES
        beginning = path.parts[0].split(".")[0] if is_unpacked else name
        if not any(other.startswith(beginning) if is_unpacked else other == name for other in listed):
            return name
    return ""
