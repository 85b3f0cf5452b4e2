"""Datasets on Kaggle: sent only when their content changed, whole, and waited for until they can be attached.

A version on Kaggle is a full snapshot: what is not uploaded with it is not in it. So every file goes up each time, the
version is made only when all of them have arrived, and it counts only when Kaggle lists them all.
"""

from __future__ import annotations

import logging
import time
from pathlib import PurePosixPath
from typing import Any

from kernelgen.datasets.folder import CACHE
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import KNOWN, PAGE, Kaggle
from kernelgen.publishing.records import SentDataset, locked, read_sent, write_sent
from kernelgen.publishing.uploads import DatasetUpload

logger = logging.getLogger(__name__)

# Kaggle unpacks and indexes what it was sent; of some gigabytes that takes minutes.
READY_LIMIT_SECONDS = 3600.0
# After a version is READY, before a file that is not listed is taken for lost.
LOOK_AGAIN_SECONDS = (0, 2, 4, 8)
_FAILED = ("FAILED", "DELETED")
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})


def publish(kaggle: Kaggle, upload: DatasetUpload, *, notes: str, force: bool) -> bool:
    """Create or version the dataset where its content changed, or with ``force`` in any case; whether it was sent."""
    what, folder = f"dataset {upload.identity}", upload.dataset.folder
    with locked(folder / CACHE, what):
        status, version = kaggle.dataset(upload.identity)
        before = read_sent(folder, upload.identity)
        if before and before.files == upload.files and status and status not in _FAILED and not force:
            # While a version is processed, the number stays that of the one before.
            if version == before.version or status != "READY":
                logger.info(f"{what}: unchanged, version {before.version}")
                return False
        _send(kaggle, upload, notes, status)
        write_sent(folder, upload.identity, SentDataset(version=version + 1, files=upload.files))
        done, size = "sent as a new version" if status else "created", sum(upload.sizes.values())
        logger.info(f"{what}: {done}, {len(upload.files)} files, {size:,} bytes")
        return True


def wait_until_ready(kaggle: Kaggle, upload: DatasetUpload) -> None:
    """Wait until kernels are given what was sent last, and look whether all of it arrived."""
    what, folder = f"dataset {upload.identity}", upload.dataset.folder
    sent = read_sent(folder, upload.identity)
    expected, deadline = sent.version if sent else 1, time.monotonic() + READY_LIMIT_SECONDS

    def look() -> tuple[str, int | None]:
        status, version = kaggle.dataset(upload.identity)
        if status in _FAILED:
            raise KernelgenError(
                f"{what}: Kaggle could not process it ({status}); look at kaggle.com/datasets/{upload.identity}, and "
                "send it again"
            )
        is_there = status == "READY" and version >= expected
        if not is_there and time.monotonic() > deadline:
            raise KernelgenError(
                f"{what}: is not ready after {READY_LIMIT_SECONDS / 60:.0f} minutes; the same command goes on waiting"
            )
        return f"{status or 'not listed yet'}, version {version}", version if is_there else None

    version = kaggle.wait_for(look, what)
    lost = ""
    for pause in LOOK_AGAIN_SECONDS:
        time.sleep(pause)
        if not (lost := _lost(upload, _listed(kaggle, upload.identity, version))):
            break
    # With no files where some were lost, so that it is no match.
    files = {} if lost else upload.files
    write_sent(folder, upload.identity, SentDataset(version=version, files=files))
    if lost:
        raise KernelgenError(f"{what}: version {version} {lost}; the same command sends it again")


def _send(kaggle: Kaggle, upload: DatasetUpload, notes: str, status: str) -> None:
    """All of the dataset, as a version, or new where it has no ``status``."""
    what, dataset = f"dataset {upload.identity}", upload.dataset
    keywords = {"folder": str(dataset.folder), "quiet": True, "dir_mode": dataset.table.folders or "skip"}

    def act() -> Any:
        if not status:
            return kaggle.dataset_create_new(**keywords)
        return kaggle.dataset_create_version(version_notes=notes, **keywords)

    def was_made() -> bool:
        now, _ = kaggle.dataset(upload.identity)
        return now not in ("", "READY", "FAILED") if status else now != ""

    dataset.write_metadata(upload.identity.split("/")[0])  # a call for another owner may have written its own
    kaggle.upload_what, kaggle.upload_entries, kaggle.upload_was_made = what, dataset.entries(), was_made
    answer = kaggle.use(what, act)
    if answer.error or str(answer.status or "").lower() == "error":
        reason = " ".join(str(answer.error or "no reason given").split())
        raise KernelgenError(f"{what}: Kaggle refused it: {reason}; correct that and try again")
    if answer.invalid_tags:
        raise KernelgenError(
            f"{what}: was made, but Kaggle knows no keyword {', '.join(answer.invalid_tags)}; correct dataset.toml"
        )
    if answer.ref and answer.ref.lower().rstrip("/").split("/")[-1] != dataset.slug:
        raise KernelgenError(f"{what}: Kaggle made it as {answer.ref}; give it a title that makes its slug")


def _listed(kaggle: Kaggle, identity: str, version: int) -> dict[str, int]:
    """Name and size in bytes of each file of a version on Kaggle."""

    def read(pages: list[Any]) -> dict[str, int]:
        return {str(file.name): int(file.total_bytes or 0) for page in pages for file in page.files or []}

    what, fields = f"the files of dataset {identity}", {"dataset_version_number": version, "page_size": PAGE}
    return kaggle.ask(what, "list_dataset_files", read, identity, None, KNOWN, **fields)


def _lost(upload: DatasetUpload, listed: dict[str, int]) -> str:
    """What a version lacks of what was sent, in words; "" if nothing."""
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
