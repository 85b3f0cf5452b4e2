"""A model's training in processes of its own: started, followed, and ended if need be."""

import contextlib
import itertools
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil

from birdlib.training import process
from birdlib.training.process import LIFE, TASK, Task, outcome_file

_SLOWEST_START = 300.0  # seconds until the first batch: imports, a large model, a file system that is slow
_KEPT_LINES = 400  # of what went to the standard error
# What a launcher of several processes sets, and a process by itself must not see.
_LAUNCHERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_LAUNCHER_LINE = "torch/distributed/elastic"  # in what torchrun says once one of its processes has died
_ERROR = re.compile(r"(?:\[rank\d+\]: )?([\w.]+Error: .*)")


class Training:
    """The processes that train one model together.

    Args:
        name: of the model.
        processes: how many.
        devices: numbers of the GPUs that they may see, as CUDA_VISIBLE_DEVICES has them; None for all.

    Attributes:
        fault: why it ended too early, one line; "" as long as it did not.
    """

    def __init__(self, name: str, task: Task, *, processes: int, devices: str | None) -> None:
        self.name, self.fault = name, ""
        self._processes = processes
        self._was_ended = False
        self._scratch = tempfile.TemporaryDirectory(prefix="birdlib-training-")
        self._folder = Path(self._scratch.name)
        (self._folder / TASK).write_bytes(pickle.dumps(task))
        self._life = self._folder / LIFE
        self._life.touch()
        os.utime(self._life, times=(time.time() + _SLOWEST_START,) * 2)
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        # The pipe to its standard input is never written to: it closes when this process ends, also by SIGKILL.
        self._starter = subprocess.Popen(
            [sys.executable, *(launcher if processes > 1 else []), "-m", process.__name__, str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(devices, task.threads),
            encoding="utf-8",
            errors="replace",
        )
        self._lines, self._errors = deque[str](), deque[str](maxlen=_KEPT_LINES)
        pipes = ((self._starter.stdout, self._lines.append), (self._starter.stderr, self._errors.append))
        self._readers = [threading.Thread(target=_read, args=pipe, daemon=True) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    def relay(self) -> None:
        """Print what it has printed so far."""
        while self._lines:
            print(self._lines.popleft(), flush=True)

    @property
    def has_ended(self) -> bool:
        return self._starter.poll() is not None

    @property
    def seconds_without_life(self) -> float:
        """Since the last batch; a start counts only after some minutes."""
        return time.time() - self._life.stat().st_mtime

    def finish(self) -> bool:
        """Take in how it ended: whether the model is finished; ``fault`` says why it failed."""
        self._kill()  # readers of data that outlived their process, and hold its pipes
        for reader in self._readers:
            reader.join(timeout=10)
        self.relay()
        files = [outcome_file(self._folder, rank) for rank in range(self._processes)]
        outcomes = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
        if not self._was_ended:
            # Where a process says why it ended, the others were ended with it.
            faults = [fault for _, fault in outcomes if fault]
            self.fault = faults[0] if faults else "" if outcomes else self._death()
        self._starter.stdin.close()
        self._scratch.cleanup()
        return not self.fault and any(finished for finished, _ in outcomes)

    def end_stalled(self, minutes: float) -> None:
        """Dump the stacks of all its processes, print them, and end it."""
        for member in self._family():
            is_launcher = self._processes > 1 and member.pid == self._starter.pid  # which does not know the signal
            if hasattr(signal, "SIGUSR1") and not is_launcher:  # not on Windows
                with contextlib.suppress(psutil.Error):
                    member.send_signal(signal.SIGUSR1)
                time.sleep(1)  # one after another, or they would write into each other's lines
        time.sleep(1)
        print(f"{self.name}: no batch for {minutes:g} minutes. Where its processes are:")
        print("\n".join(list(self._errors)), flush=True)
        self.end()
        self.fault = (
            f"no batch was learnt from or validated for STALL_MINUTES = {minutes:g}; ended, its stacks are above and "
            "its last checkpoint stays; resume, with more STALL_MINUTES if it is only slow"
        )

    def end(self) -> None:
        """Kill all its processes. Checkpoints are written whole or not at all, so the last one stays."""
        self._was_ended = True
        self._kill()
        self._starter.kill()
        self._starter.wait()

    def _family(self) -> list[psutil.Process]:
        """Its processes and their readers of data: a forked one has the command line of its process."""
        processes = psutil.process_iter(["pid", "cmdline"])
        return [member for member in processes if str(self._folder) in (member.info["cmdline"] or ())]

    def _kill(self) -> None:
        for member in self._family():
            with contextlib.suppress(psutil.Error):  # it has ended by itself
                member.kill()

    def _death(self) -> str:
        """Why it ended without saying so."""
        status, errors = self._starter.returncode, list(self._errors)
        # The launcher of several says how each of them ended.
        if status == -getattr(signal, "SIGKILL", 0) or any("(SIGKILL)" in line for line in errors):
            return "its process was killed, as the system does where memory is short; lower WORKERS or DEVICE_BATCH"
        own = [line for line in itertools.takewhile(lambda line: _LAUNCHER_LINE not in line, errors) if line.strip()]
        print("\n".join(own[-60:]), flush=True)
        # The first: the other processes die of it.
        error = next((match[1] for match in map(_ERROR.match, own) if match), own[-1] if own else f"status {status}")
        return f"its process died ({error.strip()[:200]}); what it said is above"


def _environment(devices: str | None, threads: int) -> dict[str, str]:
    """This process's own, with the library's folder and what this training may use."""
    environment = {key: value for key, value in os.environ.items() if key not in _LAUNCHERS}
    library = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [library, environment.get("PYTHONPATH")]))
    environment |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    # Threads that wait sleep: where others want the cores too, those that spin make a step ten times as long.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if devices is not None:
        environment["CUDA_VISIBLE_DEVICES"] = devices
    if threads:
        # So many on every machine, since sums on a CPU depend on it.
        environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "MKL_DYNAMIC": "FALSE"}
    return environment


def _read(pipe: IO[str], take: Callable[[str], None]) -> None:
    """Until its end; closed here, since another thread that closes it waits for the reading one."""
    with pipe:
        for line in pipe:
            take(line.rstrip("\n"))
