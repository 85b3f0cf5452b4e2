"""Where files are sent to and fetched from: addresses that carry their own permission, as Google's storage has."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from .errors import Refusal

ADDRESS = "http://localhost/storage"


@dataclass
class Blob:
    token: str
    name: str
    length: int
    request: dict
    data: bytearray = field(default_factory=bytearray, repr=False)
    complete: bool = False
    expired: bool = False

    @property
    def address(self) -> str:
        return f"{ADDRESS}/uploads/{self.token}?upload_id={self.token}&X-Goog-Signature=5a"


class Storage:
    def __init__(self):
        self.blobs: dict[str, Blob] = {}
        self.files: dict[str, bytes] = {}
        self._numbers = itertools.count(1)

    def StartBlobUpload(self, body: dict, user: str) -> dict:
        name = body.get("name", "")
        if not name:
            raise Refusal(400, "A name is required")
        if body.get("type") != "DATASET":
            raise Refusal(400, f"Blobs of type {body.get('type')} cannot be uploaded here")
        blob = Blob(f"blob-{next(self._numbers)}", name, int(body.get("contentLength", 0)), body)
        self.blobs[blob.token] = blob
        return {"token": blob.token, "createUrl": blob.address}

    def blob_at(self, path: str) -> Blob:
        blob = self.blobs.get(path.rpartition("/")[2])
        if blob is None or blob.expired:
            raise Refusal(404, "No such upload session")
        return blob

    def received(self, blob: Blob) -> dict[str, str]:
        """The header that says how much of an unfinished upload is there; none where nothing is."""
        return {"Range": f"bytes=0-{len(blob.data) - 1}"} if blob.data else {}

    def put(self, blob: Blob, content: bytes, start: int, whole: bool) -> None:
        """Add what a request brought, from `start` on; `whole` unless the connection ended within its body."""
        if start > len(blob.data):
            raise Refusal(400, f"Invalid request: {len(blob.data)} bytes are there, the next ones start at {start}")
        blob.data[start:] = content
        if len(blob.data) > blob.length or (whole and len(blob.data) != blob.length):
            size, blob.data = len(blob.data), bytearray()
            raise Refusal(400, f"Invalid request: {size} bytes were sent, {blob.length} were announced")
        blob.complete = whole

    def take(self, token: str | None) -> Blob:
        """The finished upload that a request names."""
        blob = self.blobs.get(token or "")
        if blob is None or not blob.complete:
            raise Refusal(400, f"Invalid file token: {token}")
        return blob

    def share(self, name: str, content: bytes) -> str:
        """An address at which a file can be fetched without credentials."""
        key = f"/storage/files/{next(self._numbers)}/{name.rpartition('/')[2]}"
        self.files[key] = content
        return f"http://localhost{key}?X-Goog-Expires=3600&X-Goog-Signature=5a"
