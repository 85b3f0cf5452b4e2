"""ONNX models, run by ONNX Runtime: exports of Perch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from birdlib.errors import BirdlibError
from birdlib.outside.adapter import PublishedModel
from birdlib.outside.outside_model import Outputs, WindowByWindow


@dataclass(frozen=True, kw_only=True)
class Onnx(PublishedModel):
    """An ONNX model that takes waves, float32 [windows, samples].

    Attributes:
        logits, embedding: names of its outputs, [windows, classes] and [windows, size]; embedding = "" for none. The
            defaults are those of Perch v2.
    """

    logits: str = "label"
    embedding: str = "embedding"

    packages: ClassVar[tuple[str, ...]] = ("onnxruntime",)

    def runner(self, path: Path) -> Callable[[np.ndarray], Outputs]:
        """As ``PublishedModel.runner``."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        wanted, given = [name for name in (self.logits, self.embedding) if name], session.get_outputs()
        if missing := sorted(set(wanted) - {output.name for output in given}):
            names = ", ".join(output.name for output in given)
            raise BirdlibError(f"{path}: has no output {missing[0]!r}; expected one of {names}")
        wave_input = session.get_inputs()[0].name

        def run(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            logits, *embedding = session.run(wanted, {wave_input: wave[None]})
            return logits[0], embedding[0][0] if embedding else np.empty(0, np.float32)

        return WindowByWindow(lambda: run)  # a session may be run by several threads at once
