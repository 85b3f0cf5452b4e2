"""Padding: how a window that is short of audio is filled, alike in training, export and submission."""

import numpy as np

from birdlib.errors import BirdlibError

CYCLIC = "cyclic"  # what a model learnt where nothing else is said of it


def _cyclic(wave: np.ndarray, samples: int) -> np.ndarray:
    return np.resize(wave, samples)  # which repeats it, and ends within a repetition


def _zeros(wave: np.ndarray, samples: int) -> np.ndarray:
    return np.pad(wave, (0, samples - len(wave)))


def _reflect(wave: np.ndarray, samples: int) -> np.ndarray:
    return np.pad(wave, (0, samples - len(wave)), mode="reflect")


PADDINGS = {CYCLIC: _cyclic, "zeros": _zeros, "reflect": _reflect}


def check_padding(padding: str) -> None:
    """Raises BirdlibError unless there is a padding of this name."""
    if padding not in PADDINGS:
        raise BirdlibError(f"padding = {padding!r}: expected one of {', '.join(PADDINGS)}")


def padded(wave: np.ndarray, samples: int, padding: str) -> np.ndarray:
    """A wave of at least one sample, [n], brought to a length: cut behind it, or padded at its end.

    padding: "cyclic" repeats the wave from its start, "reflect" plays it back and forth, "zeros" is silence.
    """
    if len(wave) >= samples:
        return wave[:samples]
    return PADDINGS[padding](wave, samples)
