"""Steps that change each clip by itself, held against numpy and scipy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import Augmentation, read_steps
from birdlib.augmentation.steps import MELS
from birdlib.errors import BirdlibError

from .noises import write_noises

RATE = 16000
STEPS = [
    {"name": "gain", "low": -12.0, "high": 6.0},
    {"name": "low_pass", "low": 500.0, "high": 4000.0},
    {"name": "filter_augment"},
    {"name": "noise", "folder": "noises", "low": 0.0, "high": 20.0},
    {"name": "coloured_noise", "low": 0.0, "high": 20.0},
    {"name": "time_mask", "most": 0.3, "count": 2},
    {"name": "frequency_mask", "most": 0.3, "count": 1},
]
names = {"ids": lambda table: table["name"]}


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    root = tmp_path_factory.mktemp("attached")
    write_noises(root / "noises", RATE, [2.0, 0.3, 1.0])
    return AugmentationContext(RATE, lambda name: root / name)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def step_of(name, **parameters):
    return read_steps([{"name": name, "p": 1.0, **parameters}])[0]


def batch_for(step, size=12, seed=0):
    random = generator(100 + seed)
    shape = (size, 1, 20, 30) if step.takes == MELS else (size, 4000)
    return Batch(
        3 + torch.randn(shape, generator=random),
        torch.eye(size),
        torch.ones(size, size),
        extra={"probabilities": torch.rand(size, size, generator=random)},
    )


def applied(table, batch, context, seed=0, p=1.0):
    augmentation = Augmentation([table | {"p": p}], context)
    through = augmentation.mels if batch.input.dim() == 4 else augmentation.waves
    return through(batch, generator(seed))


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize("table", STEPS, **names)
def test_each_clip_goes_through_the_step_by_itself_with_its_probability(table, context):
    step = read_steps([table | {"p": 0.3}])[0]
    before = batch_for(step, size=40)
    shares, together = [], set()
    for seed in range(50):
        after = applied(table, before, context, seed, p=0.3)
        # A mask may be of no width, and low gains are gains: what is drawn is read off the rest of the batch.
        changed = [not torch.equal(own, other) for own, other in zip(after.input, before.input, strict=True)]
        shares.append(np.mean(changed))
        together.add(sum(changed))
    assert 0.2 < np.mean(shares) <= 0.33 and len(together) > 5
    assert all(applied(table, before, context, seed, p=0.0) is before for seed in range(5))


@pytest.mark.parametrize("table", STEPS, **names)
def test_labels_and_all_else_that_is_known_stay_and_so_does_the_batch_that_comes_in(table, context):
    step = read_steps([table | {"p": 1}])[0]
    before = batch_for(step)
    kept = before.input.clone()
    after = applied(table, before, context)
    assert torch.equal(before.input, kept) and not torch.equal(after.input, kept)
    assert after.targets is before.targets and after.weights is before.weights and after.extra is before.extra
    assert after.input.shape == kept.shape and after.input.dtype == kept.dtype and after.input.isfinite().all()


@pytest.mark.parametrize("table", STEPS, **names)
def test_the_generator_alone_decides_and_no_device_changes_a_draw(table, context):
    step = read_steps([table | {"p": 0.5}])[0]
    before = batch_for(step)
    first = applied(table, before, context, seed=5, p=0.5)
    torch.manual_seed(99)
    global_state = torch.get_rng_state()
    assert torch.equal(applied(table, before, context, seed=5, p=0.5).input, first.input)
    assert torch.equal(torch.get_rng_state(), global_state)
    assert not torch.equal(applied(table, before, context, seed=6, p=0.5).input, first.input)
    here, there = generator(5), generator(5)
    elsewhere = Batch(*(values.to("meta") for values in (before.input, before.targets, before.weights)))
    step(before, here, here, context)
    assert step(elsewhere, there, there, context).input.device.type == "meta"
    assert torch.equal(here.get_state(), there.get_state())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("table", STEPS, **names)
def test_a_gpu_changes_clips_as_the_cpu_does(table, context):
    before = batch_for(read_steps([table | {"p": 0.5}])[0])
    on_gpu = Batch(*(values.cuda() for values in (before.input, before.targets, before.weights)))
    expected = applied(table, before, context, p=0.5)
    torch.testing.assert_close(applied(table, on_gpu, context, p=0.5).input.cpu(), expected.input, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("table", STEPS, **names)
def test_clips_that_concatmix_doubled_are_changed_as_a_whole(table, context):
    step = read_steps([table | {"p": 1}])[0]
    before = batch_for(step)
    doubled = replace(before, input=torch.cat([before.input] * 2, dim=-1), parts=2)
    after = applied(table, doubled, context)
    assert after.parts == 2 and after.input.shape == doubled.input.shape


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "gain", "low": 3, "high": 2}, "augmentation: gain: high = 2; expected a number from 3 to 100"),
        ({"name": "gain", "p": 2}, "augmentation: gain: p = 2; expected a number from 0 to 1"),
        ({"name": "low_pass", "low": 1}, "augmentation: low_pass: low = 1; expected a number from 20 on"),
        ({"name": "low_pass", "order": 0}, "augmentation: low_pass: order = 0; expected a whole number from 1 on"),
        ({"name": "time_mask", "most": 1.5}, "augmentation: time_mask: most = 1.5; expected a number from 0 to 1"),
        ({"name": "frequency_mask", "count": 1.5}, "augmentation: frequency_mask: count = 1.5; expected a whole"),
        ({"name": "filter_augment", "most_bands": 2}, "filter_augment: most_bands = 2; expected a whole number from 3"),
        ({"name": "filter_augment", "narrowest": 0.3}, "narrowest = 0.3; expected a number from 0 to 0.2"),
        ({"name": "noise"}, "augmentation: noise needs 'folder'; add it"),
        ({"name": "noise", "folder": "x", "low": 40}, "noise: high = 30.0; expected a number from 40 to 100"),
        (
            {"name": "noise", "folder": "x", "minutes": 0},
            "augmentation: noise: minutes = 0; expected a number from 0.1",
        ),
        ({"name": "coloured_noise", "steepest": 5}, "coloured_noise: steepest = 5; expected a number from 0 to 4"),
        ({"name": "masks"}, "augmentation: unknown name 'masks'; expected one of"),
    ],
)
def test_parameters_that_cannot_be_meant_are_one_line(table, says):
    with pytest.raises(BirdlibError, match=says) as error:
        read_steps([{"p": 1.0} | table])
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- gain


def test_gains_are_uniform_in_decibels_and_scale_the_wave(context):
    before = Batch(3 + torch.randn(3000, 50, generator=generator()), torch.ones(3000, 1), torch.ones(3000, 1))
    after = applied({"name": "gain", "low": -12.0, "high": 6.0}, before, context)
    ratio = after.input.numpy() / before.input.numpy()
    decibels = 20 * np.log10(np.median(ratio, axis=1))
    np.testing.assert_allclose(ratio, 10 ** (decibels / 20)[:, None] * np.ones_like(ratio), rtol=1e-4)
    assert -12 <= decibels.min() < -11.9 and 5.9 < decibels.max() <= 6
    assert decibels.mean() == pytest.approx(-3, abs=0.4)


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize(("name", "axis"), [("time_mask", 3), ("frequency_mask", 2)])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), most=st.floats(0, 1), bands=st.integers(1, 30), frames=st.integers(1, 30))
def test_a_mask_is_one_strip_of_the_width_that_was_asked_for_at_most(name, axis, seed, most, bands, frames):
    mels = 3 + torch.randn(5, 1, bands, frames, generator=generator(seed))
    batch = Batch(mels, torch.eye(5), torch.ones(5, 5))
    after = applied({"name": name, "most": most, "count": 1}, batch, AugmentationContext(RATE, Path), seed)
    for own, other in zip(after.input[:, 0].numpy(), mels[:, 0].numpy(), strict=True):
        lines = np.moveaxis(own, axis - 2, 0), np.moveaxis(other, axis - 2, 0)
        masked = [bool((line == line[0]).all() and np.isclose(line[0], other.mean(), atol=1e-5)) for line in lines[0]]
        kept = [np.array_equal(line, original) for line, original in zip(*lines, strict=True)]
        if bands * frames > 30:
            assert all(hidden or same for hidden, same in zip(masked, kept, strict=True))
        hidden = np.flatnonzero(~np.array(kept))
        assert len(hidden) <= most * len(kept)
        assert not len(hidden) or len(hidden) == hidden[-1] - hidden[0] + 1


def test_widths_of_masks_are_uniform_and_every_place_is_masked(context):
    mels = torch.randn(6000, 1, 2, 20, generator=generator())
    batch = Batch(mels, torch.ones(6000, 1), torch.ones(6000, 1))
    hidden = (applied({"name": "time_mask", "most": 0.5, "count": 1}, batch, context).input != mels)[:, 0, 0].numpy()
    counts = np.bincount(hidden.sum(1), minlength=11)
    assert len(counts) == 11 and np.abs(counts / 6000 - 1 / 11).max() < 0.015
    assert hidden.mean(0).min() > 0.05  # first and last frame, too, where fewest strips reach


def test_several_masks_may_overlap():
    mels = torch.randn(2000, 1, 2, 20, generator=generator())
    batch = Batch(mels, torch.ones(2000, 1), torch.ones(2000, 1))
    table = {"name": "time_mask", "most": 0.25, "count": 3}
    hidden = (applied(table, batch, AugmentationContext(RATE, Path)).input != mels)[:, 0, 0]
    strips = (hidden[:, 1:] & ~hidden[:, :-1]).sum(1) + hidden[:, 0]
    assert strips.max() == 3 and hidden.sum(1).max() <= 15


# ---------------------------------------------------------------- low-pass


@pytest.mark.parametrize("order", [1, 4, 8])
def test_a_low_pass_attenuates_as_a_butterworth_filter_does(order):
    samples, cutoff = 4001, torch.tensor([500.0, 1500.0, 6000.0])
    wave = torch.randn(3, samples, generator=generator())
    found = step_of("low_pass", order=order).change(wave, cutoff=cutoff / RATE).numpy()
    frequency = np.fft.rfftfreq(samples, 1 / RATE)
    for before, after, edge in zip(wave.numpy(), found, cutoff.numpy(), strict=True):
        gain = np.abs(np.fft.rfft(after.astype(np.float64)) / np.fft.rfft(before.astype(np.float64)))
        polynomials = scipy.signal.butter(order, 2 * np.pi * edge, analog=True)
        _, expected = scipy.signal.freqs(*polynomials, worN=2 * np.pi * frequency)
        np.testing.assert_allclose(gain[1:-1], np.abs(expected)[1:-1], atol=2e-4)


def test_above_the_cut_off_tones_vanish_and_below_they_stay(context):
    seconds = np.arange(RATE) / RATE
    tones = torch.from_numpy(
        np.stack([np.sin(2 * np.pi * hertz * seconds) for hertz in (200, 6000)]).astype(np.float32)
    )
    batch = Batch(tones, torch.ones(2, 1), torch.ones(2, 1))
    after = applied({"name": "low_pass", "low": 800.0, "high": 1200.0}, batch, context).input
    kept = (after.square().mean(1) / tones.square().mean(1)).tolist()
    assert kept[0] > 0.99 and kept[1] < 1e-5
    torch.testing.assert_close(after[0], tones[0], rtol=0, atol=0.02)  # in its place in time


def test_cut_offs_are_drawn_by_octaves(context):
    cutoff = step_of("low_pass", low=500.0, high=8000.0).draw((4000, 1), generator(), context)["cutoff"] * RATE
    assert 500 <= cutoff.min() and cutoff.max() <= 8001
    assert np.histogram(np.log2(cutoff.numpy() / 500), bins=4, range=(0, 4))[0] == pytest.approx([1000] * 4, abs=120)


# ---------------------------------------------------------------- FilterAugment


def test_filter_augment_joins_gains_by_straight_lines_over_the_mel_scale(context):
    step = step_of("filter_augment", low=-9.0, high=3.0, least_bands=1, most_bands=5)
    samples = 3999
    wave = torch.randn(30, samples, generator=generator())
    drawn = step.draw(wave.shape, generator(1), context)
    found = step.change(wave, **drawn).numpy().astype(np.float64)
    frequency = np.fft.rfftfreq(samples, 1 / RATE)
    mel = 2595 * np.log10(1 + frequency / 700) / (2595 * np.log10(1 + RATE / 2 / 700))
    for before, after, edges, decibels in zip(
        wave.double().numpy(), found, drawn["edges"].numpy(), drawn["decibels"].numpy(), strict=True
    ):
        gain = 20 * np.log10(np.abs(np.fft.rfft(after) / np.fft.rfft(before)))
        np.testing.assert_allclose(gain[1:], np.interp(mel, edges, decibels)[1:], atol=0.02)
        assert gain.min() >= -9.01 and gain.max() <= 3.01


def test_bands_of_filter_augment_are_as_many_and_as_wide_as_was_asked_for(context):
    step = step_of("filter_augment", least_bands=2, most_bands=4, narrowest=0.1)
    drawn = step.draw((3000, 1), generator(), context)
    counts = []
    for edges, decibels in zip(drawn["edges"].numpy(), drawn["decibels"].numpy(), strict=True):
        bands = int((np.diff(edges) > 0).sum())
        counts.append(bands)
        assert edges[0] == 0 and (edges[bands:] == 1).all() and (decibels[bands:] == decibels[bands]).all()
        assert np.diff(edges[: bands + 1]).min() > 0.0999
        assert len(set(decibels[: bands + 1].tolist())) == bands + 1
    assert np.bincount(counts, minlength=5)[2:] == pytest.approx([1000] * 3, abs=110)
    assert drawn["decibels"].min() > -6.001 and drawn["decibels"].max() < 6.001


# ---------------------------------------------------------------- together


def test_two_processes_that_share_decisions_change_other_clips(context):
    """What happens to single clips differs from process to process, as partners do."""
    augmentation = Augmentation([{"name": "gain", "p": 0.5}], context)
    before = batch_for(step_of("gain"))
    first, second = (augmentation.waves(before, generator(rank), generator(7)).input for rank in (0, 1))
    assert not torch.equal(first != before.input, second != before.input)


def test_steps_of_both_kinds_follow_in_the_recipes_order(context):
    quiet = Batch(0.01 * torch.ones(1, 4000), torch.ones(1, 1), torch.ones(1, 1))
    gain = {"name": "gain", "p": 1, "low": 20.0, "high": 20.0}
    steps = [gain, {"name": "sumup", "p": 1}]
    for order in (steps, steps[::-1]):
        after = Augmentation(order, context).waves(quiet, generator()).input
        torch.testing.assert_close(after, torch.full((1, 4000), 0.2))
    with pytest.raises(BirdlibError, match="gain works on waves and cannot come after time_mask"):
        read_steps([{"name": "time_mask", "p": 1}, gain])


# ---------------------------------------------------------------- coloured noise


@pytest.mark.parametrize(("exponent", "decibels"), [(0.0, 10.0), (1.0, 0.0), (2.0, -5.0)])
def test_coloured_noise_has_its_slope_and_the_ratio_that_was_asked_for(exponent, decibels):
    wave = 0.1 * torch.randn(200, RATE, generator=generator())
    drawn = {"white": torch.randn(200, RATE, generator=generator(1)), "exponent": torch.full((200,), exponent)}
    after = step_of("coloured_noise").change(wave, **drawn, decibels=torch.full((200,), decibels))
    noise = (after - wave).double().numpy()
    ratio = 10 * np.log10((wave.double().numpy() ** 2).mean(1) / (noise**2).mean(1))
    np.testing.assert_allclose(ratio, decibels, atol=1e-2)
    power = (np.abs(np.fft.rfft(noise)) ** 2).mean(0)
    number = np.arange(10, RATE // 2)
    slope = np.polyfit(np.log(number), np.log(power[number]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.05)
