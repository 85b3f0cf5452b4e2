"""The front end, held against librosa."""

import numpy as np
import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram, mel_bands

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


def test_loudness_does_not_matter():
    waves = song(2, WIDE)
    module = MelSpectrogram(WIDE)
    np.testing.assert_allclose(module(waves).numpy(), module(waves * 0.1).numpy(), atol=1e-2)


def test_silence_gives_zeros_not_noise():
    assert not MelSpectrogram(WIDE)(torch.zeros(1, WIDE.samples)).any()


def test_autocast_does_not_lower_its_precision():
    waves = song(2, WIDE)
    module = MelSpectrogram(WIDE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mels = module(waves)
    assert mels.dtype == torch.float32
    torch.testing.assert_close(mels, module(waves))


def test_a_front_end_survives_json():
    import json

    assert FrontEnd.from_dict(json.loads(json.dumps(WIDE.as_dict()))) == WIDE


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
