"""Rows: how an outside model, whatever its window, hears the 5 s of a row."""

from pathlib import Path

import numpy as np

from birdlib.audio.recording import DecodingMemory
from birdlib.audio.recordings import read_windows
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.outside.outside_model import Outputs, OutsideModel

STEP_SECONDS = 1.0  # between the windows of a row


def heard_seconds(model: OutsideModel) -> float:
    """The seconds of audio that a row needs: its own 5, or more around it where the model's window is longer."""
    return max(float(WINDOW_SECONDS), model.window_seconds)


def window_starts(model: OutsideModel) -> list[float]:
    """Where the windows of a row begin, in seconds: those of 3 s at 0, 1 and 2; one of 5 s or more at 0."""
    spare = heard_seconds(model) - model.window_seconds
    starts = np.arange(0, spare + 1e-9, STEP_SECONDS)
    return [*starts.tolist(), *([spare] if spare - starts[-1] > 1e-9 else [])]


def read_rows(
    model: OutsideModel, path: Path, ends: list[float], memory: DecodingMemory | None = None
) -> tuple[np.ndarray, str]:
    """The audio of rows that end at the given seconds, at the model's rate.

    Args:
        memory: to decode into; the next recording then overwrites the audio.

    Returns:
        float32 [rows, samples of ``heard_seconds``], silence where the recording ends before, NaN for a row without any
        audio; and one line about damage ("" where there is none).

    Raises:
        BirdlibError: nothing of the file can be decoded.
    """
    return read_windows(
        path,
        ends,
        window_seconds=heard_seconds(model),
        row_seconds=WINDOW_SECONDS,
        sample_rate=model.sample_rate,
        padding="zeros",
        memory=memory,
    )


def predict_rows(model: OutsideModel, audio: np.ndarray) -> Outputs:
    """The outputs of rows: the maximum of each class over a row's windows, and the mean of their embeddings.

    Windows of nothing but zeros, behind the end of a recording, count only where a row has no other.

    Args:
        audio: float32 [rows, samples], as ``read_rows`` gives it; rows without audio left out.
    """
    starts = [round(start * model.sample_rate) for start in window_starts(model)]
    windows = np.stack([audio[:, start : start + model.samples] for start in starts], axis=1)
    counts = windows.any(axis=2)
    counts[~counts.any(axis=1), 0] = True
    outputs = model.predict(windows[counts])
    first = np.concatenate([[0], np.cumsum(counts.sum(axis=1))[:-1]])
    logits = np.maximum.reduceat(outputs.logits, first)
    total = np.add.reduceat(outputs.embedding, first, dtype=np.float64)
    return Outputs(logits, (total / counts.sum(axis=1, keepdims=True)).astype(np.float32))
