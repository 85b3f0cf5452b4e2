"""Labelled soundscapes as a preparation hands them over."""

from pathlib import Path

import numpy as np
import soundfile

from birdlib.audio.recording import RecordingInfo
from birdlib.data.known_soundscapes import KnownSoundscapes


def known_soundscapes(audio: Path, labels: dict[str, str], classes: tuple[str, ...]) -> KnownSoundscapes:
    """Soundscapes of a folder with the labels (a space between two) of their windows, by row id."""
    recordings, truth = {}, {}
    for row_id, listed in labels.items():
        stem, _, end = row_id.rpartition("_")
        path = audio / f"{stem}.ogg"
        info = soundfile.info(path)
        recordings[stem] = path, RecordingInfo.ordinary(path, info.frames, info.samplerate, info.channels)
        truth.setdefault(stem, {})[int(end)] = np.isin(classes, listed.split()).astype(np.float32)
    return KnownSoundscapes(tuple(classes), recordings, truth)
