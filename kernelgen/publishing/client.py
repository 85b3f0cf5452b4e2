"""The connection to Kaggle: its own client, with what it does worse than we need put right in this one place.

It prints instead of raising, ends the process where it finds no credentials, knows no time limit, and leaves a file
that was refused out of a dataset without a word.
"""

from __future__ import annotations

import io
import logging
import math
import operator
import os
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, TypeVar

from kernelgen.errors import KernelgenError


def tidy_environment() -> None:
    """Take from the KAGGLE_ variables what stands around their values by mistake, most often a line break."""
    for name, value in list(os.environ.items()):
        if name.startswith("KAGGLE_"):
            os.environ[name] = value.strip(" \t\r\n\v\f\ufeff\u200b\xa0\"'")
            if not os.environ[name]:
                del os.environ[name]


tidy_environment()  # before the client reads it, which is at its import
try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.exceptions import InvalidHeader

    with redirect_stdout(io.StringIO()):
        from kaggle.api import kaggle_api_extended as kaggle_module

    from kernelgen.publishing.failures import FAILURES, MISSING, NEW_TOKEN, NOT_YET, Refused
except ImportError as error:
    raise KernelgenError(f"Kaggle's client is not installed ({error.name}); run `pip install -e '.[push]'`") from None

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

TIMEOUT_SECONDS = 120
PAGE = 100
# After which the last failure is final. A run of many hours is not given up for a connection that is down for a while.
PATIENCE_SECONDS, PATIENCE_WHILE_WAITING_SECONDS = 180.0, 1800.0
# Between two tries, and between two looks at what is waited for.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, GROWTH = 1.0, 30.0, 1.5
# After an answer was lost, before it is taken for not arrived.
LOOK_AGAIN_SECONDS = (0, 2, 4, 8)
# One 404 too many would push a kernel again, and cost a GPU's hours: what may be missing is asked for twice. Of what is
# there for certain, 403 and 404 pass like other faults of a server.
TWICE, KNOWN = 2, math.inf


class TimedAdapter(HTTPAdapter):
    """A connection that is given up when nothing comes for a while."""

    def send(self, request: requests.PreparedRequest, *args: Any, **keywords: Any) -> requests.Response:
        """Send a request, with a time limit where the caller sets none."""
        return super().send(request, *args, **keywords | {"timeout": keywords.get("timeout") or TIMEOUT_SECONDS})


# By what a method of the SDK names: where it is, and which fields of its request name OWNER/SLUG.
_SERVICES = {
    "kernel": ("kernels.kernels_api_client", "user_name", "kernel_slug"),
    "dataset": ("datasets.dataset_api_client", "owner_slug", "dataset_slug"),
    "submission": ("competitions.competition_api_client",),
}
# Of all sessions, and of uploads, which the client sets up by itself: neither it nor its SDK sets a time limit.
requests.sessions.HTTPAdapter = kaggle_module.HTTPAdapter = TimedAdapter


@dataclass(frozen=True)
class KernelThere:
    """A version of a kernel as Kaggle has it; ``source`` is the notebook's text."""

    version: int
    source: str


@dataclass(frozen=True)
class RunThere:
    """How far a version's run has come: QUEUED, RUNNING, COMPLETE (it can be attached), ERROR or a CANCEL_… state."""

    status: str
    failure: str

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ("COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED")


class Kaggle(kaggle_module.KaggleApi):  # type: ignore[misc]  # the client has no types
    """One user's connection, with our retries.

    Attributes:
        upload_what: names the dataset that is uploaded, in messages.
        upload_entries: its files and folders that go up, each as itself or as one archive.

    Raises (every method of ours): KernelgenError, one line, for what Kaggle refuses and for a connection or an answer
    that stays broken.
    """

    def __init__(self) -> None:
        tidy_environment()
        super().__init__()
        self.upload_what, self.upload_entries = "", list[str]()
        self._upload_status = 0
        self._patience = PATIENCE_SECONDS
        no_credentials = KernelgenError(
            "no Kaggle credentials that are valid (KAGGLE_API_TOKEN, ~/.kaggle/access_token, KAGGLE_USERNAME with "
            f"KAGGLE_KEY, kaggle.json, OAuth); {NEW_TOKEN} and save it as ~/.kaggle/access_token"
        )

        def authenticate() -> None:
            try:
                self.authenticate()
            except (SystemExit, OSError, ValueError, TypeError, AttributeError) as error:
                if isinstance(error, requests.RequestException) and not isinstance(error, InvalidHeader):
                    raise
                # SystemExit is how it says that it has found nothing. The words of the others may hold a key.
                raise no_credentials from None

        self.use("signing in", authenticate)
        values = self.config_values
        self.username = str(values.get("username") or "")
        if not self.username or not f"{self.username}{values.get('key')}".isascii():
            raise no_credentials

    # ------------------------------------------------------------ requests

    def use(
        self, what: str, act: Callable[[], Answer], done: Callable[[], Answer | None] | None = None, missing: float = 1
    ) -> Answer:
        """What ``act`` gives, repeated as long as its failures pass by themselves; ``what`` names it in messages.

        What must not be done twice says by ``done`` what an earlier try gave that did arrive after all, else None.
        An answer 403 or 404 is final when it came ``missing`` times.
        """
        began, pause, missed = time.monotonic(), FIRST_PAUSE_SECONDS, 0
        while True:
            try:
                with redirect_stdout(io.StringIO()):  # what the client prints may hold what nobody should read
                    return act()
            except FAILURES as error:
                refused = Refused(what, error)
            missed += refused.status in MISSING
            seconds = max(refused.retry_after, pause)
            passes = missed < missing if refused.status in MISSING else refused.passes
            if not passes or time.monotonic() - began + seconds > self._patience:
                raise refused
            if refused.status not in MISSING or missing == KNOWN:
                logger.warning(f"{what}: {refused.reason}; once more in {seconds:.0f} s")
            time.sleep(seconds)
            pause = min(pause * GROWTH, LONGEST_PAUSE_SECONDS)
            if done is None or refused.status in NOT_YET:
                continue
            for delay in LOOK_AGAIN_SECONDS:
                time.sleep(delay)
                if (answer := done()) is not None:
                    return answer

    def ask(
        self, what: str, method: str, read: Callable[[Any], Answer], of: str = "", missing: float = 1, **fields: Any
    ) -> Answer:
        """The answer to one request of the client's SDK, about a kernel or a dataset ``of`` OWNER/SLUG.

        The SDK's ``method`` takes the request of the same name (get_kernel an ApiGetKernelRequest); ``read`` makes the
        pages of the reply into plain types.
        """
        service, *names = next(service for noun, service in _SERVICES.items() if noun in method)
        fields |= dict(zip(names, of.split("/"), strict=False))  # a version may follow

        def act() -> Answer:
            request = getattr(kaggle_module, f"Api{method.title().replace('_', '')}Request")()
            for field, value in fields.items():
                setattr(request, field, value)
            with self.build_kaggle_client() as client:
                call = operator.attrgetter(f"{service}.{method}")(client)
                pages = [call(request)]
                while token := getattr(pages[-1], "next_page_token", ""):
                    request.page_token = token
                    pages.append(call(request))
                return read(pages)

        return self.use(what, act, missing=missing)

    def ask_if_there(self, what: str, method: str, read: Callable[[Any], Answer], identity: str) -> Answer | None:
        """The same, None where Kaggle has no such thing, or none that it would show us."""
        try:
            return self.ask(what, method, lambda pages: read(pages[0]), identity, missing=TWICE)
        except Refused as error:
            if error.status not in MISSING:
                raise
            return None

    def wait_for(self, look: Callable[[], tuple[str, Answer | None]], what: str) -> Answer:
        """Ask ``look`` how it stands, in words, until it also gives what is waited for; with a line for each change."""
        began, pause, last = time.monotonic(), FIRST_PAUSE_SECONDS, ""
        # Meanwhile a connection that is down for half an hour is no failure.
        self._patience = PATIENCE_WHILE_WAITING_SECONDS
        try:
            while True:
                words, answer = look()
                if words != last:
                    minutes = int(time.monotonic() - began) // 60
                    logger.info(f"[{minutes // 60}:{minutes % 60:02}] {what}: {words}")
                if answer is not None:
                    return answer
                last = words
                time.sleep(pause)
                pause = min(pause * GROWTH, LONGEST_PAUSE_SECONDS)
        finally:
            self._patience = PATIENCE_SECONDS

    # ------------------------------------------------------------ kernels and datasets

    def kernel(self, identity: str) -> KernelThere | None:
        """The kernel's latest version; None where there is none."""

        def read(answer: Any) -> KernelThere:
            source = (answer.blob.source if answer.blob else "") or ""
            return KernelThere(int(answer.metadata.current_version_number or 0), str(source))

        return self.ask_if_there(f"kernel {identity}", "get_kernel", read, identity)

    def run(self, identity: str, version: int) -> RunThere:
        """How far the run of a version is."""

        def read(pages: list[Any]) -> RunThere:
            return RunThere(pages[0].status.name, str(pages[0].failure_message or ""))

        what = f"the run of kernel {identity}"
        # A bare number is answered by 404.
        return self.ask(what, "get_kernel_session_status", read, identity, KNOWN, version_label=f"v{version}")

    def dataset(self, identity: str) -> tuple[str, int]:
        """READY, FAILED or a state on the way there, and the version that kernels are given now; "" and 0 for none."""
        what = f"dataset {identity}"
        status = self.ask_if_there(what, "get_dataset_status", lambda answer: str(answer.status.name), identity)
        version = self.ask_if_there(
            what, "get_dataset", lambda answer: int(answer.current_version_number or 0), identity
        )
        return status or "", version or 0

    # ------------------------------------------------------------ what the client calls

    def with_retry(self, func: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        """Repeat a request of an upload as all of ours are repeated, with a note for each time."""
        return lambda *arguments: self.use(self.upload_what, lambda: func(*arguments))

    def get_response_processor(self) -> Callable[[requests.Response], None]:
        """Look at each answer before the client does, which takes a list, or an error, for an object without fields."""

        def check(response: requests.Response) -> None:
            answer = response.json()
            if not isinstance(answer, dict) or "code" in answer:
                raise LookupError("no JSON object, or an error that says nothing")

        return check

    def upload_files(
        self, request: Any, resources: Any, folder: str, kind: Any, context: Any, quiet: bool, mode: str, *_: Any
    ) -> None:
        """Upload ``upload_entries``, and nothing else of the folder; an error where one of them does not arrive."""
        for entry in self.upload_entries:
            logger.info(f"{self.upload_what}: uploading {entry}")
            try:
                file = self._upload_file_or_folder(folder, entry, kind, context, mode, quiet, resources)
            except (OSError, ValueError) as error:  # of a date before 1980, zip says ValueError
                raise KernelgenError(f"{self.upload_what}: {entry} cannot be read or packed: {error}") from None
            if file is None:
                context._file_uploads[-1].cleanup()  # its address is kept on disk, and would be tried for days
                refusal = f"uploading {entry}: Kaggle did not take it ({self._upload_status}), so no version was made"
                raise KernelgenError(f"{self.upload_what}: {refusal}; check its size and name, and try again")
            request.files.append(self._new_file(file))

    def _is_upload_successful(self, response: requests.Response) -> bool:
        self._upload_status = response.status_code
        return bool(super()._is_upload_successful(response))
