"""The connection to Kaggle: what is asked, in types of our own."""

from __future__ import annotations

import io
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kernelgen.errors import KernelgenError
from kernelgen.publishing import retrying
from kernelgen.publishing.retrying import MISSING, TWICE, Refused, not_installed, retried

if TYPE_CHECKING:
    from kernelgen.publishing.official_client import OfficialClient

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PAGE = 100
# Of what is there for certain, 403 and 404 pass like other faults of a server.
KNOWN = math.inf
# Between two looks at what is waited for.
SHORTEST_SECONDS, LONGEST_SECONDS, GROWTH = 1.0, 30.0, 1.5


@dataclass(frozen=True)
class KernelThere:
    """A version of a kernel as Kaggle has it; ``source`` is the notebook's text."""

    version: int
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

    def __init__(self) -> None:
        self._patience: float | None = None
        self.sign_in()

    def sign_in(self) -> None:
        """Sign in with whatever credentials there are."""
        # Not above: the client signs in where it is imported, too.
        try:
            from kernelgen.publishing.official_client import signed_in
        except ImportError as error:
            raise not_installed(error) from None

        self.client: OfficialClient = signed_in()
        self.username: str = self.client.config_values["username"]

    # ------------------------------------------------------------ requests

    def use(
        self,
        what: str,
        act: Callable[[], Answer],
        *,
        arrived: Callable[[], Answer | None] | None = None,
        missing: float = 1,
    ) -> Answer:
        """What ``act`` gives, repeated as in ``retried``; ``what`` names it in messages: ``kernel me/train``."""

        def quietly() -> Answer:
            with redirect_stdout(io.StringIO()):  # what the client prints may hold what nobody should read
                return act()

        try:
            return retried(quietly, what, arrived=arrived, patience=self._patience, missing=missing)
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

    def ask(self, what: str, call: Callable[[Any], Answer], missing: float = 1) -> Answer:
        """The answer to one request; ``call`` is given the SDK's client, and makes the answer into plain types."""

        def request() -> Answer:
            with self.client.build_kaggle_client() as client:
                return call(client)

        try:
            return self.use(what, request, missing=missing)
        except Refused as error:
            if error.status != 401:
                raise
        self.sign_in()  # a token may run out during a wait of hours
        return self.use(what, request, missing=missing)

    def ask_if_there(self, what: str, call: Callable[[Any], Answer]) -> Answer | None:
        """The same, None where Kaggle has no such thing, or none that it would show us."""
        try:
            return self.ask(what, call, TWICE)
        except Refused as error:
            if error.status not in MISSING:
                raise
            return None

    def request(self, name: str, identity: str = "", version: int | None = None, **fields: Any) -> Any:
        """A request of the SDK by its name, of a kernel (and a version of it) or a dataset, with these fields."""
        if identity:
            names = ("user_name", "kernel_slug") if "Kernel" in name else ("owner_slug", "dataset_slug")
            fields |= dict(zip(names, identity.split("/"), strict=True))
        if version:
            fields["version_label"] = f"v{version}"  # a bare number is answered by 404
        request = getattr(self.client.module, name)()
        for field, value in fields.items():
            setattr(request, field, value)
        return request

    def wait_for(
        self, look: Callable[[], tuple[str, Answer | None]], what: str, *, limit: float = math.inf
    ) -> Answer | None:
        """Ask ``look`` again and again until it gives more than words, with a line for each change of how it stands.

        Args:
            look: how it stands, in words, and what was waited for, None until it is there.
            what: names it for the reader.
            limit: seconds after which None is returned.
        """
        began, pause, last = time.monotonic(), SHORTEST_SECONDS, ""
        # Meanwhile a connection that is down for half an hour is no failure.
        self._patience = retrying.PATIENCE_WHILE_WAITING_SECONDS
        try:
            while True:
                words, answer = look()
                if words != last:
                    minutes = int(time.monotonic() - began) // 60
                    logger.info(f"[{minutes // 60}:{minutes % 60:02}] {what}: {words}")
                if answer is not None or time.monotonic() - began + pause > limit:
                    return answer
                last = words
                time.sleep(pause)
                pause = min(pause * GROWTH, LONGEST_SECONDS)
        finally:
            self._patience = None

    # ------------------------------------------------------------ kernels and datasets

    def kernel(self, identity: str) -> KernelThere | None:
        """The kernel's latest version; None where there is none."""
        request = self.request("ApiGetKernelRequest", identity)

        def read(client: Any) -> KernelThere:
            answer = client.kernels.kernels_api_client.get_kernel(request)
            source = (answer.blob.source if answer.blob else "") or ""
            return KernelThere(int(answer.metadata.current_version_number or 0), str(source))

        return self.ask_if_there(f"kernel {identity}", read)

    def run(self, identity: str, version: int | None = None, *, known: bool = False) -> RunThere | None:
        """How far the run of that version is, or of the kernel's latest; None where there is none."""
        request = self.request("ApiGetKernelSessionStatusRequest", identity, version)

        def read(client: Any) -> RunThere:
            answer = client.kernels.kernels_api_client.get_kernel_session_status(request)
            return RunThere(answer.status.name, str(answer.failure_message or ""))

        what = f"the run of kernel {identity}"
        return self.ask(what, read, KNOWN) if known else self.ask_if_there(what, read)

    def dataset_status(self, identity: str) -> str | None:
        """READY, FAILED or a state on the way there; None where there is no such dataset."""
        request = self.request("ApiGetDatasetStatusRequest", identity)
        return self.ask_if_there(
            f"dataset {identity}",
            lambda client: str(client.datasets.dataset_api_client.get_dataset_status(request).status.name),
        )

    def dataset_version(self, identity: str) -> int:
        """The number of the version that kernels are given now; 0 where there is none yet."""
        request = self.request("ApiGetDatasetRequest", identity)
        number = self.ask_if_there(
            f"dataset {identity}",
            lambda client: int(client.datasets.dataset_api_client.get_dataset(request).current_version_number or 0),
        )
        return number or 0

    def dataset_files(self, identity: str, version: int) -> dict[str, int]:
        """Name and size in bytes of each file of a version."""
        request = self.request("ApiListDatasetFilesRequest", identity, dataset_version_number=version, page_size=PAGE)

        def read(client: Any) -> dict[str, int]:
            listed = pages(client.datasets.dataset_api_client.list_dataset_files, request)
            return {str(file.name): int(file.total_bytes or 0) for page in listed for file in page.files or []}

        return self.ask(f"the files of dataset {identity}", read, KNOWN)


def pages(ask: Callable[[Any], Any], request: Any) -> Iterator[Any]:
    """The replies to a request, page after page."""
    request.page_token = ""
    while True:
        page = ask(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
