"""A model's training in processes of its own: started, followed, and ended if need be."""

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO

import psutil

from birdlib.training import process
from birdlib.training.process import FAULT, FINISHED, LIFE, TASK, Task, outcome_file

_SLOWEST_START = 300.0  # seconds until the first batch: imports, a large model, a file system that is slow
_KEPT_LINES = 400  # of what went to the standard error
# What a launcher of several processes sets, and a process by itself must not see.
_LAUNCHERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


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
        self._was_ended = False
        self._scratch = tempfile.TemporaryDirectory(prefix="birdlib-training-")
        self._folder = Path(self._scratch.name)
        (self._folder / TASK).write_bytes(pickle.dumps(task))
        self._lines: queue.Queue[str] = queue.Queue()
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self._processes = processes
        self._begun = time.time()
        # The pipe to its standard input is never written to: it closes when this process ends, also by SIGKILL.
        self._starter = subprocess.Popen(
            [sys.executable, *_launcher(processes), "-m", process.__name__, str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(processes, devices, task.threads),
            encoding="utf-8",
            errors="replace",
        )
        self._readers = [
            threading.Thread(target=_read, args=(self._starter.stdout, self._lines.put), daemon=True),
            threading.Thread(target=_read, args=(self._starter.stderr, self._errors.append), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def relay(self) -> None:
        """Print what it has printed so far."""
        while not self._lines.empty():
            print(self._lines.get(), flush=True)

    @property
    def has_ended(self) -> bool:
        return self._starter.poll() is not None

    @property
    def seconds_without_life(self) -> float:
        """Since the last batch; a start counts only after some minutes."""
        life = self._folder / LIFE
        return time.time() - (life.stat().st_mtime if life.exists() else self._begun + _SLOWEST_START)

    def finish(self) -> bool:
        """Take in how it ended: whether the model is finished; ``fault`` says why it failed."""
        for reader in self._readers:
            reader.join(timeout=10)
        self.relay()
        outcome = self._outcome()
        if not self._was_ended and FINISHED not in outcome:
            self.fault = outcome.get(FAULT) or self._death()
        self._close()
        return outcome.get(FINISHED, False)

    def end_stalled(self, minutes: float) -> None:
        """Dump the stacks of all its processes, print them, and end it."""
        for one in self._descendants(with_launcher=False):
            _signal(one, getattr(signal, "SIGUSR1", None))
        time.sleep(2)
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
        for one in self._descendants(with_launcher=True):
            _signal(one, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        self._starter.wait()

    def _descendants(self, *, with_launcher: bool) -> list[psutil.Process]:
        try:
            starter = psutil.Process(self._starter.pid)
            below = starter.children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [starter, *below] if with_launcher or self._processes == 1 else below

    def _outcome(self) -> dict:
        """Of the first process, or of another where that one did not come to say."""
        files = [outcome_file(self._folder, rank) for rank in range(self._processes)]
        outcomes = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
        faults = [outcome for outcome in outcomes if FAULT in outcome]
        return (faults or outcomes or [{}])[0]

    def _death(self) -> str:
        """Why it ended without saying so."""
        status = self._starter.returncode
        if status == -getattr(signal, "SIGKILL", 0):
            return "its process was killed, as the system does where memory is short; lower WORKERS or DEVICE_BATCH"
        print("\n".join(list(self._errors)[-60:]), flush=True)
        last = next((line for line in reversed(self._errors) if line.strip()), f"exit status {status}")
        return f"its process died ({last.strip()[:200]}); what it said is above"

    def _close(self) -> None:
        for pipe in (self._starter.stdin, self._starter.stdout, self._starter.stderr):
            pipe.close()
        self._scratch.cleanup()


def _launcher(processes: int) -> list[str]:
    if processes == 1:
        return []
    return ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]


def _environment(processes: int, devices: str | None, threads: int) -> dict[str, str]:
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


def _read(pipe: IO[str], take) -> None:
    for line in pipe:
        take(line.rstrip("\n"))


def _signal(one: psutil.Process, number: int | None) -> None:
    try:
        if number is not None:
            one.send_signal(number)
    except psutil.Error:
        pass  # it has ended by itself
