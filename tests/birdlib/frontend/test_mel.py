"""The front end, held against librosa."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram, mel_bands
from birdlib.frontend.normalisation import Normalisation

WIDE = FrontEnd(32000, 5, 2048, 512, 128, 20, 16000)
NARROW = FrontEnd(32000, 5, 1024, 320, 64, 50, 14000)


def song(batch, front_end, seed=0):
    random = np.random.default_rng(seed)
    time = np.arange(front_end.samples) / front_end.sample_rate
    whistles = [np.sin(2 * np.pi * random.uniform(1500, 7000) * time) * (time % 1 < 0.4) for _ in range(batch)]
    noise = random.normal(0, 0.02, (batch, front_end.samples))
    return torch.from_numpy((0.3 * np.stack(whistles) + noise).astype(np.float32))


@pytest.mark.parametrize("front_end", [WIDE, NARROW], ids=["313 frames", "501 frames"])
def test_the_mel_spectrogram_is_librosas(front_end):
    import librosa

    waves = song(2, front_end)
    mels = MelSpectrogram(front_end)(waves)
    assert mels.shape == (2, *front_end.shape) and mels.dtype == torch.float32
    for wave, mel in zip(waves.numpy(), mels[:, 0].numpy(), strict=True):
        power = librosa.feature.melspectrogram(
            y=wave,
            sr=front_end.sample_rate,
            n_fft=front_end.n_fft,
            hop_length=front_end.hop_length,
            n_mels=front_end.n_mels,
            fmin=front_end.f_min,
            fmax=front_end.f_max,
            pad_mode="constant",
        )
        expected = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=80)
        expected = (expected - expected.mean()) / (expected.std() + 1e-3)
        np.testing.assert_allclose(mel, expected, atol=1e-3)


def test_the_mel_bands_are_librosas():
    import librosa

    for front_end in (WIDE, NARROW):
        expected = librosa.filters.mel(
            sr=front_end.sample_rate,
            n_fft=front_end.n_fft,
            n_mels=front_end.n_mels,
            fmin=front_end.f_min,
            fmax=front_end.f_max,
        )
        np.testing.assert_allclose(mel_bands(front_end), expected, atol=1e-7)


def test_a_window_sounds_the_same_alone_and_in_a_batch():
    waves = song(12, WIDE)
    module = MelSpectrogram(WIDE)
    np.testing.assert_allclose(module(waves)[5].numpy(), module(waves[5:6])[0].numpy(), atol=1e-4)


WINDOW, FIXED = {"name": "window"}, {"name": "fixed", "mean": -40.0, "deviation": 20.0}
BAND_MEDIAN = {"name": "band_median", "deviation": 20.0}


def module_of(normalisation, front_end=WIDE):
    return MelSpectrogram(replace(front_end, normalisation=Normalisation.of(normalisation)))


@pytest.mark.parametrize("normalisation", [WINDOW, BAND_MEDIAN], ids=lambda table: table["name"])
def test_loudness_does_not_matter_where_each_window_is_normalised_by_itself(normalisation):
    waves, module = song(2, WIDE), module_of(normalisation)
    np.testing.assert_allclose(module(waves).numpy(), module(waves * 0.1).numpy(), atol=1e-2)


def test_by_constants_a_louder_window_has_larger_values():
    waves, module = song(2, WIDE), module_of(FIXED)
    np.testing.assert_allclose(module(waves).numpy() - 1, module(waves * 0.1).numpy(), atol=1e-2)  # 20 dB of 20


@pytest.mark.parametrize(
    ("normalisation", "tells_apart"), [(WINDOW, False), (FIXED, True), (BAND_MEDIAN, False)], ids=lambda v: str(v)[:20]
)
def test_the_volumes_of_a_mixture_reach_the_network_by_constants_only(normalisation, tells_apart):
    """sumix with c1 = c2 = 0.3 and 1.0: the same ratio, other labels by the seed's curve."""
    first, second = song(2, WIDE)
    quiet, loud = module_of(normalisation)(torch.stack([0.3 * first + 0.3 * second, first + second]))
    difference = (loud - quiet).mean().item()
    assert difference == pytest.approx(20 * np.log10(1 / 0.3) / 20 if tells_apart else 0, abs=1e-3)


def test_steady_noise_in_a_band_goes_with_the_bands_median():
    time = torch.arange(WIDE.samples) / WIDE.sample_rate
    hum = 0.1 * torch.sin(2 * torch.pi * 3000 * time)
    waves = song(1, WIDE)
    before, after = (module_of(BAND_MEDIAN)(wave)[0, 0] for wave in (waves, waves + hum))
    band = int(module_of(FIXED)(hum[None])[0, 0].mean(1).argmax())
    assert after[band].median() == before[band].median() == 0
    assert module_of(WINDOW)(waves + hum)[0, 0, band].median() > 1


@pytest.mark.parametrize("normalisation", [WINDOW, BAND_MEDIAN], ids=lambda table: table["name"])
def test_silence_gives_zeros_not_noise(normalisation):
    assert not module_of(normalisation)(torch.zeros(1, WIDE.samples)).any()


def test_silence_is_the_lowest_value_by_constants():
    assert set(module_of(FIXED)(torch.zeros(1, WIDE.samples)).unique().tolist()) == {-3.0}  # (-100 + 40) / 20


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "z"}, "name = 'z'; expected one of 'window', 'fixed', 'band_median'"),
        ({"name": "fixed", "mean": -40}, "deviation = None; expected a number from 0.1"),
        ({"name": "fixed", "mean": -40, "deviation": 0}, "deviation = 0; expected"),
        ({"name": "window", "mean": -40}, "window takes no mean"),
        ({"name": "fixed", "average": 1}, "expected a table of name, mean and deviation"),
        ("fixed", "expected a table of name, mean and deviation"),
    ],
)
def test_a_normalisation_that_is_none_is_told_in_one_line(table, says):
    with pytest.raises(BirdlibError, match=says):
        Normalisation.of(table)


def test_autocast_does_not_lower_its_precision():
    waves = song(2, WIDE)
    module = MelSpectrogram(WIDE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mels = module(waves)
    assert mels.dtype == torch.float32
    torch.testing.assert_close(mels, module(waves))


@pytest.mark.parametrize("normalisation", [WINDOW, FIXED, BAND_MEDIAN], ids=lambda table: table["name"])
def test_a_front_end_survives_json(normalisation):
    front_end = replace(WIDE, normalisation=Normalisation.of(normalisation))
    assert FrontEnd.from_dict(json.loads(json.dumps(front_end.as_dict()))) == front_end


def test_front_ends_of_before_normalised_each_window():
    values = {name: value for name, value in WIDE.as_dict().items() if name != "normalisation"}
    assert FrontEnd.from_dict(values).normalisation == Normalisation("window")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"hop_length": 0}, "hop_length"),
        ({"f_max": 20000}, "f_max"),
        ({"f_min": 17000}, "f_min"),
        ({"n_mels": "128"}, "n_mels"),
        ({"hop": 512}, "hop"),
    ],
)
def test_a_parameter_out_of_range_is_named(change, named):
    with pytest.raises(BirdlibError, match=named):
        FrontEnd.from_dict(WIDE.as_dict() | change)
