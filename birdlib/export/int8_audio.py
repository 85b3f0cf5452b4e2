"""The audio of INT8: what models are calibrated on, and what they are judged by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from birdlib.clip_sources.soundscapes import learnt_soundscapes
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.clips import Clips
from birdlib.data.known_soundscapes import KnownSoundscapes
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.progress import progress_bar
from birdlib.weights.checkpoint import Checkpoint

MOST_CLIPS = 2000  # that a model is judged by: more would take memory and minutes, and tell little more
SOUNDSCAPES, HELD_OUT, LEARNT = "windows of labelled soundscapes", "clips out of fold", "clips that it learnt from"


@dataclass(frozen=True, eq=False)
class Heard:
    """Windows with a known truth.

    Attributes:
        what: in words, where they come from.
        mels: float32 [windows, 1, n_mels, frames].
        truth, weights: float32 [windows, classes] of 0 and 1; a cell of weight 0 does not count.
    """

    what: str
    mels: torch.Tensor
    truth: np.ndarray
    weights: np.ndarray


class TrialAudio:
    """The competition's own recordings, as a model heard them in training.

    Args:
        prepared: the folder that the prepare kernel wrote.
        files: of the competition that it read.
    """

    def __init__(self, prepared: Path, files: CompetitionFiles) -> None:
        self.folder, self.files = prepared, files
        self._prepared: dict[str, Prepared] = {}
        self._last: dict[str, tuple[tuple, Heard]] = {}

    def calibration(self, saved: Checkpoint, windows: int) -> torch.Tensor:
        """Random windows of recordings that the model has learnt from, none that its fold held back.

        They are spread evenly over the recordings, and so over the classes; the same at every call.

        Returns:
            float32 [windows, 1, n_mels, frames]

        Raises:
            BirdlibError: the preparation is not the one that the model was trained on.
        """
        prepared = self._of(saved)
        rows = _spread(prepared.training_rows(saved.fold), windows)
        rounds = -(-windows // len(rows))
        keys = [(turn, position) for turn in range(rounds) for position in range(len(rows))][:windows]
        return self._once("calibration", saved, windows, lambda: _clips(prepared, saved, rows, "random", keys)).mels

    def judging(self, saved: Checkpoint) -> Heard:
        """Labelled soundscapes that the model has not learnt from, if there are any, or what its fold held back.

        A model of all data has held nothing back: it is heard on clips that it learnt from.

        Raises:
            BirdlibError: the preparation is not the one that the model was trained on.
        """
        prepared = self._of(saved)
        return self._once("judging", saved, None, lambda: self._judging(prepared, saved))

    def _judging(self, prepared: Prepared, saved: Checkpoint) -> Heard:
        soundscapes = KnownSoundscapes.of_preparation(self.folder, self.files.root, prepared.classes)
        if soundscapes is not None:
            learnt = learnt_soundscapes(saved.clips, soundscapes, prepared, saved.fold)
            soundscapes = soundscapes.without(learnt)
        if soundscapes is not None:
            return _windows(soundscapes, saved.front_end, saved.settings["padding"])
        held_out = prepared.validation_rows(saved.fold)
        rows = _spread(held_out if len(held_out) else prepared.training_rows(saved.fold), MOST_CLIPS)
        keys = [(0, position) for position in range(len(rows))]
        return _clips(prepared, saved, rows, "first", keys, HELD_OUT if len(held_out) else LEARNT)

    def _of(self, saved: Checkpoint) -> Prepared:
        secondary = saved.settings["secondary"]
        if secondary not in self._prepared:
            self._prepared[secondary] = Prepared.read(self.folder, self.files, secondary=secondary)
        prepared = self._prepared[secondary]
        if (prepared.data_version, prepared.classes) != (saved.data_version, saved.classes):
            raise BirdlibError(
                f"{self.folder}: data version {prepared.data_version}, but {saved.name} has learnt from "
                f"{saved.data_version}; attach the preparation that it was trained on"
            )
        return prepared

    def _once(self, kind: str, saved: Checkpoint, windows: int | None, read) -> Heard:
        """Models of one fold and front end stand beside each other: what was read last is kept, and no more."""
        recipe = saved.settings["secondary"], saved.settings["padding"], repr(saved.clips)
        key = (saved.front_end, str(saved.fold), recipe, windows)
        if kind not in self._last or self._last[kind][0] != key:
            self._last.pop(kind, None)
            self._last[kind] = key, read()
        return self._last[kind][1]


def _spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Up to so many of the rows, evenly spaced."""
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]


def _clips(
    prepared: Prepared, saved: Checkpoint, rows: np.ndarray, crop: str, keys: list[tuple[int, int]], what: str = LEARNT
) -> Heard:
    front_end = saved.front_end
    clips = Clips(
        prepared.clip_table(rows),
        sample_rate=front_end.sample_rate,
        window_seconds=front_end.window_seconds,
        crop=crop,
        padding=saved.settings["padding"],
        seed=0,
    )
    transform, mels, truth, weights = MelSpectrogram(front_end), [], [], []
    for key in progress_bar(keys, f"read {what}", unit="clip"):
        wave, targets, counted, _, _ = clips[key]
        with torch.no_grad():
            mels.append(transform(torch.from_numpy(wave)[None]))
        truth.append(targets >= 0.5)
        weights.append(counted)
    return Heard(what, torch.cat(mels), np.stack(truth).astype(np.float32), np.stack(weights))


def _windows(soundscapes: KnownSoundscapes, front_end: FrontEnd, padding: str) -> Heard:
    transform, mels, truth = MelSpectrogram(front_end), [], []
    for _, waves, labels in soundscapes.windows(front_end.sample_rate, front_end.window_seconds, padding):
        with torch.no_grad():
            mels += [transform(batch) for batch in torch.from_numpy(waves).split(12)]
        truth.append(labels)
    labels = np.concatenate(truth)
    return Heard(SOUNDSCAPES, torch.cat(mels), labels, np.ones_like(labels))
