"""Validation after an epoch: on held-out clips, and on labelled soundscapes if there are any."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from birdlib.clip_sources.soundscapes import learnt_soundscapes
from birdlib.competition.rows import shown, split_row_id
from birdlib.data.authors import people
from birdlib.data.clips import Clips
from birdlib.data.known_soundscapes import KnownSoundscapes
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.metrics.of_years import metric_of, watched
from birdlib.metrics.validation import soundscape_metrics, validation_metrics
from birdlib.scores.prediction_tables import ON_SOUNDSCAPES, OUT_OF_FOLD, clip_row_ids, write_predictions
from birdlib.scores.predictions import CLIPS, SOUNDSCAPES, Predictions
from birdlib.training.life import sign_of_life
from birdlib.training.loading import read


@dataclass(frozen=True)
class ValidationReport:
    """What a validation found.

    Attributes:
        scores: {"clips": {metric: value}, "soundscapes": {…}}, None where nothing was there to listen to.
        main_score: by which the best epoch is chosen: the competition's metric, on soundscapes if there are any
            (clips alone stopped predicting the leaderboard after 2023), else on clips.
        faults: why there are no scores, by what they were to be on.
    """

    scores: dict
    main_score: float | None
    clips: Predictions | None
    soundscapes: Predictions | None
    faults: dict[str, str]

    def write(self, folder: Path, name: str) -> None:
        """Write the predictions beside the checkpoint: ``NAME.oof.csv`` and ``NAME.soundscapes.csv``.

        A file that cannot be written is added to the faults.
        """
        parts = {CLIPS: (self.clips, OUT_OF_FOLD), SOUNDSCAPES: (self.soundscapes, ON_SOUNDSCAPES)}
        for where, (heard, suffix) in parts.items():
            if heard is None:
                continue
            try:
                write_predictions(
                    folder / f"{name}{suffix}",
                    heard.row_ids,
                    heard.classes,
                    heard.scores,
                    heard.truth,
                    filenames=heard.filenames,
                    weights=heard.weights,
                    groups=heard.groups,
                )
            except BirdlibError as error:
                self.faults[where] = str(error)


class Validation:
    """Listens to what a fold holds back, always the same windows.

    Args:
        prepared: the recordings and their folds; of each held-out one, the first window is heard.
        metric: the competition's, as ``birdlib.competition.editions`` names it; one of labels that are there or not
            judges probabilities at their best single threshold.
        soundscapes: labelled ones, None if the competition has none.
        clips: the recipe's clip sources: a model hears no soundscape that it learns from.
        batch_size: windows at a time.
        workers: processes that read audio.
        padding: how short recordings fill a window.

    Raises:
        BirdlibError: the metric is not known.
    """

    def __init__(
        self,
        prepared: Prepared,
        front_end: FrontEnd,
        *,
        metric: str,
        soundscapes: KnownSoundscapes | None,
        batch_size: int,
        workers: int,
        padding: str,
        clips: Sequence[dict] = (),
    ) -> None:
        self.prepared, self.front_end, self.soundscapes = prepared, front_end, soundscapes
        self.metric, self.metrics = metric_of(metric).key, watched(metric_of(metric))
        self.batch_size, self.workers, self.padding = batch_size, workers, padding
        self.clips = clips

    def __call__(
        self,
        model: nn.Module,
        fold: int | str,
        mel: nn.Module,
        autocast: Callable[[], AbstractContextManager],
    ) -> ValidationReport:
        """Predict in evaluation mode, on the device that ``mel`` and the model are on.

        What goes wrong is in the report and costs its own scores only: a training of hours is worth more.
        """
        faults: dict[str, str] = {}
        judging = self._judging(fold)
        clips, of_clips = _guarded(
            CLIPS,
            faults,
            lambda: self._hear_clips(model, fold, mel, autocast),
            lambda heard: validation_metrics(heard.truth, heard.scores, heard.weights, self.metrics),
        )
        soundscapes, of_soundscapes = _guarded(
            SOUNDSCAPES,
            faults,
            lambda: self._hear_soundscapes(model, judging, mel, autocast),
            lambda heard: soundscape_metrics(heard.truth, heard.scores, heard.row_ids, metrics=self.metrics),
        )
        # Where soundscapes choose the best epoch, clips do not take over for an epoch.
        main = (of_clips if judging is None else of_soundscapes) or {}
        scores = {CLIPS: of_clips, SOUNDSCAPES: of_soundscapes}
        return ValidationReport(scores, main.get(self.metric), clips, soundscapes, faults)

    def _hear_clips(self, model, fold, mel, autocast) -> Predictions | None:
        rows = self.prepared.validation_rows(fold)
        if not len(rows):
            return None
        clips = Clips(
            self.prepared.clip_table(rows),
            sample_rate=self.front_end.sample_rate,
            window_seconds=self.front_end.window_seconds,
            crop="first",
            padding=self.padding,
            seed=0,
        )
        loader = DataLoader(
            clips,
            sampler=[(0, position) for position in range(len(rows))],
            batch_size=self.batch_size,
            num_workers=self.workers,
            generator=torch.Generator().manual_seed(0),
        )
        heard = [
            (_probabilities(model, mel, waves, autocast), targets.numpy(), weights.numpy())
            for waves, targets, weights, _, _ in read(loader)
        ]
        scores, truth, weights = (np.concatenate(one) for one in zip(*heard, strict=True))
        filenames = tuple(self.prepared.recordings["filename"].iloc[rows])
        row_ids = tuple(clip_row_ids(filenames, round(self.front_end.window_seconds)))
        recordings = self.prepared.recordings
        authors = people(recordings["author"], recordings["filename"])
        # A target between 0 and 1 is a matter of training; for ranking, a label is there or not.
        labels = (truth >= 0.5) * np.float32(1)
        groups = tuple(map(str, authors[rows]))
        return Predictions(row_ids, filenames, self.prepared.classes, scores, labels, weights, groups)

    def _judging(self, fold: int | str) -> KnownSoundscapes | None:
        """The soundscapes that a model of this fold has not learnt from."""
        if self.soundscapes is None:
            return None
        return self.soundscapes.without(learnt_soundscapes(self.clips, self.soundscapes, self.prepared, fold))

    def _hear_soundscapes(self, model, soundscapes: KnownSoundscapes | None, mel, autocast) -> Predictions | None:
        if soundscapes is None:
            return None
        row_ids, probabilities, truth = [], [], []
        windows = soundscapes.windows(self.front_end.sample_rate, self.front_end.window_seconds, self.padding)
        for ids, waves, labels in windows:
            row_ids += list(ids)
            truth.append(labels)
            for batch in torch.from_numpy(waves).split(self.batch_size):
                probabilities.append(_probabilities(model, mel, batch, autocast))
        if not row_ids:
            names = shown(soundscapes.soundscapes, "labelled soundscape")
            raise BirdlibError(f"{names}: no window can be decoded")
        labels, stems = np.concatenate(truth), tuple(split_row_id(row_id)[0] for row_id in row_ids)
        scores = np.concatenate(probabilities)
        return Predictions(
            tuple(row_ids), stems, self.prepared.classes, scores, labels, np.ones_like(labels), groups=stems
        )


def _guarded(
    where: str,
    faults: dict[str, str],
    predict: Callable[[], Predictions | None],
    score: Callable[[Predictions], dict],
) -> tuple[Predictions | None, dict | None]:
    """Predictions and their scores; None for both, and the reason among the faults, where either fails."""
    try:
        heard = predict()
        return heard, None if heard is None else score(heard)
    except BirdlibError as error:
        faults[where] = str(error)
    except Exception as error:
        faults[where] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return None, None


@torch.no_grad()
def _probabilities(model: nn.Module, mel: nn.Module, waves: torch.Tensor, autocast) -> np.ndarray:
    """float32 [windows, samples] to probabilities, float64 [windows, classes]."""
    device = next(model.parameters()).device
    inputs = mel(waves.to(device))
    with autocast():
        logits = model.scores(inputs)
    sign_of_life()
    # In float64: beyond a logit of 17 a float32 probability is 1, and ranks no higher than another one.
    return logits.double().sigmoid().cpu().numpy()
