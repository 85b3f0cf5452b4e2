"""Why a request to Kaggle failed, in one line, and whether that passes by itself."""

from __future__ import annotations

from typing import Any

import requests
from requests import exceptions

from kernelgen.errors import KernelgenError

# What Kaggle answers where a thing is missing or nobody's to see.
MISSING = (403, 404)
# What it answers where it has not even looked at the request.
NOT_YET = (408, 425, 429)
# What the client raises over an answer that it cannot read: a proxy's page, a cut body, an unknown word.
FAILURES = (requests.RequestException, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_CONNECTION = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError, exceptions.InvalidURL)

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
    """What Kaggle refuses, or did not answer in a way that makes sense; never with an address, which may hold a key.

    Attributes:
        status, retry_after: the answer's, None and 0 seconds where it has none.
        reason, passes: in words, with Kaggle's own; and whether the same request may succeed later.
    """

    def __init__(self, what: str, error: Exception) -> None:
        self.status, document, self.retry_after = _answer(error)
        self.passes = self.status is None or self.status in NOT_YET or self.status >= 500
        kind = type(error).__name__
        if self.status:
            other = ("Kaggle refused it", "try again later" if self.passes else "correct that")
            reason, advice = _MEANINGS.get(self.status, other)
            words = " ".join(str(document.get("message", "")).split())[:300]
            self.reason = f"{reason} ({self.status}{f': {words}' if words else ''})"
        elif isinstance(error, _CONNECTION):
            self.reason, advice = f"Kaggle cannot be reached ({kind})", "check the network and try again"
        else:
            self.reason, advice = f"Kaggle's answer makes no sense ({kind})", "try again later"
        super().__init__(f"{what}: {self.reason}; {advice}")


def _answer(error: Exception) -> tuple[int | None, dict[str, Any], float]:
    """Status, document and Retry-After in seconds of an answer that is an error; None, {} and 0 where there is none."""
    if not isinstance(error, requests.HTTPError) or error.response is None:
        return None, {}, 0.0
    try:
        document = error.response.json()
    except ValueError:
        document = None
    document = document if isinstance(document, dict) else {}
    status: Any = error.response.status_code
    if status < 400:  # some come with 200, and their own in the body
        status = document.get("code")
    header = error.response.headers.get("Retry-After", "")
    retry_after = float(header) if header.isdigit() else 0.0  # a date is no use where a clock is wrong
    return status if isinstance(status, int) and status >= 400 else None, document, retry_after
