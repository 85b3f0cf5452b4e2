"""Datasets on Kaggle: sent only when their content changed, whole, and waited for until they can be attached.

A version on Kaggle is a full snapshot: what is not uploaded with it is not in it. So every file goes up each time, the
version is made only when all of them have arrived, and it counts only when Kaggle lists them all.
"""

from __future__ import annotations

import logging
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from kernelgen.datasets.folder import CACHE
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle
from kernelgen.publishing.records import SentDataset, locked, read_sent, write_sent
from kernelgen.publishing.uploads import DatasetUpload

if TYPE_CHECKING:
    from kernelgen.publishing.official_client import OfficialClient

logger = logging.getLogger(__name__)

# Kaggle unpacks and indexes what it was sent; of some gigabytes that takes minutes.
READY_LIMIT_SECONDS = 3600.0
# After a version is READY, before a file that is not listed is taken for lost.
LOOK_AGAIN_SECONDS = (0, 2, 4, 8)
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})


def publish(kaggle: Kaggle, upload: DatasetUpload, *, notes: str, force: bool) -> bool:
    """Create or version the dataset where its content changed, or with ``force`` in any case; whether it was sent."""
    identity, folder = upload.identity, upload.dataset.folder
    with locked(folder / CACHE, f"dataset {identity}"):
        status = kaggle.dataset_status(identity)
        there = kaggle.dataset_version(identity) if status else 0
        before = read_sent(folder, identity)
        if before and before.files == upload.files and status not in (None, "FAILED", "DELETED") and not force:
            # While a version is processed, the number stays that of the one before.
            if there == before.version or (there == before.version - 1 and status != "READY"):
                logger.info(f"dataset {identity}: unchanged, version {before.version}")
                return False
        _send(kaggle, upload, notes, status)
        write_sent(folder, identity, SentDataset(there + 1, upload.files))
        what = "sent as a new version" if status else "created"
        logger.info(f"dataset {identity}: {what}, {len(upload.files)} files, {upload.size:,} bytes")
        return True


def wait_until_ready(kaggle: Kaggle, upload: DatasetUpload) -> int:
    """Wait until kernels are given what was sent last, and look whether all of it arrived; that version's number."""
    identity, folder = upload.identity, upload.dataset.folder
    sent = read_sent(folder, identity) or SentDataset(1, upload.files)

    def look() -> tuple[str, int | None]:
        status = kaggle.dataset_status(identity) or "not listed yet"
        if status in ("FAILED", "DELETED"):
            raise KernelgenError(
                f"dataset {identity}: Kaggle could not process it ({status}); look at "
                f"kaggle.com/datasets/{identity}, and send it again"
            )
        there = kaggle.dataset_version(identity) if status == "READY" else 0
        return f"{status}, version {there}" if there else status, there if there >= sent.version else None

    there = kaggle.wait_for(look, f"dataset {identity}", limit=READY_LIMIT_SECONDS)
    if there is None:
        raise KernelgenError(
            f"dataset {identity}: is not ready after {READY_LIMIT_SECONDS / 60:.0f} minutes; the same command "
            "goes on waiting, nothing is sent twice"
        )
    if lost := _lost(kaggle, upload, there):
        write_sent(folder, identity, SentDataset(there, {}))  # so that it is no match
        raise KernelgenError(f"dataset {identity}: version {there} {lost}; the same command sends it again")
    write_sent(folder, identity, SentDataset(there, sent.files))
    return there


def _send(kaggle: Kaggle, upload: DatasetUpload, notes: str, status: str | None) -> None:
    """All of the dataset, new or as a version."""
    what, folder = f"dataset {upload.identity}", str(upload.dataset.folder)

    def arrived() -> bool:
        now = kaggle.dataset_status(upload.identity)
        return now is not None if status is None else now not in (None, "READY", "FAILED")

    def act(client: OfficialClient) -> Any:
        client.upload_what, client.upload_entries, client.upload_arrived = what, upload.dataset.entries(), arrived
        dir_mode = upload.dataset.table.folders or "skip"
        if status is None:
            return client.dataset_create_new(folder, quiet=True, dir_mode=dir_mode)
        return client.dataset_create_version(folder, notes, quiet=True, dir_mode=dir_mode)

    upload.dataset.write_metadata(upload.identity.split("/")[0])  # a call for another owner may have written its own
    answer = kaggle.send(what, act)
    if answer.error or str(answer.status or "").lower() == "error":
        reason = " ".join(str(answer.error or "no reason given").split())
        raise KernelgenError(f"{what}: Kaggle refused it: {reason}; correct that and try again")
    if answer.invalid_tags:
        raise KernelgenError(
            f"{what}: was made, but Kaggle knows no keyword {', '.join(answer.invalid_tags)}; correct dataset.toml"
        )
    if answer.ref and answer.ref.lower().rstrip("/").split("/")[-1] != upload.dataset.name:
        raise KernelgenError(f"{what}: Kaggle made it as {answer.ref}; give it a title that makes its slug")


def _lost(kaggle: Kaggle, upload: DatasetUpload, version: int) -> str:
    """What a version lacks of what was sent, in words; "" if nothing."""
    lost = ""
    for pause in LOOK_AGAIN_SECONDS:
        time.sleep(pause)
        if not (lost := _missing(upload, kaggle.dataset_files(upload.identity, version))):
            break
    return lost


def _missing(upload: DatasetUpload, listed: dict[str, int]) -> str:
    for name in upload.files:
        top, size = PurePosixPath(name).parts[0], upload.size_of(name)
        if top != name or PurePosixPath(name).suffix.lower() in _ARCHIVES:
            # Kaggle unpacks archives, and lists what was in them, under a name of its own.
            stem = top if top != name else top.split(".")[0]
            if not any(other.startswith(stem) for other in listed):
                return f"came without {name}"
        elif name not in listed:
            return f"came without {name}"
        elif listed[name] not in (0, size):
            return f"has {listed[name]:,} bytes of {name}, which has {size:,}"
    return ""
