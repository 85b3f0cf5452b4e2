"""Asking again until something has happened, and showing how it stands meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, TextIO, TypeVar

from kernelgen.publishing.refusals import Refused

if TYPE_CHECKING:
    from kernelgen.publishing.client import Kaggle

Found = TypeVar("Found")

SHORTEST_SECONDS, LONGEST_SECONDS, GROWTH = 1.0, 30.0, 1.5
# Something new is listed within seconds, and a server's hiccup is over; what is refused for so long stays refused.
REFUSED_LIMIT_SECONDS, HICCUP_SECONDS = 600.0, 60.0
# Where no terminal shows the line that changes, it is said again after this time.
SAID_AGAIN_SECONDS = 600.0


def wait_for(
    kaggle: Kaggle,
    look: Callable[[], tuple[str, Found | None]],
    what: str,
    *,
    limit: float | None = None,
    known: bool = True,
    once: bool = False,
) -> Found | None:
    """Ask ``look`` again and again until it gives more than words.

    Args:
        look: how it stands, in words, and what was waited for, None until it is there.
        what: names it in the progress display.
        limit: seconds after which None is returned.
        known: what is asked for is there, so that for some minutes a refusal (404, 403, …) is a server's hiccup; else
            only after the first look that was answered.
        once: the first look should give it, so that nothing is shown then, and nobody waits for hours.

    Raises:
        Refused: the last refusal, where nothing else came for that time.
    """
    patience = HICCUP_SECONDS if once else REFUSED_LIMIT_SECONDS
    began = answered = time.monotonic()
    pause = SHORTEST_SECONDS
    with nullcontext() if once else kaggle.patiently(), Progress(what) as progress:
        while True:
            try:
                words, found = look()
                known, answered = True, time.monotonic()
            except Refused as error:
                if not known or error.status in (None, 401) or time.monotonic() - answered > patience:
                    raise
                words, found = f"no answer ({error.status})", None
            if found is None or not once:
                progress.show(words)
            if found is not None:
                return found
            if limit is not None and time.monotonic() - began + pause > limit:
                return None
            progress.sleep(pause, words)
            pause = min(pause * GROWTH, LONGEST_SECONDS)


class Progress:
    """A line that is written anew in a terminal; elsewhere one line for each change."""

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self.what, self.stream = what, stream or sys.stderr
        self.began = time.monotonic()
        self._lively = self.stream.isatty()
        self._last, self._said_at, self._width = "", 0.0, 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
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

    def sleep(self, seconds: float, words: str) -> None:
        """Wait; in a terminal the clock goes on."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0) if self._lively else left)
            if self._lively:
                self.show(words)
