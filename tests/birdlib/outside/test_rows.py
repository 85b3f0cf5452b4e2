"""A row of 5 s is heard in windows of the model's own length."""

from dataclasses import replace

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.outside.outside_model import Outputs
from birdlib.outside.rows import heard_seconds, predict_rows, read_rows, window_starts


@pytest.mark.parametrize(
    ("seconds", "starts", "heard"),
    [(3.0, [0, 1, 2], 5), (5.0, [0], 5), (10.0, [0], 10), (2.5, [0, 1, 2, 2.5], 5)],
)
def test_short_windows_are_a_second_apart_and_long_ones_hear_more_than_the_row(model, seconds, starts, heard):
    model = replace(model, window_seconds=seconds)
    assert window_starts(model) == starts and heard_seconds(model) == heard


def first_samples(waves):
    """A model whose outputs are a window's first sample."""
    return Outputs(np.tile(waves[:, :1], (1, 3)), waves[:, :1].copy())


def test_a_row_gets_the_maximum_of_its_windows_and_the_mean_embedding(model):
    model = replace(model, run=first_samples)
    audio = np.zeros((2, 5 * 32000), np.float32)
    audio[:, ::32000] = [[0.1, 0.5, 0.3, 9, 9], [0.7, 0.2, 0.3, 9, 9]]
    outputs = predict_rows(model, audio)
    assert outputs.logits[:, 0].tolist() == pytest.approx([0.5, 0.7])
    assert outputs.embedding[:, 0].tolist() == pytest.approx([0.3, 0.4])


def test_silence_behind_the_end_of_a_recording_does_not_count_beside_audio(model):
    model = replace(model, run=first_samples)
    audio = np.zeros((2, 5 * 32000), np.float32)
    audio[0, 0] = -0.5  # its other windows are empty
    outputs = predict_rows(model, audio)
    assert outputs.logits[:, 0].tolist() == [-0.5, 0] and outputs.embedding[:, 0].tolist() == [-0.5, 0]


def test_rows_are_read_at_the_models_rate(model, competition):
    model = replace(model, sample_rate=48000)
    audio, damage = read_rows(model, competition / "train_soundscapes" / "site_1.ogg", [5.0, 10.0])
    assert audio.shape == (2, 240000) and not damage
    spectrum = np.abs(np.fft.rfft(audio[0]))
    assert spectrum.argmax() == 3000  # 600 Hz in steps of 0.2 Hz


def test_outputs_that_are_not_the_models_are_refused(model):
    waves = np.zeros((2, model.samples), np.float32)
    with pytest.raises(BirdlibError, match=r"stand-in: waves \(2, 3\); expected \[windows, 96000\]"):
        model.predict(waves[:, :3])
    for outputs, says in (
        (Outputs(np.zeros((2, 4)), np.zeros((2, 1))), "expected 3 classes, as its labels say"),
        (Outputs(np.full((2, 3), np.nan), np.zeros((2, 1))), "NaN or infinity"),
    ):
        with pytest.raises(BirdlibError, match=says):
            replace(model, run=lambda waves, outputs=outputs: outputs).predict(waves)


def test_windows_are_brought_to_the_peak_that_the_model_expects(model):
    heard = []
    model = replace(model, peak=0.25, run=lambda waves: heard.append(waves) or first_samples(waves))
    waves = np.zeros((2, model.samples), np.float32)
    waves[0, 7] = -0.5
    model.predict(waves)
    assert heard[0].dtype == np.float32 and heard[0][0, 7] == -0.25 and not heard[0][1].any()
