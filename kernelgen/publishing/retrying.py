"""Requests are repeated while their failures pass by themselves; what failed for good is one line."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from requests import exceptions
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from kernelgen.errors import KernelgenError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
# What Kaggle answers where a thing is missing or nobody's to see.
MISSING = (403, 404)
# One 404 too many would push a kernel again, and cost a GPU's hours: what may be missing is asked for twice. Of what is
# there for certain, 403 and 404 pass like other faults of a server.
TWICE, KNOWN = 2, math.inf
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
    patience: float,
    *,
    arrived: Callable[[], Answer | None] | None = None,
    missing: float = 1,
) -> Answer:
    """Send a request, and repeat it as long as its failures pass by themselves.

    Args:
        patience: seconds after which the last failure is final.
        arrived: for a request that must not be carried out twice: looks whether an earlier try did arrive after
            all, and gives its answer, None if it did not. It is asked before every repetition.
        missing: how often the answer may be 403 or 404 before that is final.

    Raises:
        Refused: it does not pass.
    """
    began, pause, missed = time.monotonic(), FIRST_PAUSE_SECONDS, 0
    while True:
        try:
            return ask()
        except FAILURES as error:
            status = _status(error)
            missed += status in MISSING
            # Never without a pause: a clock that is wrong makes a date of Retry-After lie in the past.
            seconds = max(_retry_after(error), pause)
            passes = missed < missing if status in MISSING else _passes(error)
            if not passes or time.monotonic() - began + seconds > patience:
                raise Refused(what, error) from error
            if status not in MISSING or missing == KNOWN:
                logger.warning(f"{what}: {_told(error)[0]}; once more in {seconds:.0f} s")
        time.sleep(seconds)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        if arrived is not None and status not in _NOT_YET and (answer := arrived()) is not None:
            return answer


def _passes(error: BaseException) -> bool:
    """Whether the same request may succeed later: too many requests, a server's fault, a broken or odd answer."""
    status = _status(error)
    if status is not None:
        return status in _NOT_YET or status >= 500
    return not isinstance(error, _OURS)


def _status(error: BaseException) -> int | None:
    """The HTTP status of a request that was answered by an error; some come with 200 and their own in the body."""
    if not isinstance(error, requests.HTTPError) or error.response is None:
        return None
    status = error.response.status_code
    if status < 400:
        status = _document(error).get("code")
    return status if isinstance(status, int) and status >= 400 else None


def _document(error: BaseException) -> dict[str, Any]:
    try:
        document = error.response.json()  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _retry_after(error: BaseException) -> float:
    """What the answer's Retry-After says, in seconds; 0 without one."""
    try:
        return Retry().get_retry_after(error.response.raw) or 0.0  # type: ignore[attr-defined]
    except (AttributeError, InvalidHeader):
        return 0.0


def _told(error: BaseException) -> tuple[str, str]:
    """Why a request failed, with what Kaggle itself says, and what to do; never an address, which may hold a key."""
    status, kind = _status(error), type(error).__name__
    if status:
        words = " ".join(str(_document(error).get("message", "")).split())[:300]
        advice = "try again later" if _passes(error) else "correct that"
        reason, advice = _MEANINGS.get(status, ("Kaggle refused it", advice))
        if (asked := _retry_after(error)) > LONGEST_PAUSE_SECONDS:
            advice = f"try again in {asked / 60:.0f} minutes"
        return f"{reason} ({status}{f': {words}' if words else ''})", advice
    if isinstance(error, _CONNECTION):
        return f"Kaggle cannot be reached ({kind})", "check the network and try again"
    if isinstance(error, KeyError):
        kind = f"unknown word {str(error)[:60]}"
    return f"Kaggle's answer makes no sense ({'no JSON' if 'JSON' in kind else kind})", "try again later"
