"""HTTP: the server as the proxy that the client is told to use."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from .errors import Refusal
from .faults import Fault
from .records import Call

SERVICES = {
    "kernels.KernelsApiService",
    "datasets.DatasetApiService",
    "blobs.BlobApiService",
    "competitions.CompetitionApiService",
    "security.OAuthService",
    "users.AccountService",
}


class Proxy(ThreadingHTTPServer):
    """Listens on a free port of this machine and leaves nothing open when it stops."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, kaggle):
        self.kaggle = kaggle
        self._stopping = False
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def get_request(self):
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """A client that went away is no news; anything else is a mistake in here, and the test must hear of it."""
        error = sys.exception()
        if not self._stopping and not isinstance(error, OSError):
            self.kaggle.violation(f"the server itself failed: {error!r}")

    def stop(self):
        self._stopping = True
        self.shutdown()
        self._thread.join()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server_close()


class Cut(Exception):
    """The connection ends here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy

    def log_message(self, format, *arguments):
        pass

    def do_GET(self):
        self._serve()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_GET

    def do_CONNECT(self):
        self.server.kaggle.violation(f"CONNECT {self.path}: something was asked of another host")
        self._answer(403, b"only http://localhost")

    # ------------------------------------------------------------ what came in

    def _serve(self):
        kaggle, target = self.server.kaggle, urlsplit(self.path)
        try:
            if (target.scheme, target.netloc) != ("http", "localhost"):
                kaggle.violation(f"{self.command} {self.path}: something else than http://localhost was asked for")
                self._read()
                return self._json(403, {"code": 403, "message": "only http://localhost"})
            if target.path.startswith("/storage/"):
                return self._storage(target)
            return self._api(target)
        except Cut:
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _read(self, most: int | None = None) -> bytes:
        """The request's body, or its first bytes."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
                if most is not None and len(body) >= most:
                    return body[:most]
            self.rfile.readline()
            return body
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length if most is None else min(length, most))

    def _call(self, endpoint: str, body: dict) -> tuple[Call, Fault | None]:
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(endpoint, body, self.command, self.path, headers)
        fault = self.server.kaggle.note(call)
        if fault is not None and fault.delay:
            time.sleep(fault.delay)
        if fault is not None and fault.cut == "before":
            raise Cut
        return call, fault

    # ------------------------------------------------------------ the API

    def _api(self, target):
        kaggle, raw = self.server.kaggle, self._read()
        logs = re.fullmatch(r"/api/v1/kernels/logs/stream/([^/]+)/([^/]+)", target.path)
        known = re.fullmatch(r"/api/v1/([\w.]+)/(\w+)", target.path)
        if self.command == "GET" and logs:
            endpoint, body = "StreamLogs", {"userName": logs[1], "kernelSlug": logs[2]}
        elif self.command == "POST" and known and known[1] in SERVICES:
            endpoint = known[2]
            try:
                body = json.loads(raw or b"{}")
            except ValueError:
                body = None
        else:
            endpoint, body = target.path, {}
        call, fault = self._call(endpoint, body if isinstance(body, dict) else {})
        try:
            if fault is not None and not fault.performs:
                return self._fail(call, fault)
            call.user = kaggle.user_of(endpoint, self.headers.get("Authorization"))
            if not isinstance(body, dict):
                raise Refusal(400, "Invalid JSON")
            reply = kaggle.perform(endpoint, body, call.user)
        except Refusal as refusal:
            if fault is not None and fault.performs and fault.cut == "after":
                raise Cut from None
            call.status, call.reply = refusal.status, refusal.body
            return self._json(refusal.status, refusal.body)
        if fault is not None:
            if fault.cut == "after":
                raise Cut
            if fault.status is not None or fault.body is not None:
                return self._fail(call, fault)
            if fault.override is not None:
                reply = reply | fault.override
        call.status, call.reply = 200, reply if isinstance(reply, dict) else None
        if isinstance(reply, str):
            call.status = 302
            return self._answer(302, b"", {"Location": reply})
        if isinstance(reply, tuple):
            return self._answer(200, reply[1].encode(), {"Content-Type": reply[0]})
        return self._json(200, reply, fault.headers if fault else {})

    def _fail(self, call: Call, fault: Fault):
        """Answer as the fault says."""
        call.status = fault.status or 200
        if fault.body is not None:
            content = fault.body.encode() if isinstance(fault.body, str) else fault.body
            return self._answer(call.status, content, {"Content-Type": fault.content_type} | fault.headers)
        call.reply = {"code": call.status, "message": fault.message or self.responses[call.status][0]}
        return self._json(call.status, call.reply, fault.headers)

    # ------------------------------------------------------------ the storage

    def _storage(self, target):
        kaggle, path = self.server.kaggle, target.path
        if self.headers.get("Authorization") and "/redirected/" not in path:
            # Google's storage refuses this as well: the address is the permission.
            kaggle.violation(f"{self.command} {path}: credentials were sent to a signed address")
            self._read()
            return self._answer(400, b"Only one auth mechanism allowed")
        try:
            if self.command == "PUT" and path.startswith("/storage/uploads/"):
                return self._upload(path)
            if self.command in ("GET", "HEAD") and "/files/" in path:
                return self._download(path)
            raise Refusal(404, "Not found")
        except Refusal as refusal:
            return self._answer(refusal.status, refusal.message.encode())

    def _upload(self, path):
        kaggle = self.server.kaggle
        span = re.fullmatch(r"bytes (\*|(\d+)-(\d+))/(\d+)", self.headers.get("Content-Range", "").strip())
        query = span is not None and span[1] == "*"
        token = path.rpartition("/")[2]
        call, fault = self._call("QueryBlob" if query else "PutBlob", {"token": token, "range": span and span[0]})
        at = fault.cut_at if fault else None
        if fault is not None and at is None and fault.cut != "after" and not fault.performs:
            self._read()
            return self._fail(call, fault)
        content = self._read(at if fault is not None and fault.status is None else None)
        with kaggle.lock:
            blob = kaggle.storage.blob_at(path)
            call.body |= {"name": blob.name, "size": len(content)}
            if not query:
                last = span is None or int(span[3]) + 1 == int(span[4])
                keep = content if at is None else content[:at]
                kaggle.storage.put(blob, keep, int(span[2]) if span else 0, whole=at is None and last)
            complete, headers = blob.complete, kaggle.storage.received(blob)
        if fault is not None:
            if fault.status is not None:
                return self._fail(call, fault)
            if fault.cut == "after" or at is not None:
                raise Cut
        call.status = 200 if complete else 308
        self._answer(call.status, b"", {} if complete else headers)

    def _download(self, path):
        kaggle = self.server.kaggle
        content = kaggle.storage.files.get(path.replace("/redirected", "", 1))
        call, fault = self._call("GetFile", {"name": path.rpartition("/")[2]})
        if fault is not None and not fault.performs:
            self._read()
            return self._fail(call, fault)
        self._read()
        if content is None:
            raise Refusal(404, "NoSuchKey")
        digest = base64.b64encode(hashlib.md5(content).digest()).decode()
        headers = {
            "Content-Type": "application/octet-stream",
            "Last-Modified": formatdate(usegmt=True),
            "ETag": f'"{hashlib.md5(content).hexdigest()}"',
            "Accept-Ranges": "bytes",
            "x-goog-hash": f"md5={digest}",
        }
        call.status, call.body["size"] = 200, len(content)
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span:
            start, end = int(span[1]), min(int(span[2] or len(content)), len(content) - 1)
            if start >= len(content):
                return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
            call.status, content = 206, content[start : end + 1]
        if fault is not None and fault.cut == "after":
            raise Cut
        if fault is not None and fault.cut_at is not None:
            self._answer(call.status, content[: fault.cut_at], headers | {"Content-Length": str(len(content))})
            raise Cut
        self._answer(call.status, content, headers)

    # ------------------------------------------------------------ what goes out

    def _json(self, status: int, body: dict, headers: dict | None = None):
        content = json.dumps(body).encode()
        self._answer(status, content, {"Content-Type": "application/json; charset=utf-8"} | (headers or {}))

    def _answer(self, status: int, content: bytes, headers: dict | None = None):
        """Head and body in one piece, so that no reply waits for the other side's acknowledgement."""
        headers = {"Content-Length": str(len(content))} | (headers or {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self._headers_buffer.append(b"\r\n" + (b"" if self.command == "HEAD" else content))
        self.flush_headers()
