"""The cut: which seconds around a row a model hears."""

import numpy as np
import pytest
import soundfile

from birdlib.audio.cut import Cut
from birdlib.audio.recordings import read_windows

RATE = 8000


def test_a_cut_of_the_rows_own_length_is_the_row():
    for first, length in ((0, 60), (55, 60), (58, 60), (10, 12)):
        assert Cut(5).start(first, 5, length) == first


def test_the_row_is_in_the_middle_where_there_is_audio_on_both_sides():
    assert Cut(10).start(20, 5, 60) == 17.5
    assert Cut(20).start(20, 5, 60) == 12.5


@pytest.mark.parametrize("seconds", [5, 7.5, 10, 20])
def test_a_cut_covers_its_row_and_stays_inside_the_recording(seconds):
    random = np.random.default_rng(0)
    for length in random.uniform(5, 90, 50):
        for first in np.arange(0, length, 5):
            start = Cut(seconds).start(first, 5, length)
            assert 0 <= start <= first and first + 5 <= start + seconds + 1e-9
            if length >= seconds and first + 5 <= length:
                assert start + seconds <= length + 1e-9


@pytest.mark.parametrize("minutes", [1, 4])  # of the longer one, few windows are sought one by one
def test_windows_with_context_are_the_slices_around_their_rows(tmp_path, minutes):
    whole = np.random.default_rng(1).uniform(-0.9, 0.9, minutes * 60 * RATE).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", whole, RATE, subtype="FLOAT")
    ends = [5.0, 10.0, 30.0, minutes * 60.0]
    windows, damage = read_windows(tmp_path / "a.wav", ends, window_seconds=10, row_seconds=5, sample_rate=RATE)
    assert damage == "" and windows.shape == (4, 10 * RATE)
    for window, start in zip(windows, (0, 2.5, 22.5, minutes * 60 - 10), strict=True):
        np.testing.assert_array_equal(window, whole[round(start * RATE) : round((start + 10) * RATE)])


def test_a_row_without_audio_is_nan_whatever_is_around_it(tmp_path):
    whole = np.random.default_rng(1).uniform(-0.9, 0.9, 12 * RATE).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", whole, RATE, subtype="FLOAT")
    windows, _ = read_windows(
        tmp_path / "a.wav", [10.0, 15.0, 20.0], window_seconds=10, row_seconds=5, sample_rate=RATE, padding="zeros"
    )
    assert not np.isnan(windows[:2]).any() and np.isnan(windows[2]).all()
    np.testing.assert_array_equal(windows[1], np.pad(whole[5 * RATE :], (0, 3 * RATE)))
