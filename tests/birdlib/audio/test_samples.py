"""From several channels to one, and what counts as silent."""

import numpy as np
import pytest
import soundfile

from birdlib.audio.recording import read as read_piece
from birdlib.audio.recordings import probe, read_windows
from birdlib.audio.samples import is_silent, mono

from .conftest import RATE, tone

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (20 * RATE, 4)).astype(np.float32)


def channels(*waves):
    return np.stack(waves, axis=1).astype(np.float32)


def test_channels_are_averaged():
    np.testing.assert_allclose(mono(NOISE, RATE), NOISE.mean(axis=1), atol=1e-6)
    np.testing.assert_array_equal(mono(NOISE[:, :1], RATE), NOISE[:, 0])


@pytest.mark.parametrize("pitch", [440, 1000, 4000, 8000, RATE / 11])
def test_channels_of_opposite_sign_become_the_first_of_them(pitch):
    wave = tone(3, pitch)
    np.testing.assert_array_equal(mono(channels(wave, -wave), RATE), wave)
    np.testing.assert_array_equal(mono(channels(wave, -0.8 * wave), RATE), wave)
    # With a constant offset, a little noise of their own, and a dead channel before them.
    noise = 0.001 * NOISE[: len(wave)]
    dirty = channels(0 * wave, wave + 0.1 + noise[:, 0], 0.1 - wave + noise[:, 1])
    np.testing.assert_array_equal(mono(dirty, RATE), dirty[:, 1])


def test_channels_that_only_differ_are_averaged():
    left, right = NOISE[: 3 * RATE, 0], NOISE[: 3 * RATE, 1]
    for other in (right, 0 * left, -0.4 * left + right, left):
        np.testing.assert_allclose(mono(channels(left, other), RATE), (left + other) / 2, atol=1e-6)
    one_of_eight = channels(left, *[0 * left] * 7)
    np.testing.assert_allclose(mono(one_of_eight, RATE), left / 8, atol=1e-6)


def test_only_the_seconds_that_cancel_out_are_taken_from_one_channel():
    wave = tone(4)
    other = np.concatenate([wave[: 2 * RATE], -wave[2 * RATE :]])
    np.testing.assert_allclose(mono(channels(wave, other), RATE), wave, atol=1e-6)


def test_a_piece_is_mixed_in_the_same_way_wherever_it_is_cut(tmp_path):
    flip = np.where(np.arange(20) % 3 == 1, -1, 1).repeat(RATE)
    path = tmp_path / "a.flac"
    soundfile.write(path, channels(NOISE[:, 0], NOISE[:, 0] * flip), RATE)
    info = probe(path)
    whole = read_piece(info, 0, info.frames)
    assert np.sqrt((whole**2).mean()) > 0.25
    for start, count in ((0, 777), (RATE - 5, 10), (3 * RATE + 123, 5 * RATE), (19 * RATE + 1, 5 * RATE)):
        np.testing.assert_array_equal(read_piece(info, start, count), whole[start : start + count])
    windows, _ = read_windows(path, [5.0, 10.0, 15.0, 20.0], window_seconds=5, sample_rate=RATE)
    np.testing.assert_array_equal(windows.ravel(), whole)
    sought, _ = read_windows(path, [7.5], window_seconds=5, sample_rate=RATE)
    np.testing.assert_array_equal(sought[0], whole[int(2.5 * RATE) : int(7.5 * RATE)])


def test_zeros_an_offset_and_dither_are_silent_and_a_quiet_call_is_not():
    dither = np.rint(np.random.default_rng(0).triangular(-1, 0, 1, 5 * RATE)) / 32768
    call = 0.01 * tone(1)
    assert is_silent(np.zeros(5 * RATE, np.float32), RATE) and is_silent(np.full(RATE, 0.1, np.float32), RATE)
    assert is_silent(dither.astype(np.float32), RATE)
    assert not is_silent(np.concatenate([np.zeros(50 * RATE), call, np.zeros(9 * RATE)]).astype(np.float32), RATE)
