"""Requests are repeated while their failures pass by themselves; what failed for good is one line."""

from __future__ import annotations

import email.utils
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from kernelgen.errors import KernelgenError

logger = logging.getLogger(__name__)


def not_installed(error: ImportError) -> KernelgenError:
    """The line for a package of the extra ``push`` that is missing."""
    return KernelgenError(f"Kaggle's client is not installed ({error.name}); run `pip install -e '.[push]'`")


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
# One 404 too many would push a kernel again, and cost a GPU's hours: what is missing is asked for twice.
TWICE = 2
LONGEST_RETRY_AFTER_SECONDS = 600.0
_BACKOFF = wait_exponential(multiplier=1, min=1, max=30)
# What Kaggle answers where a thing is missing or nobody's to see.
MISSING = (403, 404)
# What it answers where it has not even looked at the request.
_NOT_YET = (408, 425, 429)
# What the client raises over an answer that it cannot read: a proxy's page, a cut body, an unknown word.
FAILURES = (requests.RequestException, ValueError, LookupError, TypeError, AttributeError, RecursionError)
# What is wrong on this machine: an address, a proxy, a token that fits no header.
_OURS = (exceptions.InvalidHeader, exceptions.InvalidSchema, exceptions.InvalidURL, exceptions.MissingSchema)
_CONNECTION = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError, *_OURS)

NEW_TOKEN = "make a new token at kaggle.com/settings"
# What a refusal means, and what to do about it.
_MEANINGS = {
    401: ("Kaggle refused the credentials", NEW_TOKEN),
    403: ("not allowed", "check the owner, and for a competition that its rules are accepted"),
    404: ("is not on Kaggle", "check the name and the owner"),
    409: ("in conflict with what is there", "choose another title"),
    429: ("too many requests", "try again later"),
}


class Refused(KernelgenError):
    """What Kaggle refuses, or never answered in a way that makes sense; ``status`` is None where there was none."""

    def __init__(self, what: str, error: BaseException) -> None:
        self.status = _status(error)
        super().__init__(f"{what}: {'; '.join(_told(error))}")


def retried(
    ask: Callable[[], Answer],
    what: str,
    *,
    arrived: Callable[[], Answer | None] | None = None,
    patience: float | None = None,
    missing: float = 1,
) -> Answer:
    """Send a request, and repeat it as long as its failures pass by themselves.

    Args:
        arrived: for a request that must not be carried out twice: looks whether an earlier try did arrive after
            all, and gives its answer, None if it did not. It is asked before every repetition.
        patience: seconds after which the last failure is final; PATIENCE_SECONDS if None.
        missing: how often the answer may be 403 or 404 before that is final.

    Raises:
        Refused: it does not pass.
        KernelgenError: Kaggle asks to wait for longer than anybody would.
    """
    failures: list[BaseException] = []

    def attempt() -> Answer:
        if failures and arrived is not None and _status(failures[-1]) not in _NOT_YET:
            answer = arrived()
            if answer is not None:
                return answer
        try:
            return ask()
        except Exception as error:
            failures.append(error)
            raise

    def pause(state: RetryCallState) -> float:
        seconds = _retry_after(failures[-1])
        if seconds > LONGEST_RETRY_AFTER_SECONDS and patience is None:
            raise KernelgenError(
                f"{what}: Kaggle asks to wait for {seconds / 60:.0f} minutes (429, too many requests); try again then"
            )
        # Never without a pause: a clock that is wrong makes a date of Retry-After lie in the past.
        seconds = max(min(seconds, LONGEST_RETRY_AFTER_SECONDS), _BACKOFF(state))
        if missing != TWICE or _status(failures[-1]) not in MISSING:
            logger.warning(f"{what}: {_told(failures[-1])[0]}; once more in {seconds:.0f} s")
        return seconds

    def passes(error: BaseException) -> bool:
        if _status(error) in MISSING:
            return sum(_status(failure) in MISSING for failure in failures) < missing
        return _passes(error)

    stop = stop_after_delay(PATIENCE_SECONDS if patience is None else patience)
    try:
        return Retrying(retry=retry_if_exception(passes), wait=pause, stop=stop, reraise=True)(attempt)
    except FAILURES as error:
        raise Refused(what, error) from error


def _passes(error: BaseException) -> bool:
    """Whether the same request may succeed later: too many requests, a server's fault, a broken or odd answer."""
    status = _status(error)
    if status is not None:
        return status in _NOT_YET or status >= 500
    return isinstance(error, FAILURES) and not isinstance(error, _OURS)


def _status(error: BaseException | None) -> int | None:
    """The HTTP status of a request that was answered by an error; some come with 200 and their own in the body."""
    response = getattr(error, "response", None)
    if not isinstance(error, requests.HTTPError) or not isinstance(response, requests.Response):
        return None
    status: Any = response.status_code
    if status < 400:
        status = _document(response).get("code")
    return status if isinstance(status, int) and status >= 400 else None


def _document(response: Any) -> dict[str, Any]:
    try:
        document = response.json()
    except (AttributeError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _retry_after(error: BaseException | None) -> float:
    """What the answer's Retry-After says, in seconds: a number, or a date (RFC 9110, 10.2.3); 0 without one."""
    response = getattr(error, "response", None)
    text = response.headers.get("Retry-After", "") if isinstance(response, requests.Response) else ""
    try:
        return float(text) if text.isdecimal() else email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _told(error: BaseException) -> tuple[str, str]:
    """Why a request failed, with what Kaggle itself says, and what to do; never an address, which may hold a key."""
    status, kind = _status(error), type(error).__name__
    if status:
        words = " ".join(str(_document(getattr(error, "response", None)).get("message", "")).split())[:300]
        advice = "try again later" if _passes(error) else "correct that"
        reason, advice = _MEANINGS.get(status, ("Kaggle refused it", advice))
        return f"{reason} ({status}{f': {words}' if words else ''})", advice
    if isinstance(error, _CONNECTION):
        return f"Kaggle cannot be reached ({kind})", "check the network and try again"
    if isinstance(error, KeyError):
        kind = f"unknown word {str(error)[:60]}"
    return f"Kaggle's answer makes no sense ({'no JSON' if 'JSON' in kind else kind})", "try again later"
