"""The weight dataset: models exported one by one, with their manifest."""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from birdlib.audio.recordings import read_windows
from birdlib.errors import BirdlibError
from birdlib.export.openvino_ir import export_ir, seconds_per_window
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.models.architectures import BirdModel
from birdlib.scores.predictions import Predictions
from birdlib.weights.manifest import INT8, Int8Verdict, ModelEntry, sha256, write_manifest


def real_mels(recordings: tuple[Path, ...], front_end: FrontEnd, padding: str, windows_each: int = 2) -> torch.Tensor:
    """Mel spectrograms of the first windows of some recordings, float32 [windows, 1, n_mels, frames].

    A recording that cannot be read is left out, with a line that says so.

    Args:
        padding: of the models that will be held against torch on them; see ``birdlib.audio.padding``.

    Raises:
        BirdlibError: fewer than two windows have audio.
    """
    ends = [front_end.window_seconds * (number + 1) for number in range(windows_each)]
    waves = []
    for path in recordings:
        try:
            decoded, damage = read_windows(
                path,
                ends,
                window_seconds=front_end.window_seconds,
                sample_rate=front_end.sample_rate,
                padding=padding,
            )
        except BirdlibError as error:
            print(f"left out: {error}")
            continue
        if damage:
            print(f"left out: {damage}")
            continue
        waves.append(decoded[~np.isnan(decoded[:, 0])])
    waves = np.concatenate(waves) if waves else np.empty((0, front_end.samples), np.float32)
    if len(waves) < 2:
        raise BirdlibError(f"{len(recordings)} recordings gave {len(waves)} windows of audio; at least 2 are needed")
    with torch.no_grad():
        return MelSpectrogram(front_end)(torch.from_numpy(waves))


@dataclass
class WeightDataset:
    """A folder of IRs that grows model by model; its manifest always lists what is whole.

    Attributes:
        commit: of the source that built the kernel which exports.
        precision: of the stored weights, "f32" or "f16".
        measured_seconds: how long each model's speed is measured.
    """

    folder: Path
    commit: str
    precision: str = "f32"
    measured_seconds: float = 1.0
    entries: list[ModelEntry] = field(default_factory=list)

    def add(
        self,
        model: BirdModel,
        *,
        mels: torch.Tensor,
        name: str,
        architecture: str,
        front_end: FrontEnd,
        classes: tuple[str, ...],
        seed: int,
        fold: int | str | None,
        score: float | None,
        score_name: str,
        recipe: dict,
        padding: str,
        predictions: Mapping[str, Predictions] | None = None,
        int8: Callable[[Path, Path], Int8Verdict | None] | None = None,
    ) -> ModelEntry:
        """Export a model, measure it, and list it in the manifest.

        Args:
            mels: of real audio by its front end, float32 [windows, 1, n_mels, frames]: the measure of parity.
            predictions: of its validation, by what they are on; they let a submission judge its blend.
            int8: from the float IR it writes an INT8 IR to a second path and says what that is worth; where it is
                taken, it stands in the float one's place. None, or None from it: the model stays float.
            name and all others: as ``ModelEntry`` has them.

        Raises:
            BirdlibError: there is a model of that name, or its probabilities differ from torch's by more than the
                precision's bound.
        """
        if any(entry.name == name for entry in self.entries):
            raise BirdlibError(f"{name}: exported already; give each model a name of its own")
        files, parity = export_ir(model, mels, self.folder, name, self.precision)
        precision, verdict = self.precision, self._try(int8, name) if int8 else None
        if verdict and verdict.taken:
            precision, files = INT8, {file: sha256(self.folder / file) for file in files}
        seconds = seconds_per_window(self.folder / f"{name}.xml", mels.numpy(), self.measured_seconds)
        entry = ModelEntry(
            name=name,
            architecture=architecture,
            front_end=front_end,
            classes=classes,
            precision=precision,
            files=files,
            seed=seed,
            fold=fold,
            score=score,
            score_name=score_name,
            seconds_per_window=seconds,
            parity=parity,
            recipe=recipe,
            commit=self.commit,
            padding=padding,
            int8=verdict,
            validation=self._keep(predictions or {}, name),
        )
        self.entries.append(entry)
        write_manifest(self.folder, self.entries)
        return entry

    def _keep(self, predictions: Mapping[str, Predictions], name: str) -> dict[str, str]:
        """Write a model's predictions beside it; the SHA-256 of each file."""
        paths = {kind: self.folder / f"{name}.{kind}.npz" for kind in predictions}
        for kind, path in paths.items():
            predictions[kind].save(path)
        return {kind: sha256(path) for kind, path in paths.items()}

    def _try(self, int8: Callable[[Path, Path], Int8Verdict | None], name: str) -> Int8Verdict | None:
        """Let INT8 be tried; where it is taken, its files replace the float ones."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".int8-") as drafts:
            draft = Path(drafts) / f"{name}.xml"
            verdict = int8(self.folder / draft.name, draft)
            if verdict and verdict.taken:
                for file in (draft, draft.with_suffix(".bin")):
                    os.replace(file, self.folder / file.name)
        return verdict

    def table(self) -> pd.DataFrame:
        """A row per model, for people; BirdlibError if there is none."""
        if not self.entries:
            raise BirdlibError("no model was exported; name at least one")
        rows = [
            {
                "model": entry.name,
                "weights": entry.precision,
                "MB": sum((self.folder / file).stat().st_size for file in entry.files) / 1e6,
                "windows per second": 1 / entry.seconds_per_window,
                "largest difference from torch (float)": entry.parity,
                "score": entry.score,
                "which score": entry.score_name,
            }
            for entry in self.entries
        ]
        return pd.DataFrame(rows).set_index("model")
