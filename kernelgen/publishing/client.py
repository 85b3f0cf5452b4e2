"""Kaggle's own client, authenticated: typed requests to it, one line for what it refuses."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from kernelgen.errors import KernelgenError
from kernelgen.publishing.retrying import (
    PATIENCE_WHILE_WAITING_SECONDS,
    passes_by_itself,
    retried,
    status_of,
)

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi

Answer = TypeVar("Answer")

NEW_TOKEN = "make a new token at kaggle.com/settings"


@dataclass(frozen=True)
class KernelThere:
    """A version of a kernel as Kaggle has it; ``source`` is the notebook's text."""

    version: int | None
    source: str


@dataclass(frozen=True)
class RunThere:
    """How far a version's run has come: QUEUED, RUNNING, COMPLETE, ERROR or a CANCEL_… state."""

    status: str
    failure: str

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ("COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED")

    @property
    def is_complete(self) -> bool:
        """Whether its output can be attached."""
        return self.status == "COMPLETE"


class Kaggle:
    """One user's connection.

    Raises (every method): KernelgenError, one line, for what Kaggle refuses and for a connection that stays
    broken. What the client itself prints is kept from the terminal: it may hold what nobody should read.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self._patience: float | None = None
        self._api = _authenticated()
        self.username: str = self._api.config_values["username"]

    # ------------------------------------------------------------ requests

    def ask(
        self,
        what: str,
        call: Callable[[Any], Answer],
        *,
        arrived: Callable[[], Answer | None] | None = None,
    ) -> Answer:
        """The answer to one request, repeated where that does no harm.

        Args:
            what: names the request in messages: ``kernel me/train``.
            call: is given the SDK's client.
            arrived: as in ``retried``; without it the request may be carried out twice.
        """

        def ask() -> Answer:
            with silenced(), self._api.build_kaggle_client() as client:
                return call(client)

        try:
            return retried(ask, what, self.say, arrived=arrived, patience=self._patience)
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
            raise refusal(what, error) from error

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """While it lasts, a connection that is down for half an hour is no failure."""
        before, self._patience = self._patience, PATIENCE_WHILE_WAITING_SECONDS
        try:
            yield
        finally:
            self._patience = before

    def ask_if_there(self, what: str, call: Callable[[Any], Answer], **keywords: Any) -> Answer | None:
        """The same, None where Kaggle has no such thing, none that it would show us, or no such request."""
        try:
            return self.ask(what, call, **keywords)
        except KernelgenError as error:
            if status_of(error.__cause__) in (403, 404, 405, 501):
                return None
            raise

    # ------------------------------------------------------------ kernels

    def kernel(self, identity: str, version: int | None = None) -> KernelThere | None:
        """The kernel's latest version, or that one; None where there is none."""
        from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

        request = ApiGetKernelRequest()
        request.user_name, request.kernel_slug = identity.split("/")
        if version:
            request.version_label = label_of(version)
        answer = self.ask_if_there(
            f"kernel {identity}", lambda client: client.kernels.kernels_api_client.get_kernel(request)
        )
        if answer is None or answer.metadata is None:
            return None
        source = (answer.blob.source if answer.blob else "") or ""
        return KernelThere(version or answer.metadata.current_version_number or None, source)

    def run(self, identity: str, version: int | None = None) -> RunThere | None:
        """How far the run of the kernel's latest version is, or of that one; None where there is none."""
        from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelSessionStatusRequest

        def asked(label: str | None) -> RunThere | None:
            request = ApiGetKernelSessionStatusRequest()
            request.user_name, request.kernel_slug = identity.split("/")
            if label:
                request.version_label = label
            answer = self.ask_if_there(
                f"the run of kernel {identity}",
                lambda client: client.kernels.kernels_api_client.get_kernel_session_status(request),
            )
            return None if answer is None else RunThere(answer.status.name, answer.failure_message or "")

        if version is None:
            return asked(None)
        found = asked(label_of(version))
        if found is None and self._is_latest(identity, version):
            found = asked(None)
        return found

    def _is_latest(self, identity: str, version: int) -> bool:
        there = self.kernel(identity)
        return there is not None and there.version in (None, version)

    # ------------------------------------------------------------ datasets

    def dataset_status(self, identity: str) -> str | None:
        """READY, FAILED or a state on the way there; None where there is no such dataset."""
        from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetStatusRequest

        request = ApiGetDatasetStatusRequest()
        request.owner_slug, request.dataset_slug = identity.split("/")
        answer = self.ask_if_there(
            f"dataset {identity}",
            lambda client: client.datasets.dataset_api_client.get_dataset_status(request),
        )
        return None if answer is None else answer.status.name

    def dataset_version(self, identity: str) -> int | None:
        """The number of the version that kernels are given now; None where there is none."""
        from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

        request = ApiGetDatasetRequest()
        request.owner_slug, request.dataset_slug = identity.split("/")
        answer = self.ask_if_there(
            f"dataset {identity}", lambda client: client.datasets.dataset_api_client.get_dataset(request)
        )
        return None if answer is None else answer.current_version_number or None


def label_of(version: int) -> str:
    """A version as the API wants it; a bare number is answered by 404."""
    return f"v{version}"


def refusal(what: str, error: BaseException) -> KernelgenError:
    """The line for a request that failed for good."""
    status, said = status_of(error), _said(error)
    if status == 401:
        return KernelgenError(f"{what}: Kaggle refused the credentials (401{said}); {NEW_TOKEN}")
    if status == 403:
        rules = ", and that the competition's rules are accepted" if "ompetition" in what + said else ""
        return KernelgenError(f"{what}: not allowed (403{said}); check the owner{rules}")
    if status == 404:
        return KernelgenError(f"{what}: not there (404{said}); check the name and the owner")
    if status == 409:
        return KernelgenError(f"{what}: in conflict with what is there (409{said}); choose another title")
    if status == 429:
        return KernelgenError(f"{what}: still too many requests (429{said}); try again later")
    if status:
        later = "; try again later" if passes_by_itself(error) else "; correct what it names"
        return KernelgenError(f"{what}: Kaggle answers {status}{said}{later}")
    if passes_by_itself(error):
        return KernelgenError(f"{what}: Kaggle cannot be reached ({_kind(error)}); check the network and try again")
    return KernelgenError(f"{what}: Kaggle's answer makes no sense ({_kind(error)}); try again later")


def _said(error: BaseException) -> str:
    """What Kaggle itself says of the refusal, in one line; never an address, which may hold a key."""
    try:
        message = error.response.json().get("message", "")
    except (AttributeError, ValueError):
        return ""
    text = " ".join(str(message).split())
    return f": {text[:300]}" if text else ""


def _kind(error: BaseException) -> str:
    return type(error).__name__


@contextmanager
def silenced() -> Iterator[None]:
    """Keeps what Kaggle's client prints from the terminal."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def _authenticated() -> KaggleApi:
    """The client with credentials from wherever it looks for them."""
    try:
        with silenced():
            from kaggle.api.kaggle_api_extended import KaggleApi

            api = KaggleApi()
            api.authenticate()
    except ImportError as error:
        raise KernelgenError(
            f"Kaggle's client is not installed ({error.name}); run `pip install -e '.[push]'`"
        ) from None
    except SystemExit:  # how it says that it has found nothing
        raise KernelgenError(
            "no Kaggle credentials that are valid (KAGGLE_API_TOKEN, ~/.kaggle/access_token, KAGGLE_USERNAME with "
            f"KAGGLE_KEY, kaggle.json, OAuth); {NEW_TOKEN} and save it as ~/.kaggle/access_token"
        ) from None
    except (requests.RequestException, ValueError, OSError, TypeError, KeyError, AttributeError) as error:
        raise refusal("signing in", error) from error
    if not api.config_values.get("username"):
        raise KernelgenError(f"the Kaggle credentials name no user; {NEW_TOKEN}")
    return api
