"""Kaggle's own client, with what it does worse than we need put right in this one place.

It prints instead of raising, ends the process where it finds no credentials, knows no time limit, and leaves a file
that was refused out of a dataset without a word. To import it takes a second, and signs in, so only ``client`` imports
this module, when somebody is to be asked.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from kernelgen.errors import KernelgenError
from kernelgen.publishing.retrying import NEW_TOKEN, retried

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 120


def tidy_environment() -> None:
    """Take from the KAGGLE_ variables what stands around their values by mistake, most often a line break."""
    for name, value in list(os.environ.items()):
        if name.startswith("KAGGLE_"):
            os.environ[name] = value.strip(" \t\r\n\v\f\ufeff\u200b\xa0\"'")
            if not os.environ[name]:
                del os.environ[name]


tidy_environment()  # before the client reads it, which is at its import
with redirect_stdout(io.StringIO()):
    from kaggle.api import kaggle_api_extended as kaggle_module


class TimedAdapter(HTTPAdapter):
    """A connection that is given up when nothing comes for a while."""

    def send(self, request: requests.PreparedRequest, *args: Any, **keywords: Any) -> requests.Response:
        """Send a request, with a time limit where the caller sets none."""
        if not args:
            keywords["timeout"] = keywords.get("timeout") or TIMEOUT_SECONDS
        return super().send(request, *args, **keywords)


kaggle_module.HTTPAdapter = TimedAdapter  # of uploads


class OfficialClient(kaggle_module.KaggleApi):  # type: ignore[misc]  # the client has no types
    """The client with our retries and time limits, for one user.

    Attributes:
        upload_what: names what is uploaded, in messages.
        upload_entries: the files and folders of a dataset that go up, each as itself or as one archive.
        upload_arrived: whether a dataset or version whose answer was lost has been made.
        module: where the SDK's requests and replies are found by their names.
    """

    module = kaggle_module

    def __init__(self) -> None:
        super().__init__()
        self.upload_what, self.upload_entries = "", list[str]()
        self.upload_arrived: Callable[[], bool] = bool
        self._upload_status = 0

    def with_retry(self, func: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        """Repeat a request as all of ours are repeated, with a note for each time."""

        def arrived() -> Any:
            made = func.__name__.startswith("create_dataset") and self.upload_arrived()
            return kaggle_module.ApiCreateDatasetResponse() if made else None

        return lambda *arguments: retried(lambda: func(*arguments), self.upload_what, arrived=arrived)

    def build_kaggle_client(self) -> Any:
        """Build the SDK's client, with a time limit for each request."""
        client = super().build_kaggle_client()
        http = client.http_client()
        http.__enter__()
        for scheme in ("http://", "https://"):
            http._session.mount(scheme, TimedAdapter())
        return client

    def get_response_processor(self) -> Callable[[requests.Response], None]:
        """Look at each answer before the client does, which takes a list, or an error, for an object without fields."""

        def check(response: requests.Response) -> None:
            answer = response.json()
            if not isinstance(answer, dict) or "code" in answer:
                raise LookupError("no JSON object, or an error that says nothing")

        return check

    def upload_files(
        self,
        request: Any,
        resources: Any,
        folder: str,
        blob_type: Any,
        upload_context: Any,
        quiet: bool = False,
        dir_mode: str = "skip",
        ignore_patterns: list[str] | None = None,
    ) -> None:
        """Upload ``upload_entries``, and nothing else of the folder.

        Raises:
            KernelgenError: a file was refused, so that no version may be made; or a folder cannot be packed.
        """
        for entry in self.upload_entries:
            logger.info(f"{self.upload_what}: uploading {entry}")
            try:
                file = self._upload_file_or_folder(folder, entry, blob_type, upload_context, dir_mode, quiet, resources)
            except (OSError, ValueError) as error:  # of a date before 1980, zip says ValueError
                raise KernelgenError(f"{self.upload_what}: {entry} cannot be read or packed: {error}") from None
            if file is None:
                upload_context._file_uploads[-1].cleanup()  # its address is kept on disk, and would be tried for days
                raise KernelgenError(
                    f"{self.upload_what}: uploading {entry}: Kaggle did not take it ({self._upload_status}), so "
                    "no version was made; check its size and name, and try again"
                )
            request.files.append(self._new_file(file))

    def _is_upload_successful(self, response: requests.Response) -> bool:
        self._upload_status = response.status_code
        return bool(super()._is_upload_successful(response))


def signed_in() -> OfficialClient:
    """The client, with credentials from wherever it looks for them."""
    tidy_environment()
    client = OfficialClient()

    def authenticate() -> None:
        try:
            with redirect_stdout(io.StringIO()):
                client.authenticate()
        except (OSError, ValueError, TypeError, AttributeError) as error:
            if isinstance(error, requests.RequestException) and not isinstance(
                error, requests.exceptions.InvalidHeader
            ):
                raise
            # Of a file, not of an answer. Not its words: they may hold a key.
            raise KernelgenError(
                f"signing in: the credentials cannot be read ({type(error).__name__}); {NEW_TOKEN}"
            ) from None

    try:
        retried(authenticate, "signing in")
    except SystemExit:  # how it says that it has found nothing
        raise KernelgenError(
            "no Kaggle credentials that are valid (KAGGLE_API_TOKEN, ~/.kaggle/access_token, KAGGLE_USERNAME with "
            f"KAGGLE_KEY, kaggle.json, OAuth); {NEW_TOKEN} and save it as ~/.kaggle/access_token"
        ) from None
    values = client.config_values
    for name in {"username", "key"} & set(values):  # of kaggle.json, which nobody has looked at yet
        values[name] = str(values[name]).strip()
    if not values.get("username") or not (values["username"] + values.get("key", "")).isascii():
        raise KernelgenError(f"the Kaggle credentials name no user, or hold characters that no key has; {NEW_TOKEN}")
    return client
