"""An IR at work on the CPU: compiled for this machine, several requests side by side."""

import os
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import openvino as ov


def usable_cores() -> int:
    """Cores that this process may run on, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0))


@cache
def the_core() -> ov.Core:
    """The only Core of this process, never let go of.

    OpenVINO's CPU plugin gives the thread that loads it a stack for signals, and takes its memory back where the last
    reference to the plugin goes, be it in another thread. The next signal, such as that of a child which ended, then
    kills the process.
    """
    return ov.Core()


def compile_for_cpu(
    graph: ov.Model | Path, precision: str, settings: dict[str, object] | None = None
) -> ov.CompiledModel:
    """Compile a graph for this machine's CPU; every model of the project is compiled here.

    Where no precision is given, OpenVINO computes in bf16 on a processor that has it, and the same model gives other
    numbers there.

    Args:
        graph: a graph, or the .xml of an IR.
        precision: of the arithmetic, "f32", "bf16" or "f16"; the last two where the CPU has them.
        settings: other properties of OpenVINO's CPU plugin.
    """
    return the_core().compile_model(graph, "CPU", {**(settings or {}), "INFERENCE_PRECISION_HINT": precision})


class Requests:
    """Twice as many requests as run at once, so that no stream ever waits for the thread that hands over.

    They are waited for, not called back from: OpenVINO's AsyncInferQueue never lets go of a Python callback nor of
    what it belongs to, which would keep every model of an ensemble in memory.

    Args:
        graph: with a static batch, which is planned once.
        precision: of the arithmetic, "f32", "bf16" or "f16"; the last two where the CPU has them.
        streams: how many requests run at once, on all usable cores together.
    """

    def __init__(self, graph: ov.Model, *, precision: str, streams: int) -> None:
        settings = {
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": str(max(usable_cores(), streams)),
            "ENABLE_CPU_PINNING": False,
            "CPU_DENORMALS_OPTIMIZATION": True,
        }
        compiled = compile_for_cpu(graph, precision, settings)
        self.classes = compiled.output(0).partial_shape[1].get_length()
        self._idle = deque(compiled.create_infer_request() for _ in range(2 * streams))
        self._running: deque[tuple[ov.InferRequest, Callable[[np.ndarray], None]]] = deque()

    def start(self, mels: np.ndarray, keep: Callable[[np.ndarray], None]) -> None:
        """Hand over a batch of mels, float32 [batch, 1, n_mels, frames], once a request is free for it.

        Args:
            keep: gets the logits, float32 [batch, classes], in a later call of ``start`` or ``finish``; their memory
                is the request's, which the next batch overwrites.
        """
        if not self._idle:
            self._finish_oldest()
        request = self._idle.popleft()
        self._running.append((request, keep))
        # Into the request's own memory: with an array start_async takes this thread half as long again.
        request.get_input_tensor(0).data[:] = mels
        request.start_async()

    def finish(self) -> None:
        """Wait for all that was handed over."""
        while self._running:
            self._finish_oldest()

    def _finish_oldest(self) -> None:
        request, keep = self._running.popleft()
        self._idle.append(request)
        request.wait()
        keep(request.get_output_tensor(0).data)
