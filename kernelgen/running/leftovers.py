"""Ends the processes of a run that has no namespaces. The session has a copy of this module."""

import time
from contextlib import suppress

# In the environment of all processes of such a run.
MARK = "KERNELGEN_RUN"


def end_marked(mark: str) -> None:
    """Kills every process but this one that belongs to the run ``mark``: by its environment, or as a child of such."""
    import psutil  # type: ignore[import-untyped]  # a package of the image; it ships no types

    for _ in range(1000):
        alive = False
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get(MARK) != mark:
                continue
            with suppress(psutil.NoSuchProcess):
                for each in [process, *process.children(recursive=True)]:
                    if each != psutil.Process() and each.status() != psutil.STATUS_ZOMBIE:
                        alive = True
                        each.kill()
        if not alive:
            return
        time.sleep(0.01)
