"""What every reader of recordings does with the decoder's samples and with its complaints."""

import numpy as np


def mono(wave: np.ndarray) -> np.ndarray:
    """Channels averaged: float32 [n, channels] to finite float32 [n]."""
    wave = wave[:, 0] if wave.shape[1] == 1 else wave.mean(axis=1)
    # A file of floats may hold NaN or infinity; one such sample would spoil its whole window. Their sum tells in a
    # tenth of the time that looking at each takes, and hardly a file has one.
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(wave.sum(dtype=np.float64))
    return wave if finite else np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)


def reason(error: Exception) -> str:
    """What a decoder's exception says, without the path."""
    text = str(error)
    return text.rsplit(": ", 1)[-1].rstrip(".") if text else type(error).__name__
