"""The line for a request that failed for good."""

from __future__ import annotations

from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.publishing.credentials import NEW_TOKEN
from kernelgen.publishing.retrying import is_odd, kind_of, may_have_arrived, passes_by_itself, status_of

_LINES = {
    401: f"Kaggle refused the credentials ({{}}); {NEW_TOKEN}",
    403: "not allowed ({}); check the owner",
    404: "not there ({}); check the name and the owner",
    409: "in conflict with what is there ({}); choose another title",
    429: "still too many requests ({}); try again later",
}


class Refused(KernelgenError):
    """What Kaggle refuses, or what it never answered in a way that makes sense.

    Attributes:
        status: of the answer; None where there was none, or none that can be read.
        done: whether the request may have been carried out all the same.
    """

    def __init__(self, line: str, status: int | None = None, *, done: bool = False) -> None:
        super().__init__(line)
        self.status, self.done = status, done


def refusal(what: str, error: BaseException) -> Refused:
    """The line for what failed, with what Kaggle says of it."""
    status, words = status_of(error), _words_of(error)
    if status is not None and status < 400:
        status = None
    return Refused(
        f"{what}: {_line(what, status, words, error)}",
        status,
        done=(status is None or status >= 500) and may_have_arrived(error),
    )


def _line(what: str, status: int | None, words: str, error: BaseException) -> str:
    if status == 403 and "ompetition" in what + words:
        return f"not allowed (403{words}); check the owner, and that the competition's rules are accepted"
    if status in _LINES:
        return _LINES[status].format(f"{status}{words}")
    if status:
        return f"Kaggle answers {status}{words}; {'try again later' if passes_by_itself(error) else 'correct that'}"
    if is_odd(error):
        return f"Kaggle's answer makes no sense ({kind_of(error)}); try again later"
    return f"Kaggle cannot be reached ({kind_of(error)}); check the network and try again"


def _words_of(error: BaseException) -> str:
    """What Kaggle itself says of the refusal, in one line; never an address, which may hold a key."""
    response: Any = getattr(error, "response", None)
    try:
        message = response.json().get("message", "")
    except (AttributeError, ValueError):
        return ""
    text = " ".join(str(message).split())
    return f": {text[:300]}" if text else ""


def same_identity(ref: str, identity: str) -> bool:
    """Whether a reply's reference is OWNER/SLUG, whatever page stands before it, or the slug alone."""
    told, asked = ref.strip("/").lower().split("/"), identity.lower().split("/")
    return told[-2:] == asked or told == asked[1:]
