"""What every reader of recordings does with the decoder's samples and with its complaints."""

import numpy as np

# Channels of which a mean keeps less than this share of the energy that it keeps of unrelated channels cancel out.
_CANCELLED = 0.1
_SILENT = 1e-4
_STRONG = 0.25  # of the loudest channel's energy


def mono(wave: np.ndarray, second: int) -> np.ndarray:
    """The channels' mean: float32 [n, channels] to finite float32 [n].

    Channels of opposite sign cancel out in a mean (one cable with its poles exchanged is enough). So each second of
    a recording whose mean is far quieter than its channels is taken from one channel: the first of those that are
    about as loud as the loudest. A second decides for itself, so that a clip is the same samples wherever it is cut.

    Args:
        wave: it begins at a whole second of the recording, and ends at one or at the recording's end.
        second: samples of a second.
    """
    # A file of floats may hold NaN or infinity; one such sample would spoil its whole window. Their sum tells in a
    # tenth of the time that looking at each takes, and hardly a file has one.
    with np.errstate(invalid="ignore", over="ignore"):
        if not np.isfinite(wave.sum(dtype=np.float64)):
            wave = np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)
    if wave.shape[1] == 1:
        return wave[:, 0]
    mixed = wave[:, 0].copy()
    for channel in range(1, wave.shape[1]):  # some times as fast as numpy's mean
        mixed += wave[:, channel]
    mixed /= wave.shape[1]
    for start in range(0, len(wave), second):
        whole = slice(start, start + second)
        if (channel := _instead_of_mean(wave[whole], mixed[whole])) is not None:
            mixed[whole] = wave[whole, channel]
    return mixed


def _instead_of_mean(wave: np.ndarray, mixed: np.ndarray) -> int | None:
    """The channel to take where the channels cancel out, else None."""
    energies = np.array([_energy(wave[:, channel]) for channel in range(wave.shape[1])])
    if _energy(mixed) >= _CANCELLED * energies.sum() / len(energies) ** 2:
        return None
    return int(np.argmax(energies >= _STRONG * energies.max()))


def _energy(wave: np.ndarray) -> float:
    """The sum of squares, about the mean, since what cancels may stand on a constant offset."""
    centred = wave - wave.mean()
    return float(np.einsum("i,i->", centred, centred))  # never on several threads, as a dot product may be


def is_silent(wave: np.ndarray, second: int) -> bool:
    """Whether no second of a wave, float32 [n], has more energy than dither (-80 dB of full scale)."""
    return all(np.std(wave[start : start + second]) < _SILENT for start in range(0, len(wave), second))


def reason(error: Exception) -> str:
    """What a decoder's exception says, without the path."""
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return text.rsplit(": ", 1)[-1].rstrip(".") if text else type(error).__name__
