"""Asking again until something has happened, and showing how it stands meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from kernelgen.errors import KernelgenError

Found = TypeVar("Found")

SHORTEST_SECONDS, LONGEST_SECONDS, GROWTH = 1.0, 30.0, 1.5
# Something new is listed within seconds; what is not after this time never will be.
LISTED_LIMIT_SECONDS = 600.0
# Where no terminal shows the line that changes, it is said again after this time.
SAID_AGAIN_SECONDS = 600.0


def wait_for(look: Callable[[], tuple[str, Found | None]], what: str, *, limit: float | None = None) -> Found | None:
    """Asks ``look`` again and again until it gives more than words.

    Args:
        look: how it stands, in words, and what was waited for, None until it is there.
        what: names it in the progress display.
        limit: seconds after which None is returned.
    """
    began, pause = time.monotonic(), SHORTEST_SECONDS
    with Progress(what) as progress:
        while True:
            words, found = look()
            progress.show(words)
            if found is not None:
                return found
            if limit is not None and time.monotonic() - began + pause > limit:
                return None
            progress.sleep(pause, words)
            pause = min(pause * GROWTH, LONGEST_SECONDS)


class Patience:
    """For what must be there soon after it was asked for, but not at once."""

    def __init__(self, line: str) -> None:
        self.line, self.began = line, time.monotonic()

    def check(self, found: Found | None) -> Found | None:
        """``found`` as it is; raises KernelgenError with the line where it has been None for too long."""
        if found is None and time.monotonic() - self.began > LISTED_LIMIT_SECONDS:
            raise KernelgenError(self.line)
        return found


class Progress:
    """A line that is written anew in a terminal; elsewhere one line for each change."""

    def __init__(self, what: str, stream=None) -> None:
        self.what, self.stream = what, stream or sys.stderr
        self.began = time.monotonic()
        self._lively = self.stream.isatty()
        self._last, self._said_at, self._width = "", 0.0, 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_) -> None:
        if self._lively and self._width:
            self.stream.write("\n")
            self.stream.flush()

    def show(self, words: str) -> None:
        """How it stands."""
        now = time.monotonic()
        minutes, seconds = divmod(int(now - self.began), 60)
        hours, minutes = divmod(minutes, 60)
        line = f"[{hours}:{minutes:02}:{seconds:02}] {self.what}: {words}"
        if self._lively:
            self.stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        elif words != self._last or now - self._said_at > SAID_AGAIN_SECONDS:
            self.stream.write(line + "\n")
            self._last, self._said_at = words, now
        self.stream.flush()

    def show_share(self, share: float) -> None:
        """How much is done, from 0 to 1; in a terminal only."""
        if self._lively:
            self.show(f"{share:4.0%}")

    def sleep(self, seconds: float, words: str) -> None:
        """Waits; in a terminal the clock goes on."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0) if self._lively else left)
            if self._lively:
                self.show(words)
