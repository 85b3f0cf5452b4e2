"""Folders of noise."""

import numpy as np
import soundfile


def write_noises(folder, rate, seconds):
    """Recordings of noise, each louder than the one before, so that pieces can be told apart."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, length in enumerate(seconds):
        wave = 0.02 * (number + 1) * np.random.default_rng(number).standard_normal(round(length * rate))
        soundfile.write(folder / f"noise{number}.wav", wave, rate, subtype="FLOAT")
