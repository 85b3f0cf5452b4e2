"""Which failures of a request pass by themselves, and how long to wait for that."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable
from typing import TypeVar

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential

from kernelgen.errors import KernelgenError

Answer = TypeVar("Answer")

PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})
PATIENCE_SECONDS = 180.0
# A run of many hours is not given up for a line that is down for a while.
PATIENCE_WHILE_WAITING_SECONDS = 1800.0
LONGEST_RETRY_AFTER_SECONDS = 600.0
_BACKOFF = wait_exponential(multiplier=1, min=1, max=30)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of a request that was answered by an error."""
    response = getattr(error, "response", None)
    if response is None:
        return None
    if response.status_code < 400:  # some errors come with a status of 200 and their own in the body
        try:
            code = response.json()["code"]
        except (ValueError, KeyError, TypeError):
            code = None
        return code if isinstance(code, int) else response.status_code
    return response.status_code


def passes_by_itself(error: BaseException) -> bool:
    """Whether the same request may succeed later: too many requests, a server's fault, a broken connection."""
    if isinstance(error, requests.HTTPError):
        return status_of(error) in PASSING_STATUS
    return isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)


def may_have_arrived(error: BaseException) -> bool:
    """Whether the request may have been carried out although its answer is a failure."""
    return status_of(error) not in (408, 429)


def retried(
    ask: Callable[[], Answer],
    what: str,
    say: Callable[[str], None],
    *,
    arrived: Callable[[], Answer | None] | None = None,
    patience: float | None = None,
) -> Answer:
    """The answer to a request that is repeated as long as its failures pass by themselves.

    Args:
        arrived: for a request that must not be carried out twice: looks whether an earlier try did arrive after
            all, and gives its answer, None if it did not. It is asked before every repetition.
        patience: seconds after which the last failure is final; PATIENCE_SECONDS if None.

    Raises:
        requests.RequestException: the failure that does not pass.
        KernelgenError: Kaggle asks to wait for longer than anybody would.
    """
    failure: BaseException | None = None

    def attempt() -> Answer:
        nonlocal failure
        if failure is not None and arrived is not None and may_have_arrived(failure):
            answer = arrived()
            if answer is not None:
                return answer
        try:
            return ask()
        except Exception as error:
            failure = error
            raise

    retrying = Retrying(
        retry=retry_if_exception(passes_by_itself),
        wait=lambda state: _pause(state, what),
        stop=stop_after_delay(PATIENCE_SECONDS if patience is None else patience),
        before_sleep=lambda state: say(f"note: {what}: {_reason(state)}; once more in {_seconds(state)}"),
        reraise=True,
    )
    return retrying(attempt)


def _pause(state: RetryCallState, what: str) -> float:
    asked = _retry_after(state.outcome.exception())
    if asked is None:
        return _BACKOFF(state)
    if asked > LONGEST_RETRY_AFTER_SECONDS:
        raise KernelgenError(
            f"{what}: Kaggle asks to wait for {asked / 60:.0f} minutes (429, too many requests); try again then"
        )
    return asked


def _retry_after(error: BaseException | None) -> float | None:
    """What the answer's Retry-After says, in seconds: a number, or a date (RFC 9110, 10.2.3)."""
    response = getattr(error, "response", None)
    text = None if response is None else response.headers.get("Retry-After")
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _reason(state: RetryCallState) -> str:
    error = state.outcome.exception()
    status = status_of(error)
    if status == 429:
        return "too many requests (429)"
    return f"Kaggle answers {status}" if status else "the connection broke"


def _seconds(state: RetryCallState) -> str:
    return f"{state.next_action.sleep:.0f} s"
