"""Untrained models: the same from the same seed, and so well conditioned that parity means something."""

import pytest
import torch

from birdlib.export.untrained import extreme_sounds, seeded_model
from birdlib.frontend.mel import FrontEnd, MelSpectrogram

from ..networks import split_variant

FRONT_END = FrontEnd(32000, 5, 2048, 1024, 64, 50, 14000)


@pytest.fixture(scope="module")
def windows():
    """Chirps over noise: float32 [9, 1, n_mels, frames]; the last three are much louder and purer than the others."""
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(FRONT_END.samples) / FRONT_END.sample_rate
    sweeps = [torch.sin(2 * torch.pi * (800 + 300 * n + 200 * time) * time) * (time % 1 < 0.3) for n in range(9)]
    noise = 0.05 * torch.randn(9, FRONT_END.samples, generator=generator)
    noise[6:] *= 0.01
    return MelSpectrogram(FRONT_END)(0.3 * torch.stack(sweeps) + noise)


def model(variant, windows, seed=1):
    architecture, head = split_variant(variant)
    return seeded_model(architecture, {"name": head}, 7, windows, FRONT_END, seed=seed, drop_path=0.2)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(windows):
    def logits(seed):
        with torch.no_grad():
            return model("test_efficientnet", windows[:6], seed).scores(windows)

    assert torch.equal(logits(1), logits(1)) and not torch.equal(logits(1), logits(2))


@pytest.mark.parametrize("variant", ["rexnet150", "efficientnet-b2-time", "rexnet150-sed"])
def test_a_model_is_well_conditioned_also_on_windows_that_it_was_not_fitted_to(windows, variant):
    net = model(variant, windows[:6])
    nudge = 1e-6 * torch.randn(windows.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exact, nudged = net.scores(windows).sigmoid(), net.scores(windows + nudge).sigmoid()
    assert (exact - nudged).abs().max() < 1e-5
    assert exact.std(0).mean() > 1e-4  # it is not that they all give the same


def test_the_extreme_sounds_are_windows_of_the_front_end():
    sounds = extreme_sounds(FRONT_END)
    assert sounds.shape == (5, FRONT_END.samples) and sounds.abs().max() <= 1
    assert torch.isfinite(MelSpectrogram(FRONT_END)(sounds)).all()
