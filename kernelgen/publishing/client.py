"""The connection to Kaggle: what is asked, in types of our own, and one line for what it refuses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kernelgen.errors import KernelgenError
from kernelgen.publishing.credentials import not_installed
from kernelgen.publishing.refusals import Refused, refusal
from kernelgen.publishing.retrying import FAILURES, PATIENCE_WHILE_WAITING_SECONDS, retried

if TYPE_CHECKING:
    from kernelgen.publishing.official_client import OfficialClient

Answer = TypeVar("Answer")

# What Kaggle answers where a thing is missing or nobody's to see, and where a server knows no such request.
MISSING, UNKNOWN_REQUEST = (403, 404), (405, 501)
PAGE = 100
# Before what is missing is asked for once more.
CONFIRM_SECONDS = 1.0


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

    Raises (every method): KernelgenError, one line, for what Kaggle refuses and for a connection or an answer that
    stays broken.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self._patience: float | None = None
        self._answered = False
        self.sign_in()

    def sign_in(self) -> None:
        """Sign in with whatever credentials there are."""
        # Not above: the client signs in where it is imported, too.
        try:
            from kernelgen.publishing.official_client import signed_in
        except ImportError as error:
            raise not_installed(error) from None

        self.client: OfficialClient = signed_in(self.say)
        self.username: str = self.client.config_values["username"]

    # ------------------------------------------------------------ requests

    def use(
        self, what: str, act: Callable[[], Answer], *, arrived: Callable[[], Answer | None] | None = None
    ) -> Answer:
        """What ``act`` gives, repeated where that does no harm.

        Args:
            what: names the request in messages: ``kernel me/train``.
            arrived: as in ``retried``; without it the request may be carried out twice.
        """

        def quietly() -> Answer:
            with self.client.silenced():
                return act()

        try:
            return retried(quietly, what, self.say, arrived=arrived, patience=self._patience)
        except FAILURES as error:
            raise refusal(what, error) from error
        except OSError as error:
            raise KernelgenError(f"{what}: {error.filename or 'a file'}: {error.strerror or error}") from None

    def send(
        self, what: str, act: Callable[[OfficialClient], Answer], *, arrived: Callable[[], Answer | None] | None = None
    ) -> Answer:
        """What one of the client's own functions gives. Its complaints about what is to be sent are final."""

        def checked() -> Answer:
            try:
                return act(self.client)
            except ValueError as error:
                if type(error) is ValueError:
                    raise KernelgenError(f"{what}: Kaggle's client refuses it: {error}; correct that") from None
                raise

        return self.use(what, checked, arrived=arrived)

    def ask(self, what: str, call: Callable[[Any], Answer]) -> Answer:
        """The answer to one request; ``call`` is given the SDK's client, and makes the answer into plain types."""

        def request() -> Answer:
            with self.client.build_kaggle_client() as client:
                return call(client)

        try:
            answer = self.use(what, request)
        except Refused as error:
            if error.status != 401 or not self._answered or not self._signed_in_again():
                raise
            answer = self.use(what, request)
        self._answered = True
        return answer

    def _signed_in_again(self) -> bool:
        """Whether a new sign-in worked: a token may run out during a wait of hours."""
        try:
            self.sign_in()
        except KernelgenError as error:
            self.say(f"note: {error}")
            return False
        return True

    def ask_if_there(self, what: str, call: Callable[[Any], Answer]) -> Answer | None:
        """The same, None where Kaggle has no such thing, none that it would show us, or no such request.

        What is missing is asked for twice: one 404 too many would push a kernel again, and cost a GPU's hours.
        """
        for pause in (CONFIRM_SECONDS, 0):
            try:
                return self.ask(what, call)
            except Refused as error:
                if error.status in UNKNOWN_REQUEST:
                    return None
                if error.status not in MISSING:
                    raise
            time.sleep(pause)
        return None

    def request(self, name: str, **fields: Any) -> Any:
        """A request of the SDK by its name, with these fields but for those that are None."""
        request = getattr(self.client.module, name)()
        for field, value in fields.items():
            if value is not None:
                setattr(request, field, value)
        return request

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """While it lasts, a connection that is down for half an hour is no failure."""
        before, self._patience = self._patience, PATIENCE_WHILE_WAITING_SECONDS
        try:
            yield
        finally:
            self._patience = before

    # ------------------------------------------------------------ kernels

    def kernel(self, identity: str) -> KernelThere | None:
        """The kernel's latest version; None where there is none."""
        owner, slug = identity.split("/")
        request = self.request("ApiGetKernelRequest", user_name=owner, kernel_slug=slug)

        def read(client: Any) -> KernelThere:
            answer = client.kernels.kernels_api_client.get_kernel(request)
            source = (answer.blob.source if answer.blob else "") or ""
            return KernelThere(int(answer.metadata.current_version_number or 0) or None, str(source))

        return self.ask_if_there(f"kernel {identity}", read)

    def run(self, identity: str, version: int | None = None) -> RunThere | None:
        """How far the run of the kernel's latest version is, or of that one; None where there is none."""

        def read(client: Any, label: str | None) -> RunThere:
            owner, slug = identity.split("/")
            request = self.request(
                "ApiGetKernelSessionStatusRequest", user_name=owner, kernel_slug=slug, version_label=label
            )
            answer = client.kernels.kernels_api_client.get_kernel_session_status(request)
            return RunThere(answer.status.name, str(answer.failure_message or ""))

        return self.of_version(f"the run of kernel {identity}", identity, version, read)

    def of_version(
        self, what: str, identity: str, version: int | None, read: Callable[[Any, str | None], Answer]
    ) -> Answer | None:
        """What ``read`` gives for the label of a version; for none where a server knows labels only of older ones."""
        # A bare number is answered by 404.
        label = f"v{version}" if version else None
        answer = self.ask_if_there(what, lambda client: read(client, label))
        if answer is None and label and (there := self.kernel(identity)) and there.version in (None, version):
            answer = self.ask_if_there(what, lambda client: read(client, None))
        return answer

    # ------------------------------------------------------------ datasets

    def dataset_status(self, identity: str) -> str | None:
        """READY, FAILED or a state on the way there; None where there is no such dataset."""
        owner, slug = identity.split("/")
        request = self.request("ApiGetDatasetStatusRequest", owner_slug=owner, dataset_slug=slug)
        return self.ask_if_there(
            f"dataset {identity}",
            lambda client: str(client.datasets.dataset_api_client.get_dataset_status(request).status.name),
        )

    def dataset_version(self, identity: str) -> int | None:
        """The number of the version that kernels are given now; None where Kaggle tells none."""
        owner, slug = identity.split("/")
        request = self.request("ApiGetDatasetRequest", owner_slug=owner, dataset_slug=slug)
        return self.ask_if_there(
            f"dataset {identity}",
            lambda client: int(client.datasets.dataset_api_client.get_dataset(request).current_version_number or 0),
        )

    def dataset_files(self, identity: str, version: int) -> dict[str, int] | None:
        """Name and size in bytes of each file of a version; None where Kaggle lists none."""
        owner, slug = identity.split("/")
        request = self.request(
            "ApiListDatasetFilesRequest",
            owner_slug=owner,
            dataset_slug=slug,
            dataset_version_number=version,
            page_size=PAGE,
        )

        def read(client: Any) -> dict[str, int]:
            listed = pages(client.datasets.dataset_api_client.list_dataset_files, request)
            return {str(file.name): int(file.total_bytes or 0) for page in listed for file in page.files or []}

        return self.ask_if_there(f"the files of dataset {identity}", read)


def pages(ask: Callable[[Any], Any], request: Any) -> Iterator[Any]:
    """The replies to a request, page after page.

    Raises:
        LookupError: a page names an earlier one as its next.
    """
    seen: set[str] = set()
    request.page_token = ""
    while request.page_token not in seen:
        seen.add(request.page_token)
        page = ask(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
    raise LookupError("pages in a circle")
