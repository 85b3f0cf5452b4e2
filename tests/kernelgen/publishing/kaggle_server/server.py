"""The server as tests see it: what it knows, what it is told to do, and what it was asked."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from .accounts import Accounts
from .competitions import Competitions
from .datasets import Datasets
from .editor import edited
from .errors import Refusal
from .faults import Fault, Faults
from .kernels import Kernels
from .records import (
    Call,
    Competition,
    Dataset,
    DatasetVersion,
    Kernel,
    KernelVersion,
    Run,
    Submission,
    now,
    timestamp,
)
from .storage import Storage
from .transport import Proxy

USER, KEY = "tester", "0123456789abcdef0123456789abcdef"
TOKEN, REFRESH_TOKEN = "KGAT_0123456789abcdef0123456789abcdef", "KGRT_0123456789abcdef0123456789abcdef"


class KaggleServer:
    """Kaggle on this machine, for one user, "tester", and the competition birdclef-2023, unless more are added.

    Everything that can be set may be set at any time; it counts from the next request on.
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.accounts = Accounts()
        self.storage = Storage()
        self._kernels, self._datasets, self._competitions = Kernels(self), Datasets(self), Competitions(self)
        self._faults = Faults()
        self._numbers = itertools.count(1001)
        self._endpoints = {
            name: method
            for service in (self.accounts, self.storage, self._kernels, self._datasets, self._competitions)
            for name, method in inspect.getmembers(service, inspect.ismethod)
            if name[0].isupper()  # the services' methods bear Kaggle's names
        }
        self._endpoints["GetAcceleratorQuotaStatistics"] = self._quota
        self._endpoints["StreamLogs"] = lambda body, user: self._kernels.log_events(
            body["userName"], body["kernelSlug"], user
        )
        self._proxy: Proxy | None = None

        self.calls: list[Call] = []
        "Every request in order."
        self.unknown: list[str] = []
        "Endpoints that were asked for and do not exist here."
        self.violations: list[str] = []
        "What must never happen; the fixture fails the test over it."

        # How things go.
        self.ready_after_polls = 0
        self.ready_after_seconds: float | None = None
        self.status_lag = 0
        self.list_unfinished_versions = False
        self.refuse_empty_datasets = False
        self.run_polls = 0
        self.run_seconds: float | None = None
        self.score_polls = 0
        self.score = "0.80000"
        self.on_run: Callable[[str, KernelVersion], dict | Run | None] | None = None
        self.on_submission: Callable[[Submission, KernelVersion], str] | None = None
        self.hook_patience = 0.5
        self.slug_mismatch = "conflict"
        self.ref_prefix = "/code/"
        self.missing_kernel_status = 403
        self.missing_dataset_status = 404
        self.page_limit = 100
        self.gpu_sessions = 2
        self.gpu_hours_used, self.gpu_hours_allowed = 0.0, 30.0

        # What exists besides what is sent.
        self.models: set[str] = set()
        self.tags = {"audio", "deep learning", "pytorch", "birds", "animals"}
        self.add_user(USER, KEY, token=TOKEN, refresh_token=REFRESH_TOKEN)
        self.add_competition("birdclef-2023", "BirdCLEF 2023")
        self._complete = True

    def __setattr__(self, name, value):
        """A misspelt setting must not pass in silence."""
        if getattr(self, "_complete", False) and not hasattr(self, name):
            raise AttributeError(f"the server has no setting {name}")
        super().__setattr__(name, value)

    # ------------------------------------------------------------ running

    def __enter__(self) -> KaggleServer:
        self._proxy = Proxy(self)
        return self

    def __exit__(self, *error) -> None:
        self._proxy.stop()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._proxy.server_address[1]}"

    def environment(self, home: Path, *, user: str = USER, credentials: str | None = "environment") -> dict[str, str]:
        """The environment for a process that is to talk to this server and nothing else.

        credentials: "environment" (KAGGLE_USERNAME and KAGGLE_KEY), "token" (KAGGLE_API_TOKEN), "token_file"
        (~/.kaggle/access_token), "file" (kaggle.json), "oauth" (~/.kaggle/credentials.json), or None for none.
        `home` becomes HOME, TMPDIR and the place of the client's settings.
        """
        home = Path(home)
        folder = home / ".kaggle"
        folder.mkdir(parents=True, exist_ok=True)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("KAGGLE_") and not name.lower().endswith("_proxy") and name != "XDG_CONFIG_HOME"
        }
        environment = inherited | {
            "HOME": str(home),
            "TMPDIR": str(home),
            "KAGGLE_CONFIG_DIR": str(folder),
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "HTTP_PROXY": self.address,
            "http_proxy": self.address,
            "HTTPS_PROXY": self.address,  # so that whatever goes elsewhere is seen here, and refused
            "https_proxy": self.address,
            "NO_PROXY": "",
            "no_proxy": "",
        }
        accounts = self.accounts
        token = next((one for one, name in accounts.tokens.items() if name == user), "")
        refresh = next((one for one, name in accounts.refresh_tokens.items() if name == user), "")
        secret = {"username": user, "key": accounts.keys.get(user, "")}
        if credentials == "environment":
            environment |= {"KAGGLE_USERNAME": secret["username"], "KAGGLE_KEY": secret["key"]}
        elif credentials == "token":
            environment["KAGGLE_API_TOKEN"] = token
        elif credentials == "token_file":
            (folder / "access_token").write_text(token)
        elif credentials == "file":
            (folder / "kaggle.json").write_text(json.dumps(secret))
            (folder / "kaggle.json").chmod(0o600)
        elif credentials == "oauth":
            stored = {"refresh_token": refresh, "access_token": "", "username": user, "scopes": []}
            (folder / "credentials.json").write_text(json.dumps(stored))
        elif credentials is not None:
            raise ValueError(f"credentials={credentials!r}")
        return environment

    # ------------------------------------------------------------ what is there

    @property
    def kernels(self) -> dict[str, Kernel]:
        return self._kernels.kernels

    @property
    def datasets(self) -> dict[str, Dataset]:
        return self._datasets.datasets

    @property
    def competitions(self) -> dict[str, Competition]:
        return self._competitions.competitions

    @property
    def submissions(self) -> list[Submission]:
        return self._competitions.submissions

    def calls_of(self, endpoint: str) -> list[Call]:
        return [call for call in self.calls if call.endpoint == endpoint]

    @property
    def unused_faults(self) -> list[Fault]:
        """Faults that never hit, so that a test can see that it tested something."""
        return self._faults.unused

    def add_user(self, name: str, key: str, *, token: str | None = None, refresh_token: str | None = None) -> None:
        self.accounts.keys[name] = key
        if token:
            self.accounts.tokens[token] = name
        if refresh_token:
            self.accounts.refresh_tokens[refresh_token] = name

    def add_organisation(self, name: str, members: set[str]) -> None:
        """An owner for which several users may write."""
        self.accounts.members[name] = set(members)

    def add_competition(self, slug: str, title: str = "", **fields) -> Competition:
        self.competitions[slug] = Competition(slug, title or slug, **fields)
        return self.competitions[slug]

    def add_dataset(
        self, ref: str, files: dict[str, bytes] | None = None, *, private: bool = False, notes: str = ""
    ) -> Dataset:
        """A dataset that is READY already; once more for its next version."""
        owner, _, slug = ref.partition("/")
        with self.lock:
            dataset = self.datasets.setdefault(
                ref, Dataset(self.next_number(), owner, slug, slug.replace("-", " "), "CC0-1.0", private)
            )
            number = len(dataset.versions) + 1
            dataset.versions.append(DatasetVersion(number, dict(files or {}), notes, {}, status="READY"))
        return dataset

    def add_kernel(
        self, ref: str, text: str = "", *, status: str = "COMPLETE", outputs: dict | None = None, **request
    ) -> KernelVersion:
        """A kernel that ran already; once more for its next version. `request` as SaveKernel's fields."""
        owner, _, slug = ref.partition("/")
        request = {"language": "python", "kernelType": "notebook", "isPrivate": True, "text": text} | request
        with self.lock:
            kernel = self.kernels.setdefault(ref, Kernel(self.next_number(), owner, slug, slug.replace("-", " ")))
            version = KernelVersion(
                len(kernel.versions) + 1, request, text, {}, Run(status), 0, None, user=owner, status=status
            )
            version.outputs = {
                name: one.encode() if isinstance(one, str) else one for name, one in (outputs or {}).items()
            }
            kernel.versions.append(version)
        return version

    # ------------------------------------------------------------ what is to happen

    def script(
        self,
        ref: str,
        *,
        status: str = "COMPLETE",
        outputs: dict[str, bytes | str] | None = None,
        log: str | list[dict] | None = None,
        failure_message: str | None = None,
        polls: int | None = None,
        times: int | None = 1,
    ) -> None:
        """How the next runs of a kernel end; several calls are kept in order. times=None: all from now on."""
        with self.lock:
            self._kernels.script(ref, Run(status, outputs, log, failure_message, polls), times)

    def script_dataset(self, ref: str, *, status: str = "READY", polls: int | None = None) -> None:
        """How the next version of a dataset ends: READY or FAILED, and after how many polls."""
        with self.lock:
            self._datasets.ends.setdefault(ref, []).append((status, polls))

    def script_submission(
        self, *, status: str = "COMPLETE", score: str = "0.80000", private_score: str = "", error: str = "", polls=None
    ) -> None:
        """How the next submission ends."""
        with self.lock:
            self._competitions.ends.append(
                {"status": status, "score": score, "private_score": private_score, "error": error, "polls": polls}
            )

    def fault(self, endpoint: str, **what) -> Fault:
        """Let something go wrong at an endpoint: the name of the call ("SaveKernel"), "PutBlob" (the upload of a
        file's content), "QueryBlob" (the question how much of it arrived), "GetFile" (a download), or "*".

        times: how often (1; None for always), after `skip` requests that go well; when: a function of the
        request's body that picks the requests.
        status, message, headers: an error reply; done=True does the thing nevertheless.
        cut: "before" or "after" the thing is done, the connection ends without an answer.
        cut_at: PutBlob takes, GetFile sends, so many bytes, then the connection ends; PutBlob with a `status`
        as well answers with it instead and keeps what arrived.
        override: fields that a successful reply has instead of its own.
        body, content_type: a reply that is no JSON (status 200 unless given).
        delay: seconds that it takes, alone or with the others.
        """
        if endpoint not in {*self._endpoints, "PutBlob", "QueryBlob", "GetFile", "*"}:
            raise ValueError(f"the server has no endpoint {endpoint}")
        with self.lock:
            return self._faults.add(Fault(endpoint, **what))

    def edit_kernel(
        self, ref: str, change: Callable[[dict], dict | None], *, sources: str = "strings", ids: str = "dropped"
    ) -> KernelVersion:
        """A person edits the notebook on Kaggle and saves it: the next version, already run.

        `change` gets the notebook with sources as text, and changes it or returns another. See `editor.edited`.
        """
        with self.lock:
            last = self.kernels[ref].versions[-1]
            text = edited(last.text, change, request=last.request, sources=sources, ids=ids)
            version = KernelVersion(
                last.number + 1,
                last.request | {"text": text},
                text,
                dict(last.attached),
                Run(),
                0,
                None,
                user=last.user,
            )
            version.status, version.log, version.outputs = "COMPLETE", last.log, dict(last.outputs)
            self.kernels[ref].versions.append(version)
        return version

    # ------------------------------------------------------------ what the transport and the services ask

    def next_number(self) -> int:
        return next(self._numbers)

    def violation(self, text: str) -> None:
        self.violations.append(text)

    def note(self, call: Call) -> Fault | None:
        """Write a request down, and say what goes wrong with it."""
        with self.lock:
            self.calls.append(call)
            fault = self._faults.take(call.endpoint, call.body)
        call.faulty = fault is not None
        return fault

    def user_of(self, endpoint: str, authorization: str | None) -> str | None:
        if endpoint in Accounts.OPEN:
            return None
        return self.accounts.user_of(authorization)

    def perform(self, endpoint: str, body: dict, user: str | None):
        """Do what an endpoint does; the reply, an address to go on to, or content type and text."""
        method = self._endpoints.get(endpoint)
        if method is None:
            self.unknown.append(endpoint)
            raise Refusal(404, f"Not found: {endpoint}")
        with self.lock:
            return method(body, user)

    def page(self, items: list, body: dict, default: int) -> tuple[list, str]:
        """One page of a list, and the token of the next one; empty on the last."""
        size = max(1, min(body.get("pageSize") or default, self.page_limit))
        token, number = body.get("pageToken") or "", body.get("page") or 1
        if token:
            if not token.startswith("page-") or not token[5:].isdigit():
                raise Refusal(400, "Invalid page token")
            start = int(token[5:])
        else:
            start = (number - 1) * size
        end = start + size
        return items[start:end], f"page-{end}" if end < len(items) else ""

    def _quota(self, body: dict, user: str) -> dict:
        def seconds(hours: float) -> str:
            return f"{round(hours * 3600)}s"

        return {
            "quotaRefreshTime": timestamp(now() + timedelta(days=3)),
            "gpuQuota": {
                "timeUsed": seconds(self.gpu_hours_used),
                "timeReserved": "0s",
                "totalTimeAllowed": seconds(self.gpu_hours_allowed),
                "hasEverRun": True,
            },
            "tpuQuota": {"timeUsed": "0s", "timeReserved": "0s", "totalTimeAllowed": seconds(20), "hasEverRun": False},
        }
