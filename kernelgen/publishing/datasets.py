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
from kernelgen.publishing.client import KNOWN, LOOK_AGAIN_SECONDS, PAGE, DatasetReply, Kaggle
from kernelgen.publishing.records import SentDataset
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
        before = SentDataset.read(record)
        if before and before.files == upload.files and status not in ("", *_FAILED) and not force:
            # While a version is processed, the number stays that of the one before.
            if version == before.version or status != "READY":
                logger.info(f"{what}: unchanged, version {before.version}")
                return False
        _send(kaggle, upload, notes, status)
        SentDataset(version=version + 1, files=upload.files).write(record)
        done, size = "sent as a new version" if status else "created", sum(upload.sizes.values())
        logger.info(f"{what}: {done}, {len(upload.files)} files, {size:,} bytes")
        return True


def wait_until_ready(kaggle: Kaggle, upload: DatasetUpload) -> None:
    """Wait until kernels are given what was sent last, and look whether all of it arrived."""
    what, sent = f"dataset {upload.identity}", SentDataset.read(_record(upload))
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

    version, lost = kaggle.wait_for(look, what), ""
    for pause in LOOK_AGAIN_SECONDS:
        time.sleep(pause)
        if not (lost := _lost(kaggle, upload, version)):
            break
    # Without files where some were lost, so that it is no match.
    SentDataset(version=version, files={} if lost else upload.files).write(_record(upload))
    if lost:
        raise KernelgenError(f"{what}: version {version} {lost}; the same command sends it again")


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

    def arrived() -> Any:
        now, _ = kaggle.dataset(upload.identity)
        was_made = now not in ("", "READY", "FAILED") if status else now
        return DatasetReply() if was_made else None

    dataset.write_metadata(upload.identity.split("/")[0])  # a call for another owner may have written its own
    kaggle.upload_what, kaggle.upload_entries, kaggle.upload_arrived = what, dataset.entries(), arrived
    answer = kaggle.use(what, act)
    reason = " ".join(str(answer.error or "").split())
    if answer.invalid_tags:
        reason = f"it knows no keyword {', '.join(answer.invalid_tags)}"
    elif answer.ref and answer.ref.lower().rstrip("/").split("/")[-1] != dataset.name:
        reason = f"it was made as {answer.ref}"
    if reason or str(answer.status or "").lower() == "error":
        raise KernelgenError(f"{what}: Kaggle refused it: {reason or 'no reason given'}; correct that and try again")


def _lost(kaggle: Kaggle, upload: DatasetUpload, version: int) -> str:
    """What a version lacks of what was sent, in words; "" if nothing."""

    def read(pages: list[Any]) -> dict[str, int]:
        return {str(file.name): int(file.total_bytes or 0) for page in pages for file in page.files or []}

    what, fields = f"the files of dataset {upload.identity}", {"dataset_version_number": version, "page_size": PAGE}
    listed = kaggle.ask(what, "list_dataset_files", read, upload.identity, missing=KNOWN, **fields)
    for name, size in upload.sizes.items():
        path = PurePosixPath(name)
        if len(path.parts) > 1 or path.suffix.lower() in _ARCHIVES:
            # Kaggle unpacks archives, and lists what was in them, under a name of its own.
            is_there = any(other.startswith(path.parts[0].split(".")[0]) for other in listed)
        else:
            is_there = name in listed
        if not is_there:
            return f"came without {name}"
        if listed.get(name) not in (None, 0, size):
            return f"has {listed[name]:,} bytes of {name}, which has {size:,}"
    return ""
