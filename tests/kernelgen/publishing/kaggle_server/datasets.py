"""Datasets: full snapshots of files that become READY some time after they were sent."""

from __future__ import annotations

import re
import time

from .errors import Refusal
from .records import Dataset, DatasetVersion, timestamp

ON_THE_WAY = (
    "NOT_YET_PERSISTED",
    "BLOBS_RECEIVED",
    "BLOBS_DECOMPRESSED",
    "BLOBS_COPIED_TO_SDS",
    "INDIVIDUAL_BLOBS_COMPRESSED",
)
LICENSES = frozenset(
    "CC0-1.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC-BY-NC-SA-4.0 GPL-2.0 GPL-3.0 ODbL-1.0 DbCL-1.0 CC-BY-4.0 "
    "CC-BY-NC-4.0 PDDL CC-BY-3.0 CC-BY-3.0-IGO US-Government-Works CC-BY-NC-SA-3.0-IGO "
    "CDLA-Permissive-1.0 CDLA-Sharing-1.0 CC-BY-ND-4.0 CC-BY-NC-ND-4.0 ODC-BY-1.0 LGPL-3.0 AGPL-3.0 "
    "FDL-1.3 EU-ODP-Legal-Notice apache-2.0 copyright-authors other unknown".split()
)


class Datasets:
    """The endpoints of datasets.DatasetApiService."""

    def __init__(self, server):
        self.server = server
        self.datasets: dict[str, Dataset] = {}
        self.ends: dict[str, list[tuple[str, int | None]]] = {}

    # ------------------------------------------------------------ sending

    def CreateDataset(self, body: dict, user: str) -> dict:
        owner, slug, title = body.get("ownerSlug") or user, body.get("slug") or "", body.get("title") or ""
        if not self.server.accounts.may_write(user, owner):
            raise Refusal(403, "Permission 'datasets.create' was denied")
        if not 6 <= len(title) <= 50:
            return self._no("The dataset title must be between 6 and 50 characters")
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) or not 6 <= len(slug) <= 50:
            return self._no("The dataset slug must be between 6 and 50 characters")
        if body.get("licenseName") not in LICENSES:
            return self._no(f"Invalid license: {body.get('licenseName')}")
        taken = [one for one in self.datasets.values() if one.owner == owner and title == one.title]
        if f"{owner}/{slug}" in self.datasets or taken:
            return self._no(
                f'The requested title "{title}" is already in use by a dataset. Please choose another title.'
            )
        if error := self._unfit(body):
            return self._no(error)
        files = self._files(body)
        dataset = Dataset(
            self.server.next_number(), owner, slug, title, body["licenseName"], bool(body.get("isPrivate"))
        )
        self.datasets[dataset.ref] = dataset
        return self._add(dataset, files, "Initial release", body, body)

    def CreateDatasetVersion(self, body: dict, user: str) -> dict:
        return self._version(self._found(body, user, "datasets.update"), body, user)

    def CreateDatasetVersionById(self, body: dict, user: str) -> dict:
        dataset = next((one for one in self.datasets.values() if one.id == body.get("id")), None)
        if dataset is None:
            raise Refusal(self.server.missing_dataset_status, "Not found")
        return self._version(dataset, body, user)

    def _version(self, dataset: Dataset, body: dict, user: str) -> dict:
        if not self.server.accounts.may_write(user, dataset.owner):
            raise Refusal(403, "Permission 'datasets.update' was denied")
        inner = body.get("body") or {}
        if error := self._unfit(inner):
            return self._no(error)
        files = self._files(inner)
        if inner.get("deleteOldVersions"):
            for version in dataset.versions:
                version.status = "DELETED"
        return self._add(dataset, files, inner.get("versionNotes") or "", inner, body)

    def _unfit(self, content: dict) -> str | None:
        subtitle = content.get("subtitle")
        if subtitle and not 20 <= len(subtitle) <= 80:
            return "Subtitle length must be between 20 and 80 characters"
        if not content.get("files") and self.server.refuse_empty_datasets:
            return "A dataset needs at least one file"
        return None

    def _files(self, content: dict) -> dict[str, bytes]:
        blobs = [self.server.storage.take(one.get("token")) for one in content.get("files", [])]
        return {blob.name: bytes(blob.data) for blob in blobs}

    def _add(self, dataset: Dataset, files: dict[str, bytes], notes: str, content: dict, request: dict) -> dict:
        server = self.server
        for name in ("subtitle", "description"):
            if content.get(name):
                setattr(dataset, name, content[name])
        tags = content.get("categoryIds", [])
        dataset.tags = [tag for tag in tags if tag in server.tags]
        end, polls = (self.ends.get(dataset.ref) or [("READY", None)]).pop(0)
        version = DatasetVersion(
            number=len(dataset.versions) + 1,
            files=files,
            notes=notes,
            request=request,
            end=end,
            polls=server.ready_after_polls if polls is None else polls,
            seconds=server.ready_after_seconds if polls is None else None,
        )
        dataset.versions.append(version)
        if version.polls == 0 and version.seconds is None and not server.status_lag:
            version.status = version.end
        return {
            "ref": dataset.ref,
            "url": f"https://www.kaggle.com/datasets/{dataset.ref}",
            "status": "Ok",
            "error": "",
            "invalidTags": [tag for tag in tags if tag not in server.tags],
        }

    @staticmethod
    def _no(error: str) -> dict:
        """Kaggle refuses within a reply that looks like a success."""
        return {"ref": "", "url": "", "status": "error", "error": error, "invalidTags": []}

    # ------------------------------------------------------------ asking

    def _found(self, body: dict, user: str, permission: str = "datasets.get") -> Dataset:
        dataset = self.datasets.get(f"{body.get('ownerSlug')}/{body.get('datasetSlug')}")
        if dataset is None:
            status = self.server.missing_dataset_status
            raise Refusal(status, "Not found" if status == 404 else f"Permission '{permission}' was denied")
        if dataset.is_private and not self.server.accounts.may_write(user, dataset.owner):
            raise Refusal(403, f"Permission '{permission}' was denied")
        return dataset

    def _advance(self, dataset: Dataset) -> None:
        """Kaggle works on: whoever asks sees every unfinished version one step further."""
        for version in dataset.versions:
            if version.finished:
                continue
            if version.seconds is not None:
                share = (time.monotonic() - version.started) / max(version.seconds, 1e-9)
            else:
                share = (version.polled - self.server.status_lag) / version.polls if version.polls else 1.0
                version.polled += 1
                if version.polled <= self.server.status_lag:
                    share = 0.0
            version.status = version.end if share >= 1 else ON_THE_WAY[max(0, int(share * len(ON_THE_WAY)))]

    def GetDatasetStatus(self, body: dict, user: str) -> dict:
        dataset = self._found(body, user)
        self._advance(dataset)
        told = [one for one in dataset.versions if one.finished or one.polled > self.server.status_lag]
        if not told and dataset.versions[-1].seconds is None:
            raise Refusal(self.server.missing_dataset_status, "Not found")
        return {"status": (told or dataset.versions)[-1].status}

    def GetDataset(self, body: dict, user: str) -> dict:
        dataset = self._found(body, user)
        self._advance(dataset)
        current = dataset.current
        shown = (
            dataset.versions if self.server.list_unfinished_versions else [v for v in dataset.versions if v.finished]
        )
        return {
            "id": dataset.id,
            "ref": dataset.ref,
            "title": dataset.title,
            "subtitle": dataset.subtitle,
            "description": dataset.description,
            "creatorName": dataset.owner,
            "ownerName": dataset.owner,
            "ownerRef": dataset.owner,
            "url": f"https://www.kaggle.com/datasets/{dataset.ref}",
            "licenseName": dataset.license,
            "isPrivate": dataset.is_private,
            "totalBytes": sum(map(len, current.files.values())) if current else 0,
            "lastUpdated": timestamp((current or dataset.versions[-1]).created),
            "currentVersionNumber": current.number if current else None,
            "tags": [{"ref": tag, "name": tag} for tag in dataset.tags],
            "files": [],
            "versions": [
                {
                    "versionNumber": version.number,
                    "creationDate": timestamp(version.created),
                    "creatorName": dataset.owner,
                    "creatorRef": dataset.owner,
                    "versionNotes": version.notes,
                    "status": version.status.capitalize() if version.finished else "Pending",
                }
                for version in reversed(shown)
            ],
        }

    def _content(self, body: dict, user: str) -> tuple[Dataset, DatasetVersion]:
        dataset = self._found(body, user)
        number = body.get("datasetVersionNumber")
        version = dataset.current if number is None else next((v for v in dataset.versions if v.number == number), None)
        if version is None or version.status != "READY":
            raise Refusal(404, "Not found")
        return dataset, version

    def ListDatasetFiles(self, body: dict, user: str) -> dict:
        dataset, version = self._content(body, user)
        files = version.mounted
        names, token = self.server.page(sorted(files), body, 20)
        return {
            "datasetFiles": [
                {
                    "ref": name,
                    "datasetRef": dataset.ref,
                    "ownerRef": dataset.owner,
                    "name": name,
                    "creationDate": timestamp(version.created),
                    "fileType": "." + name.rpartition(".")[2],
                    "totalBytes": len(files[name]),
                    "columns": [],
                }
                for name in names
            ],
            "errorMessage": "",
            "nextPageToken": token,
        }

    def DownloadDataset(self, body: dict, user: str) -> str:
        """One file of a dataset, as an address to go on to."""
        _, version = self._content(body, user)
        content = version.mounted.get(body.get("fileName", ""))
        if content is None:
            raise Refusal(404, "Not found")
        return self.server.storage.share(body["fileName"], content).replace("/storage/", "/storage/redirected/", 1)
