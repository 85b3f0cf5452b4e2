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
    """Kills every process but this one that belongs to the run ``mark``: by its environment, or as a child of such."""
    words = f"{MARK}={mark}\0".encode()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        parents = {process: _parent(process) for process in _processes()}
        family = {process for process in parents if words in _read(process, "environ")}
        while children := {process for process, parent in parents.items() if parent in family} - family:
            family |= children
        family.discard(os.getpid())
        if not family:
            return
        for process in family:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.01)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent(process: int) -> int:
    """0 of a process that is gone, and of one that is dead and only waits to be asked how it ended."""
    state, parent, *_ = (_read(process, "stat").rpartition(b")")[2].split() + [b"Z", b"0"])[:2]
    return 0 if state in (b"Z", b"X") else int(parent)


def _read(process: int, file: str) -> bytes:
    try:
        with open(f"/proc/{process}/{file}", "rb") as opened:
            return opened.read()
    except OSError:  # it is gone, or another user's
        return b""
