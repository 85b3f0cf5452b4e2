"""Ends what a run without a root of its own left running: processes that carry the run's mark in their environment.

Used by the command, and copied beside the run's session, which must clean up when the command was killed; so it
imports nothing but the standard library.
"""

from __future__ import annotations

import os
import signal
import time

MARK = "KERNELGEN_RUN"


def end_marked(mark: str) -> None:
    """Kills every process but this one whose environment says that it belongs to the run ``mark``."""
    words = f"{MARK}={mark}\0".encode()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        alive = [process for process in _processes() if words in _environment(process)]
        if not alive:
            return
        for process in alive:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.01)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _environment(process: int) -> bytes:
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read()
    except OSError:  # it is gone, or another user's
        return b""
