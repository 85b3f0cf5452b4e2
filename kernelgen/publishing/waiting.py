"""Asking again until something has happened, with a line for each change of how it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from kernelgen.publishing.client import Kaggle

Found = TypeVar("Found")

SHORTEST_SECONDS, LONGEST_SECONDS, GROWTH = 1.0, 30.0, 1.5


def wait_for(
    kaggle: Kaggle, look: Callable[[], tuple[str, Found | None]], what: str, *, limit: float | None = None
) -> Found | None:
    """Ask ``look`` again and again until it gives more than words.

    Args:
        look: how it stands, in words, and what was waited for, None until it is there.
        what: names it for the reader.
        limit: seconds after which None is returned.
    """
    began, pause, last = time.monotonic(), SHORTEST_SECONDS, ""
    with kaggle.patiently():
        while True:
            words, found = look()
            if words != last:
                minutes = int(time.monotonic() - began) // 60
                kaggle.say(f"[{minutes // 60}:{minutes % 60:02}] {what}: {words}")
            if found is not None or (limit is not None and time.monotonic() - began + pause > limit):
                return found
            last = words
            time.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_SECONDS)
