"""Checkpoints of our own trainings, as outside models of another one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from birdlib.competition.class_lists import ClassList
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import MelSpectrogram
from birdlib.outside.adapter import OutsideAdapter
from birdlib.outside.outside_model import Outputs, OutsideModel
from birdlib.weights.checkpoint import load_checkpoint


@dataclass(frozen=True, kw_only=True)
class Checkpoint(OutsideAdapter):
    """The averaged weights of a checkpoint, with the front end and the classes that it learnt with.

    Attributes:
        model_file: in the folder.
    """

    model_file: str

    def load(self, folder: Path) -> OutsideModel:
        """As ``OutsideAdapter.load``."""
        saved = load_checkpoint(folder / self.model_file)
        model = saved.build()
        try:
            model.load_state_dict(saved.ema)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:160]
            raise BirdlibError(f"{folder / self.model_file}: other weights than its model's ({reason})") from None
        front_end, mel = saved.front_end, MelSpectrogram(saved.front_end)
        model.eval()

        def run(waves: np.ndarray) -> Outputs:
            with torch.inference_mode():
                # One by one, so that a window's numbers do not depend on its neighbours'.
                outputs = [model(mel(torch.from_numpy(wave[None].copy()))) for wave in waves]
            embeddings = [
                np.empty((1, 0), np.float32) if out.embedding is None else out.embedding.numpy() for out in outputs
            ]
            return Outputs(np.concatenate([out.logits.numpy() for out in outputs]), np.concatenate(embeddings))

        classes = ClassList(saved.classes, ("",) * len(saved.classes))
        return OutsideModel(self.title, front_end.sample_rate, front_end.window_seconds, classes, run)
