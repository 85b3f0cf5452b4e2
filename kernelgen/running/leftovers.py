"""The processes of a run that has no namespaces of its own, whose end would take them along.

The session has a copy of this module. It imports the standard library and psutil.
"""

import time
from contextlib import suppress

# In the environment of all processes of such a run.
MARK = "KERNELGEN_RUN"


def end_marked(mark: str) -> None:
    """Kills every process but this one that belongs to the run ``mark``: by its environment, or as a child of such."""
    import psutil  # type: ignore[import-untyped]  # a package of the image; it ships no types

    deadline = time.monotonic() + 10
    alive = True
    while alive and time.monotonic() < deadline:
        alive = False
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get(MARK) != mark:
                continue
            with suppress(psutil.NoSuchProcess):
                for each in [process, *process.children(recursive=True)]:
                    if each != psutil.Process() and each.status() != psutil.STATUS_ZOMBIE:
                        alive = True
                        each.kill()
        time.sleep(0.01)
