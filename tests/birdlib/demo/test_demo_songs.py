"""The synthetic birds: distinct, varied, and made the same way each time."""

from itertools import combinations

import numpy as np
import pytest

from birdlib.demo.songs import SAMPLE_RATE, coloured_noise, make_species, sing
from birdlib.errors import BirdlibError


def spectrum(wave: np.ndarray) -> np.ndarray:
    """Share of energy in bands a twelfth of an octave wide, from 500 Hz up."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    band = np.round(12 * np.log2(np.maximum(np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE), 1) / 500)).astype(int)
    return np.bincount(band[band >= 0], power[band >= 0], minlength=61) / power.sum()


def test_labels_look_like_ebird_codes_and_are_unique():
    birds = make_species(24)
    assert len({bird.label for bird in birds}) == 24
    assert len({bird.scientific_name for bird in birds}) == 24
    assert all(len(bird.label) == 7 and bird.label[:6].isalpha() and bird.label.islower() for bird in birds)
    assert make_species(5) == birds[:5]


@pytest.mark.parametrize("count", [-1, 0, 1, 25])
def test_another_number_of_species_is_refused(count: int):
    with pytest.raises(BirdlibError, match="2 to 24"):
        make_species(count)


@pytest.mark.parametrize("bird", make_species(24), ids=lambda bird: bird.label)
def test_a_song_fills_its_time_with_a_peak_of_one_and_stays_below_the_nyquist_frequency(bird):
    song = sing(bird, 1.5, np.random.default_rng(0))
    assert song.dtype == np.float32 and song.shape == (48_000,)
    assert np.abs(song).max() == pytest.approx(1, abs=1e-6)
    assert np.abs(song[24_000:]).max() > 0.3
    assert spectrum(song)[60:].sum() < 0.01  # hardly anything at 16 kHz, where aliases would gather


def test_individuals_of_a_species_differ_and_the_same_draw_is_the_same_song():
    bird = make_species(2)[0]
    song = sing(bird, 2.0, np.random.default_rng(1))
    np.testing.assert_array_equal(song, sing(bird, 2.0, np.random.default_rng(1)))
    assert np.abs(song - sing(bird, 2.0, np.random.default_rng(2))).max() > 0.5


def test_any_two_species_differ_in_pitch_or_in_rhythm():
    birds = make_species(24)
    mean = {}
    for bird in birds:
        random = np.random.default_rng(0)
        mean[bird.label] = np.mean([spectrum(sing(bird, 2.0, random)) for _ in range(8)], axis=0)
    for one, other in combinations(birds, 2):
        overlap = np.minimum(mean[one.label], mean[other.label]).sum()
        tempo = abs(np.log2(one.notes_per_second / other.notes_per_second))
        assert overlap < 0.5 or tempo > 0.4, (one.label, other.label, overlap, tempo)


def test_background_is_of_unit_level_and_louder_below_than_above():
    wave = coloured_noise(7.3, np.random.default_rng(0))
    assert wave.dtype == np.float32 and wave.shape == (round(7.3 * SAMPLE_RATE),)
    assert np.sqrt(np.mean(wave**2)) == pytest.approx(1, abs=1e-4)
    power = np.abs(np.fft.rfft(wave)) ** 2
    assert power[: len(power) // 4].mean() > 1.2 * power[-len(power) // 4 :].mean()
