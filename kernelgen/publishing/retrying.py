"""Which failures of a request pass by themselves, and how long to wait for that."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Callable
from typing import TypeVar

from kernelgen.errors import KernelgenError
from kernelgen.publishing.credentials import not_installed

try:
    import requests
    from requests import exceptions
    from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential
except ImportError as error:
    raise not_installed(error) from None

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 180.0
# A run of many hours is not given up for a connection that is down for a while.
PATIENCE_WHILE_WAITING_SECONDS = 1800.0
LONGEST_RETRY_AFTER_SECONDS = 600.0
_BACKOFF = wait_exponential(multiplier=1, min=1, max=30)
# What the client raises over an answer that it cannot read: a proxy's page, a cut body, an unknown word.
ODD_ANSWERS = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
FAILURES = (requests.RequestException, *ODD_ANSWERS)
# What is wrong on this machine: an address, a proxy, a token that fits no header.
_OURS = (
    exceptions.InvalidHeader,
    exceptions.InvalidProxyURL,
    exceptions.InvalidSchema,
    exceptions.InvalidURL,
    exceptions.MissingSchema,
)


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status of a request that was answered by an error."""
    response = getattr(error, "response", None)
    if not isinstance(response, requests.Response):
        return None
    if response.status_code < 400:  # some errors come with a status of 200 and their own in the body
        try:
            code = response.json()["code"]
        except (ValueError, LookupError, TypeError):
            code = None
        return code if isinstance(code, int) else response.status_code
    return response.status_code


def passes_by_itself(error: BaseException) -> bool:
    """Whether the same request may succeed later: too many requests, a server's fault, a broken or odd answer."""
    if isinstance(error, requests.HTTPError):
        status = status_of(error) or 0
        return status in (408, 425, 429) or (status >= 500 and status != 501)
    if isinstance(error, _OURS):
        return False
    return isinstance(error, FAILURES)


def may_have_arrived(error: BaseException | None) -> bool:
    """Whether the request may have been carried out although its answer is a failure."""
    return status_of(error) not in (408, 425, 429)


def retried(
    ask: Callable[[], Answer],
    what: str,
    say: Callable[[str], None],
    *,
    arrived: Callable[[], Answer | None] | None = None,
    patience: float | None = None,
) -> Answer:
    """Send a request, and repeat it as long as its failures pass by themselves.

    Args:
        arrived: for a request that must not be carried out twice: looks whether an earlier try did arrive after
            all, and gives its answer, None if it did not. It is asked before every repetition.
        patience: seconds after which the last failure is final; PATIENCE_SECONDS if None.

    Raises:
        One of FAILURES: it does not pass.
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

    def pause(state: RetryCallState) -> float:
        asked = _retry_after(failure)
        if asked > LONGEST_RETRY_AFTER_SECONDS and patience is None:
            raise KernelgenError(
                f"{what}: Kaggle asks to wait for {asked / 60:.0f} minutes (429, too many requests); try again then"
            )
        # Never without a pause: a clock that is wrong makes a date of Retry-After lie in the past.
        return max(min(asked, LONGEST_RETRY_AFTER_SECONDS), _BACKOFF(state))

    def note(state: RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0
        say(f"note: {what}: {_reason(failure)}; once more in {seconds:.0f} s")

    retrying = Retrying(
        retry=retry_if_exception(passes_by_itself),
        wait=pause,
        stop=stop_after_delay(PATIENCE_SECONDS if patience is None else patience),
        before_sleep=note,
        reraise=True,
    )
    return retrying(attempt)


def _retry_after(error: BaseException | None) -> float:
    """What the answer's Retry-After says, in seconds: a number, or a date (RFC 9110, 10.2.3); 0 without one."""
    response = getattr(error, "response", None)
    text = response.headers.get("Retry-After") if isinstance(response, requests.Response) else None
    if not text or response is None:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = _moment(text, 0.0) - _moment(response.headers.get("Date"), time.time())
    return 0.0 if math.isnan(seconds) else max(0.0, seconds)


def _moment(text: str | None, otherwise: float) -> float:
    try:
        return email.utils.parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return otherwise


def _reason(error: BaseException | None) -> str:
    status = status_of(error)
    if status == 429:
        return "too many requests (429)"
    if status and status >= 400:
        return f"Kaggle answers {status}"
    return f"Kaggle's answer makes no sense ({kind_of(error)})" if is_odd(error) else "the connection broke"


def is_odd(error: BaseException | None) -> bool:
    """Whether there was an answer, but none that can be read."""
    odd = (*ODD_ANSWERS, exceptions.ContentDecodingError, exceptions.TooManyRedirects)
    return isinstance(error, odd) and not isinstance(error, _OURS)


def kind_of(error: BaseException | None) -> str:
    """What kind of failure it is, in a few words; never an address, which may hold a key."""
    if isinstance(error, KeyError):
        return f"unknown word {str(error)[:60]}"
    return "no JSON" if "JSON" in type(error).__name__ else type(error).__name__
