"""Files as people have them: encoded here, their headers changed by hand."""

import io

import numpy as np
import soundfile

RATE = 32_000


def encode(wave, rate=RATE, **options):
    """The bytes of a file of some format."""
    buffer = io.BytesIO()
    channels = 1 if wave.ndim == 1 else wave.shape[1]
    with soundfile.SoundFile(buffer, "w", rate, channels, **options) as file:
        for start in range(0, len(wave), rate):
            file.write(wave[start : start + rate])
    return buffer.getvalue()


def decoded(content):
    """What libsndfile makes of a file with a right header: float32 [n] or [n, channels]."""
    return soundfile.read(io.BytesIO(content), dtype="float32")[0]


def tone(seconds, pitch=1000, rate=RATE):
    """A tone that grows louder, so that a place in it can be told by its loudness: float32 [n]."""
    time = np.arange(round(seconds * rate)) / rate
    return (np.linspace(0.1, 0.9, len(time)) * np.sin(2 * np.pi * pitch * time)).astype(np.float32)
