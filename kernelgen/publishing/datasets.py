"""Datasets on Kaggle: sent only when their content changed, whole, and waited for until they can be attached.

A version on Kaggle is a full snapshot: what is not uploaded with it is not in it. So every file goes up each time, the
version is made only when all of them have arrived, and it counts only when Kaggle lists them all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from kernelgen.datasets.folder import CACHE
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle
from kernelgen.publishing.locking import locked
from kernelgen.publishing.records import SentDataset, read_sent, write_sent
from kernelgen.publishing.refusals import Refused, same_identity
from kernelgen.publishing.uploads import DatasetUpload, size_text
from kernelgen.publishing.waiting import wait_for

if TYPE_CHECKING:
    from kernelgen.publishing.official_client import OfficialClient

# Kaggle unpacks and indexes what it was sent; of some gigabytes that takes minutes.
READY_LIMIT_SECONDS = 3600.0
# After a version is READY, before a file that is not listed is taken for lost.
LOOK_AGAIN_SECONDS = (0, 2, 4, 8)
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})


def publish(kaggle: Kaggle, upload: DatasetUpload, *, notes: str, again: bool, say: Callable[[str], None]) -> bool:
    """Create or version the dataset where its content changed, or ``again`` in any case.

    Returns:
        Whether it was sent.

    Raises:
        KernelgenError: Kaggle refused a file or the version; then no version was made.
    """
    identity, folder = upload.identity, upload.dataset.folder
    with locked(folder / CACHE, f"dataset {identity}", say):
        status = kaggle.dataset_status(identity)
        there = kaggle.dataset_version(identity) if status else None
        before = read_sent(folder, identity)
        stands = status not in (None, "FAILED", "DELETED") and not again
        if stands and before and _is_there(before, upload, there, status):
            number = f", version {before.version or before.base + 1}" if there else ""
            say(f"dataset {identity}: unchanged{number}")
            return False
        # Noted before it is sent: a call that is killed in between is found out by the next one.
        write_sent(folder, identity, SentDataset(there or 0, None, upload.files))
        act = partial(_send, kaggle, upload=upload, notes=notes, status=status, there=there)
        _check(kaggle.send(f"dataset {identity}", act), identity)
        what = "sent as a new version" if status else "created"
        say(f"dataset {identity}: {what}, {len(upload.files)} files, {size_text(upload.size)}")
        return True


def wait_until_ready(kaggle: Kaggle, upload: DatasetUpload) -> int:
    """Wait until kernels are given what was sent last, and look whether all of it arrived.

    Returns:
        The number of that version, 0 where Kaggle does not tell.

    Raises:
        KernelgenError: Kaggle could not process it, lost a file of it, or takes longer than an hour.
    """
    identity, folder = upload.identity, upload.dataset.folder
    record = read_sent(folder, identity) or SentDataset(0, None, upload.files)
    least = record.version or record.base + 1

    def look() -> tuple[str, int | None]:
        status = kaggle.dataset_status(identity)
        if status is None:
            raise Refused(f"dataset {identity}: is not on Kaggle, although it was sent; send it again", 404)
        if status in ("FAILED", "DELETED"):
            raise KernelgenError(
                f"dataset {identity}: Kaggle could not process it ({status}); look at "
                f"kaggle.com/datasets/{identity}, and send it again"
            )
        if status != "READY":
            return status, None
        there = kaggle.dataset_version(identity)
        if there is None and record.base:
            raise Refused(f"dataset {identity}: Kaggle does not tell its version; send it again", 404)
        if there is not None and there < least:
            return f"still version {there}", None
        return f"READY{f', version {there}' if there else ''}", there or 0

    there = wait_for(kaggle, look, f"dataset {identity}", limit=READY_LIMIT_SECONDS)
    if there is None:
        raise KernelgenError(
            f"dataset {identity}: is not ready after {READY_LIMIT_SECONDS / 60:.0f} minutes; the same command "
            "goes on waiting, nothing is sent twice"
        )
    if there and there != record.version:
        if there == least and (lost := _lost(kaggle, upload, there)):
            write_sent(folder, identity, SentDataset(there, there, {}))  # so that it is no match
            raise KernelgenError(f"dataset {identity}: version {there} {lost}; the same command sends it again")
        write_sent(folder, identity, SentDataset(record.base, there, record.files))
    return there


def _is_there(before: SentDataset, upload: DatasetUpload, there: int | None, status: str | None) -> bool:
    """Whether these files are Kaggle's newest version, or on their way to be."""
    if before.files != upload.files:
        return False
    if not there:  # Kaggle does not tell its number
        return True
    if before.version is None:
        return there == before.base + 1 or (there == before.base and status != "READY")
    return there == before.version


def _send(
    kaggle: Kaggle, client: OfficialClient, *, upload: DatasetUpload, notes: str, status: str | None, there: int | None
) -> Any:
    """The client's reply to all of the dataset, new or as a version."""
    identity, folder = upload.identity, str(upload.dataset.folder)

    def arrived() -> bool:
        now = kaggle.dataset_status(identity)
        if status is None:
            return now is not None
        # While a version is processed the number stays what it was, and the state is not READY.
        version = kaggle.dataset_version(identity)
        return now not in (None, "READY", "FAILED") or bool(there and version and version > there)

    client.upload_what, client.upload_entries, client.upload_arrived = f"dataset {identity}", upload.entries, arrived
    upload.dataset.write_metadata(identity.split("/")[0])  # a call for another owner may have written its own
    dir_mode, quiet = upload.dataset.table.folders or "skip", not sys.stderr.isatty()
    if status is None:
        return client.dataset_create_new(folder, quiet=quiet, dir_mode=dir_mode)
    return client.dataset_create_version(folder, notes, quiet=quiet, dir_mode=dir_mode)


def _check(answer: Any, identity: str) -> None:
    """Raise for everything in a reply that is not a plain yes."""
    what = f"dataset {identity}"
    if answer.error or str(answer.status or "").lower() == "error":
        reason = " ".join(str(answer.error or "no reason given").split())
        raise KernelgenError(f"{what}: Kaggle refused it: {reason}; correct that and try again")
    if answer.invalid_tags:
        raise KernelgenError(
            f"{what}: was made, but Kaggle knows no keyword {', '.join(answer.invalid_tags)}; correct dataset.toml"
        )
    if answer.ref and not same_identity(answer.ref, identity):
        raise KernelgenError(f"{what}: Kaggle made it as {answer.ref}; give it a title that makes its slug")


def _lost(kaggle: Kaggle, upload: DatasetUpload, version: int) -> str:
    """What a version lacks of what was sent, in words; "" if nothing, or Kaggle does not list it."""
    lost = ""
    for pause in LOOK_AGAIN_SECONDS:
        time.sleep(pause)
        listed = kaggle.dataset_files(upload.identity, version)
        lost = "" if listed is None else _missing(upload, listed)
        if not lost:
            break
    return lost


def _missing(upload: DatasetUpload, listed: dict[str, int]) -> str:
    for name in upload.files:
        top = PurePosixPath(name).parts[0]
        if top != name or PurePosixPath(name).suffix.lower() in _ARCHIVES:
            # Kaggle unpacks archives, and lists what was in them, under a name of its own.
            stem = top if top != name else top.split(".")[0]
            if not any(other.startswith(stem) for other in listed):
                return f"came without {name}"
        elif name not in listed:
            return f"came without {name}"
        elif listed[name] and listed[name] != upload.size_of(name):
            return f"has {size_text(listed[name])} of {name}, which has {size_text(upload.size_of(name))}"
    return ""
