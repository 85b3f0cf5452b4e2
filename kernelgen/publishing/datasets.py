"""Datasets on Kaggle: sent only when their content changed, whole, and waited for until they can be attached.

A version on Kaggle is a full snapshot: what is not uploaded with it is not in it. So every file goes up each time, and
the version is made only when all of them have arrived.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelgen.datasets.folder import CACHE, METADATA, DatasetFolder
from kernelgen.datasets.hashes import sha256
from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle, silenced
from kernelgen.publishing.records import SentDataset, read_sent, write_sent
from kernelgen.publishing.waiting import wait_for

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import ResumableUploadContext

UPLOAD_TRIES, UPLOAD_PAUSE_SECONDS = 3, 2.0
# Kaggle unpacks and indexes what it was sent; of some gigabytes that takes minutes.
READY_LIMIT_SECONDS = 3600.0
STAGED = "staged"


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
        KernelgenError: it has folders, and dataset.toml does not say what becomes of them.
    """
    metadata = json.loads((dataset.folder / METADATA).read_text(encoding="utf-8"))
    payload = dataset.payload()
    names = [path.relative_to(dataset.folder) for path in payload]
    folders = sorted({name.parts[0] for name in names if len(name.parts) > 1})
    if folders and dataset.table.folders is None:
        raise KernelgenError(
            f'{dataset.where}: holds the folder {folders[0]}, which Kaggle would leave out; write folders = "zip" into '
            "dataset.toml, or put its files beside it"
        )
    entries = sorted({name.parts[0] for name in names})
    return Parcel(
        dataset,
        metadata["id"],
        metadata,
        {name.as_posix(): sha256(path) for name, path in zip(names, payload, strict=True)},
        tuple(dataset.folder / name for name in entries),
    )


def publish(kaggle: Kaggle, sent: Parcel, *, notes: str, again: bool, say: Callable[[str], None]) -> int | None:
    """Creates or versions the dataset where its content changed, or ``again`` in any case.

    Returns:
        The number of the version that has this content (it may not be READY yet), None where Kaggle did not say.

    Raises:
        KernelgenError: Kaggle refused a file or the version; then no version was made.
    """
    identity, folder = sent.identity, sent.dataset.folder
    status = kaggle.dataset_status(identity)
    there = 0 if status is None else kaggle.dataset_version(identity)
    before = read_sent(folder, identity)
    same = before is not None and before.files == sent.files and not again
    if status not in (None, "FAILED", "DELETED") and same and _is_still(before, there, status):
        say(f"dataset {identity}: unchanged, version {before.version}")
        return before.version
    tokens = _upload(kaggle, sent, say)
    if status is None:
        _create(kaggle, sent, tokens)
    else:
        _version(kaggle, sent, tokens, notes, there)
    version = None if there is None else there + 1
    write_sent(folder, identity, SentDataset(version or 0, sent.files))
    what = "created" if status is None else f"version {version or 'sent'}"
    say(f"dataset {identity}: {what}, {len(sent.files)} files, {size_text(sent.size)}")
    return version


def wait_until_ready(kaggle: Kaggle, identity: str, version: int | None) -> None:
    """Returns when kernels would be given this version of the dataset.

    Raises:
        KernelgenError: Kaggle could not process it, or takes longer than an hour.
    """
    wanted = f"version {version}" if version else "ready"

    def look() -> tuple[str, bool | None]:
        status = kaggle.dataset_status(identity)
        if status in ("FAILED", "DELETED"):
            raise KernelgenError(
                f"dataset {identity}: Kaggle could not process it ({status}); look at "
                f"kaggle.com/datasets/{identity}, and send it again"
            )
        if status != "READY":
            return status or "not there yet", None
        there = kaggle.dataset_version(identity) if version else None
        if version and there is not None and there < version:
            return f"still version {there}", None
        return f"READY{f', version {version}' if version else ''}", True

    if not wait_for(look, f"dataset {identity}", limit=READY_LIMIT_SECONDS):
        raise KernelgenError(
            f"dataset {identity}: is not {wanted} after {READY_LIMIT_SECONDS / 60:.0f} minutes; the same command "
            "goes on waiting, nothing is sent twice"
        )


def size_text(size: int) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if unit != "B" else f"{size} B"
        size /= 1000
    return f"{size:.3g} GB"


def _is_still(before: SentDataset, there: int | None, status: str) -> bool:
    """Whether what was sent is Kaggle's newest version, or on its way to be."""
    on_its_way = status != "READY" and there == before.version - 1
    return there is None or there == before.version or on_its_way


def _upload(kaggle: Kaggle, sent: Parcel, say: Callable[[str], None]) -> list[Any]:
    """Every entry's token, in order; an entry that does not arrive ends it all."""
    staged = sent.dataset.folder / CACHE / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    tokens = []
    try:
        for number, entry in enumerate(sent.entries, 1):
            say(f"dataset {sent.identity}: uploading {entry.name} ({number} of {len(sent.entries)})")
            # The client uploads folders; a folder with one file in it tells which file did not arrive. It keeps the
            # same name from call to call, since an upload that was interrupted is taken up by its path.
            alone = staged / str(number)
            alone.mkdir(parents=True)
            (alone / entry.name).symlink_to(entry)
            tokens.append(_uploaded(kaggle, sent, alone, entry.name))
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return tokens


def _uploaded(kaggle: Kaggle, sent: Parcel, folder: Path, name: str) -> Any:
    from kaggle.api.kaggle_api_extended import ResumableUploadContext
    from kagglesdk.blobs.types.blob_api_service import ApiBlobType
    from kagglesdk.datasets.types.dataset_api_service import ApiCreateDatasetVersionRequestBody

    def upload(context: ResumableUploadContext) -> list[Any]:
        body = ApiCreateDatasetVersionRequestBody()
        body.files = []
        watched = sys.stderr.isatty()  # then the client shows a bar there
        with redirect_stdout(io.StringIO()) if watched else silenced():
            kaggle.uploading.upload_files(
                body, None, str(folder), ApiBlobType.DATASET, context, not watched, sent.dataset.table.folders or "skip"
            )
        return body.files

    for number in range(UPLOAD_TRIES):
        time.sleep(UPLOAD_PAUSE_SECONDS * number)
        # Leaving the context without an exception forgets the upload: one that was refused cannot be taken up.
        with ResumableUploadContext() as context:
            arrived = kaggle.ask(f"dataset {sent.identity}, {name}", lambda _, context=context: upload(context))
        if len(arrived) == 1:
            return arrived[0]
    raise KernelgenError(
        f"dataset {sent.identity}: Kaggle did not take {name} in {UPLOAD_TRIES} tries, so no version was made; "
        "check its size and name, and try again"
    )


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
        if kaggle.dataset_status(sent.identity) is None:
            return None
        answer = ApiCreateDatasetResponse()
        answer.status = "ok"
        return answer

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
        if not processing and (there is None or now is None or now <= there):
            return None
        answer = ApiCreateDatasetResponse()
        answer.status = "ok"
        return answer

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
    if answer.error:
        raise KernelgenError(f"{what}: Kaggle refused it: {answer.error}; correct that and try again")
    if (answer.status or "ok").lower() != "ok":
        raise KernelgenError(f"{what}: Kaggle answers with the status {answer.status!r}; try again later")
    if answer.invalid_tags:
        raise KernelgenError(
            f"{what}: was made, but Kaggle knows no keyword {', '.join(answer.invalid_tags)}; correct dataset.toml"
        )
    if answer.ref and not same_identity(answer.ref, identity):
        raise KernelgenError(f"{what}: Kaggle made it as {answer.ref}; give it a title that makes its slug")


def same_identity(ref: str, identity: str) -> bool:
    """Whether a reply's reference is OWNER/SLUG, whatever page stands before it."""
    return ref.strip("/").lower().split("/")[-2:] == identity.lower().split("/")
