"""TFLite models, run by LiteRT: BirdNET."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from birdlib.outside.adapter import PublishedModel
from birdlib.outside.outside_model import Outputs, WindowByWindow


@dataclass(frozen=True, kw_only=True)
class Tflite(PublishedModel):
    """A TFLite model that takes a wave, float32 [1, samples], and gives logits [1, classes].

    Attributes:
        embedding_before: how many tensors before the logits the embedding stands in the file, as the layer before the
            last one does in BirdNET's; 0: the model gives no embedding.
    """

    embedding_before: int = 0

    packages: ClassVar[tuple[str, ...]] = ("ai-edge-litert",)

    def runner(self, path: Path) -> Callable[[np.ndarray], Outputs]:
        """As ``PublishedModel.runner``."""
        content = path.read_bytes()

        def make() -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
            return self._interpreter(content)

        make()  # a file that cannot be read is told now
        return WindowByWindow(make)

    def _interpreter(self, content: bytes) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        from ai_edge_litert.interpreter import Interpreter

        with warnings.catch_warnings():  # it warns of the memory that kept tensors take, some 100 MB
            warnings.simplefilter("ignore")
            interpreter = Interpreter(
                model_content=content,
                num_threads=1,
                experimental_preserve_all_tensors=bool(self.embedding_before),
            )
        interpreter.allocate_tensors()
        wave_input, logits = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

        def run(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            interpreter.set_tensor(wave_input, wave[None])
            interpreter.invoke()
            embedding = np.empty(0, np.float32)
            if self.embedding_before:
                embedding = interpreter.get_tensor(logits - self.embedding_before)[0]
            return interpreter.get_tensor(logits)[0], embedding

        return run
