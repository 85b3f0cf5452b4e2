"""Shows a run's output while it comes: as it is on a terminal, in few lines where it goes into a file."""

from __future__ import annotations

import codecs
import time
from typing import TextIO

_SECONDS_BETWEEN_BARS = 20.0


class Display:
    """Takes the run's output in pieces.

    On a terminal everything passes. Elsewhere a progress bar, which rewrites its line some times a second,
    would fill the file: of a line that is being rewritten only a state every 20 s is written, and its last.
    """

    def __init__(self, out: TextIO, between_bars_s: float = _SECONDS_BETWEEN_BARS) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._between = between_bars_s
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._shown = ""
        self._last = time.monotonic()

    def feed(self, data: bytes) -> None:
        text = self._decoder.decode(data)
        if self._out.encoding:
            # A bar's blocks must not end a run on a terminal that has no such characters.
            text = text.encode(self._out.encoding, "replace").decode(self._out.encoding)
        if self._terminal:
            self._out.write(text)
        else:
            self._feed_file(text)
        self._out.flush()

    def close(self) -> None:
        self.feed(self._decoder.decode(b"", final=True).encode())
        if not self._terminal and self._line.strip("\r"):
            self._end_line()
            self._out.flush()

    def _feed_file(self, text: str) -> None:
        *whole, rest = (self._line + text).split("\n")
        for line in whole:
            self._line = line
            self._end_line()
        self._line = rest
        if "\r" in rest and time.monotonic() - self._last >= self._between:
            state = _last_state(rest)
            if state and state != self._shown:
                self._out.write(state + "\n")
                self._shown = state
            self._line = "\r" + state
            self._last = time.monotonic()

    def _end_line(self) -> None:
        state = _last_state(self._line)
        if state != self._shown or not state:
            self._out.write(state + "\n")
        self._line, self._shown = "", ""


def _last_state(line: str) -> str:
    """What a terminal would show in the end of a line that was rewritten."""
    states = [state for state in line.split("\r") if state.strip()]
    return states[-1].rstrip() if states else ""
