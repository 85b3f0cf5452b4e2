"""OpenVINO models that take waves."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from birdlib.outside.adapter import PublishedModel
from birdlib.outside.outside_model import Outputs, WindowByWindow


@dataclass(frozen=True, kw_only=True)
class OpenvinoIr(PublishedModel):
    """An OpenVINO IR that takes waves, float32 [windows, samples].

    Attributes:
        logits, embedding: positions of its outputs, [windows, classes] and [windows, size]; embedding = -1 for none.
    """

    logits: int = 0
    embedding: int = 1

    packages: ClassVar[tuple[str, ...]] = ("openvino", "openvino-telemetry")

    def runner(self, path: Path) -> Callable[[np.ndarray], Outputs]:
        """As ``PublishedModel.runner``."""
        from birdlib.inference.requests import compile_for_cpu, the_core

        graph = the_core().read_model(path)
        graph.reshape([1, round(self.sample_rate * self.window_seconds)])
        compiled = compile_for_cpu(graph, "f32", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1"})

        def make() -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
            request = compiled.create_infer_request()

            def run(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                request.infer([wave[None]])
                embedding = np.empty(0, np.float32)
                if self.embedding >= 0:
                    embedding = request.get_output_tensor(self.embedding).data[0].copy()
                return request.get_output_tensor(self.logits).data[0].copy(), embedding

            return run

        return WindowByWindow(make)
