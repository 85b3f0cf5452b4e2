"""Datasets on Kaggle: sent only when their content changed, whole, and waited for until they can be attached.

A version on Kaggle is a full snapshot: what is not uploaded with it is not in it. So every file goes up each time, and
the version is made only when all of them have arrived.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelgen.datasets.folder import CACHE, METADATA, DatasetFolder
from kernelgen.datasets.hashes import sha256
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle
from kernelgen.publishing.records import SentDataset, read_sent, write_sent
from kernelgen.publishing.taking_turns import in_turn
from kernelgen.publishing.uploading import upload
from kernelgen.publishing.waiting import wait_for

# Kaggle unpacks and indexes what it was sent; of some gigabytes that takes minutes.
READY_LIMIT_SECONDS = 3600.0
# Files that Kaggle's client reads as descriptions, and never uploads.
_CLIENTS_OWN = frozenset(
    "datapackage.json kernel-metadata.json model-metadata.json model-instance-metadata.json "
    "dataset-cover-image.png dataset-cover-image.jpg dataset-cover-image.jpeg dataset-cover-image.webp".split()
)


@dataclass(frozen=True)
class Parcel:
    """What a version of a dataset is made of.

    Attributes:
        identity: OWNER/SLUG.
        metadata: of dataset-metadata.json.
        files: every payload file by its name in the folder, with its SHA-256.
        entries: what is uploaded one by one: files, and folders that become an archive each.
    """

    dataset: DatasetFolder
    identity: str
    metadata: dict[str, Any]
    files: dict[str, str]
    entries: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum((self.dataset.folder / name).stat().st_size for name in self.files)


def parcel(dataset: DatasetFolder) -> Parcel:
    """What would be sent of a dataset that is filled.

    Raises:
        KernelgenError: something in its folder would not arrive, or not as it is.
    """
    metadata = json.loads((dataset.folder / METADATA).read_text(encoding="utf-8"))
    _check_links(dataset)
    payload = dataset.payload()
    names = [path.relative_to(dataset.folder) for path in payload]
    folders = sorted({name.parts[0] for name in names if len(name.parts) > 1})
    if folders and dataset.table.folders is None:
        raise KernelgenError(
            f'{dataset.where}: holds the folder {folders[0]}, which Kaggle would leave out; write folders = "zip" into '
            "dataset.toml, or put its files beside it"
        )
    entries = sorted({name.parts[0] for name in names})
    for name in entries:
        if name in _CLIENTS_OWN:
            raise KernelgenError(f"{dataset.where}: {name} is a name that Kaggle's client keeps for itself; rename it")
        if name in folders and f"{name}.{dataset.table.folders}" in entries:
            raise KernelgenError(
                f"{dataset.where}: the folder {name} becomes {name}.{dataset.table.folders}, which is there too; "
                "rename one of them"
            )
    return Parcel(
        dataset,
        metadata["id"],
        metadata,
        {name.as_posix(): sha256(path) for name, path in zip(names, payload, strict=True)},
        tuple(dataset.folder / name for name in entries),
    )


def publish(kaggle: Kaggle, sent: Parcel, *, notes: str, again: bool, say: Callable[[str], None]) -> bool:
    """Creates or versions the dataset where its content changed, or ``again`` in any case; whether it did.

    Raises:
        KernelgenError: Kaggle refused a file or the version; then no version was made.
    """
    identity, folder = sent.identity, sent.dataset.folder
    with in_turn(folder / CACHE, f"dataset {identity}", say):
        status = kaggle.dataset_status(identity)
        there = kaggle.dataset_version(identity) if status else None
        before = read_sent(folder, identity)
        if status not in (None, "FAILED", "DELETED") and not again and _is_there(before, sent, there, status):
            number = f", version {before.version or before.base + 1}" if there else ""
            say(f"dataset {identity}: unchanged{number}")
            return False
        files = _uploaded(kaggle, sent, say)
        # Noted before it is sent: a call that is killed in between is found out by the next one.
        write_sent(folder, identity, SentDataset(there or 0, None, sent.files))
        if status is None:
            _create(kaggle, sent, files)
        else:
            _version(kaggle, sent, files, notes, there)
        what = "sent as a new version" if status else "created"
        say(f"dataset {identity}: {what}, {len(sent.files)} files, {size_text(sent.size)}")
        return True


def wait_until_ready(kaggle: Kaggle, sent: Parcel) -> int:
    """Waits until kernels are given what was sent last; the number of that version, 0 where Kaggle does not tell.

    Raises:
        KernelgenError: Kaggle could not process it, or takes longer than an hour.
    """
    identity, folder = sent.identity, sent.dataset.folder
    record = read_sent(folder, identity)
    least = record.version or record.base + 1

    def look() -> tuple[str, int | None]:
        status = kaggle.dataset_status(identity)
        if status in ("FAILED", "DELETED"):
            raise KernelgenError(
                f"dataset {identity}: Kaggle could not process it ({status}); look at "
                f"kaggle.com/datasets/{identity}, and send it again"
            )
        if status != "READY":
            return status or "not there yet", None
        there = kaggle.dataset_version(identity)
        if there is not None and there < least:
            return f"still version {there}", None
        return f"READY{f', version {there}' if there else ''}", there or 0

    with kaggle.patiently():
        there = wait_for(look, f"dataset {identity}", limit=READY_LIMIT_SECONDS)
    if there is None:
        raise KernelgenError(
            f"dataset {identity}: is not ready after {READY_LIMIT_SECONDS / 60:.0f} minutes; the same command "
            "goes on waiting, nothing is sent twice"
        )
    if there:
        write_sent(folder, identity, SentDataset(record.base, there, record.files))
    return there


def size_text(size: int) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if unit != "B" else f"{size} B"
        size /= 1000
    return f"{size:.3g} GB"


def _is_there(before: SentDataset | None, sent: Parcel, there: int | None, status: str) -> bool:
    """Whether these files are Kaggle's newest version, or on their way to be."""
    if before is None or before.files != sent.files:
        return False
    if there is None:  # Kaggle does not tell its number
        return True
    if before.version is None:
        return there == before.base + 1 or (there == before.base and status != "READY")
    return there == before.version


def _check_links(dataset: DatasetFolder) -> None:
    """Links that lead nowhere, or to a folder, would be left out without a word."""
    for path in sorted(dataset.folder.rglob("*")):
        name = path.relative_to(dataset.folder)
        if name.parts[0] == CACHE or path.is_file() or (path.is_dir() and not path.is_symlink()):
            continue
        raise KernelgenError(
            f"{dataset.where}: {name} is {'a link' if path.is_symlink() else 'no file'} that cannot be sent; put the "
            "files themselves there"
        )


def _uploaded(kaggle: Kaggle, sent: Parcel, say: Callable[[str], None]) -> list[Any]:
    """Every entry as Kaggle names it from now on; one that does not arrive ends it all."""
    from kaggle.api.kaggle_api_extended import DirectoryArchive
    from kagglesdk.datasets.types.dataset_api_service import ApiDatasetNewFile

    files = []
    for number, entry in enumerate(sent.entries, 1):
        what = f"dataset {sent.identity}: uploading {entry.name}"
        say(f"{what} ({number} of {len(sent.entries)})")
        file = ApiDatasetNewFile()
        if entry.is_dir():
            with DirectoryArchive(str(entry), sent.dataset.table.folders) as archive:
                file.token = upload(kaggle, what, Path(archive.path))
        else:
            file.token = upload(kaggle, what, entry)
        files.append(file)
    return files


def _create(kaggle: Kaggle, sent: Parcel, files: list[Any]) -> None:
    from kagglesdk.datasets.types.dataset_api_service import ApiCreateDatasetRequest, ApiCreateDatasetResponse

    metadata = sent.metadata
    request = ApiCreateDatasetRequest()
    request.owner_slug, request.slug = sent.identity.split("/")
    request.title = metadata["title"]
    request.license_name = metadata["licenses"][0]["name"]
    request.subtitle = metadata.get("subtitle")
    request.description = metadata.get("description")
    request.category_ids = metadata["keywords"]
    request.is_private = True
    request.files = files

    def arrived() -> ApiCreateDatasetResponse | None:
        return None if kaggle.dataset_status(sent.identity) is None else ApiCreateDatasetResponse()

    what = f"dataset {sent.identity}"
    _check(
        what,
        kaggle.ask(what, lambda client: client.datasets.dataset_api_client.create_dataset(request), arrived=arrived),
        sent.identity,
    )


def _version(kaggle: Kaggle, sent: Parcel, files: list[Any], notes: str, there: int | None) -> None:
    from kagglesdk.datasets.types.dataset_api_service import (
        ApiCreateDatasetResponse,
        ApiCreateDatasetVersionRequest,
        ApiCreateDatasetVersionRequestBody,
    )

    metadata = sent.metadata
    body = ApiCreateDatasetVersionRequestBody()
    body.version_notes = notes
    body.subtitle = metadata.get("subtitle")
    body.description = metadata.get("description")
    body.category_ids = metadata["keywords"]
    body.files = files
    request = ApiCreateDatasetVersionRequest()
    request.owner_slug, request.dataset_slug = sent.identity.split("/")
    request.body = body

    def arrived() -> ApiCreateDatasetResponse | None:
        # While a version is processed the number stays what it was, and the state is not READY.
        now = kaggle.dataset_version(sent.identity)
        processing = kaggle.dataset_status(sent.identity) not in (None, "READY", "FAILED")
        newer = there is not None and now is not None and now > there
        return ApiCreateDatasetResponse() if processing or newer else None

    what = f"dataset {sent.identity}"
    _check(
        what,
        kaggle.ask(
            what,
            lambda client: client.datasets.dataset_api_client.create_dataset_version(request),
            arrived=arrived,
        ),
        sent.identity,
    )


def _check(what: str, answer: Any, identity: str) -> None:
    """Raises for everything in a reply that is not a plain yes."""
    if answer.error or (answer.status or "").lower() == "error":
        said = " ".join((answer.error or "no reason given").split())
        raise KernelgenError(f"{what}: Kaggle refused it: {said}; correct that and try again")
    if answer.invalid_tags:
        raise KernelgenError(
            f"{what}: was made, but Kaggle knows no keyword {', '.join(answer.invalid_tags)}; correct dataset.toml"
        )
    if answer.ref and not same_identity(answer.ref, identity):
        raise KernelgenError(f"{what}: Kaggle made it as {answer.ref}; give it a title that makes its slug")


def same_identity(ref: str, identity: str) -> bool:
    """Whether a reply's reference is OWNER/SLUG, whatever page stands before it, or the slug alone."""
    told, asked = ref.strip("/").lower().split("/"), identity.lower().split("/")
    return told[-2:] == asked or told == asked[1:]
