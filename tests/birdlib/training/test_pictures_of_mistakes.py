"""The gallery of mistakes shows what the validation heard."""

import numpy as np
import pytest
import soundfile
import torch

from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.plots.mistakes import mels_of_clips, mels_of_soundscapes
from birdlib.scores.predictions import Predictions

FRONT_END = FrontEnd(32000, 5, 2048, 2000, 32, 50, 14000)


def predictions(row_ids, filenames) -> Predictions:
    cells = np.zeros((len(row_ids), 1), np.float32)
    return Predictions(tuple(row_ids), tuple(filenames), ("a",), cells, cells, cells + 1, tuple(filenames))


def mel(wave: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return MelSpectrogram(FRONT_END)(torch.from_numpy(wave.astype(np.float32))[None])[0, 0].numpy()


def test_of_a_clip_it_is_the_recordings_start(prepared):
    filenames = prepared.recordings["filename"].tolist()[::-1]
    found = mels_of_clips(predictions(filenames, filenames), prepared, FRONT_END, "cyclic")([2, 0])
    for filename, one in zip((filenames[2], filenames[0]), found, strict=True):
        wave, rate = soundfile.read(prepared.audio / filename, dtype="float32")
        assert rate == 32000
        np.testing.assert_allclose(one, mel(np.resize(wave, 160_000)), atol=1e-3)


class KnownSoundscapes:
    """Three of two windows each; the last one must not be read."""

    def windows(self, sample_rate: int, window_seconds: float, padding: str):
        assert (sample_rate, window_seconds, padding) == (32000, 5, "zeros")
        for number in range(2):
            waves = np.random.default_rng(number).normal(size=(2, 160_000)).astype(np.float32)
            yield (f"s{number}_5", f"s{number}_10"), waves, np.zeros((2, 1), np.float32)
        pytest.fail("read on after all were found")


def test_of_soundscapes_no_more_are_read_than_needed_and_the_order_is_kept():
    rows = ["s0_5", "s0_10", "s1_5", "s1_10", "s2_5"]
    found = mels_of_soundscapes(predictions(rows, rows), KnownSoundscapes(), FRONT_END, "zeros")([2, 1])
    for one, (number, window) in zip(found, ((1, 0), (0, 1)), strict=True):
        waves = np.random.default_rng(number).normal(size=(2, 160_000))
        np.testing.assert_allclose(one, mel(waves[window]), atol=1e-4)
