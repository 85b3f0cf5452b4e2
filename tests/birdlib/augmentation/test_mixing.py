"""Each augmentation by itself: what it does to inputs and labels, and how its draws are spread."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.concatmix import Concatmix
from birdlib.augmentation.cutmix import Cutmix
from birdlib.augmentation.mixup import Mixup
from birdlib.augmentation.recipe import Augmentation
from birdlib.augmentation.sumix import LABEL_CURVES, VOLUME, Sumix, label_curve
from birdlib.augmentation.sumup import Sumup
from birdlib.errors import BirdlibError

WAVE_MIXINGS = [
    Sumup(p=1),
    Sumix(0.3, 1.0, p=1),
    Sumix(0.0, 2.0, "full", p=1),
    Sumix(0.1, 0.9, [[0.2, 0.1], [0.8, 1.0]], p=1),
    Concatmix("doubled", p=1),
    Concatmix("same", p=1),
]
MEL_MIXINGS = [Mixup(1.5, p=1), Mixup(0.05, p=1), Cutmix(1.5, p=1), Cutmix(0.2, p=1)]
names = {"ids": lambda mixing: repr(mixing)}


def mixed(mixing, batch, generator):
    return mixing.applied(batch, generator, AugmentationContext(16000, Path))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(shape, seed=0, classes=6, soft=False, dtype=torch.float32):
    random = torch.Generator().manual_seed(1000 + seed)
    size = shape[0]
    targets = torch.rand(size, classes, generator=random)
    return Batch(
        torch.randn(shape, generator=random).to(dtype),
        targets if soft else (targets > 0.7).float(),
        (torch.rand(size, classes, generator=random) > 0.2).float(),
    )


def numbered(size, shape):
    """Clip n is n everywhere and of class n alone: what became of whom can be read off."""
    values = torch.arange(float(size)).view(-1, *[1] * len(shape))
    return Batch(values.expand(size, *shape).clone(), torch.eye(size), torch.ones(size, size))


sizes = st.integers(1, 9)
seeds = st.integers(0, 2**31)


@pytest.mark.parametrize("mixing", WAVE_MIXINGS, **names)
@settings(max_examples=25, deadline=None)
@given(size=sizes, samples=st.integers(1, 65), seed=seeds, soft=st.booleans())
def test_waves_stay_waves_and_labels_stay_labels(mixing, size, samples, seed, soft):
    before = batch((size, samples), seed % 7, soft=soft)
    after, partner = mixed(mixing, before, generator(seed))
    parts = 2 if mixing == Concatmix("doubled", p=1) else 1
    assert after.parts == parts and after.input.shape == (size, parts * samples)
    check_labels(before, after, partner)


@pytest.mark.parametrize("mixing", MEL_MIXINGS, **names)
@settings(max_examples=25, deadline=None)
@given(size=sizes, bands=st.integers(1, 20), frames=st.integers(1, 20), seed=seeds, soft=st.booleans())
def test_mels_stay_mels_and_labels_stay_labels(mixing, size, bands, frames, seed, soft):
    before = batch((size, 1, bands, frames), seed % 7, soft=soft)
    after, partner = mixed(mixing, before, generator(seed))
    assert after.input.shape == before.input.shape
    # Each cell lies between those that it is made of.
    pair = torch.stack([before.input, before.input[partner]])
    assert (after.input >= pair.amin(0) - 1e-5).all() and (after.input <= pair.amax(0) + 1e-5).all()
    check_labels(before, after, partner)


def check_labels(before, after, partner):
    size = len(before)
    assert sorted(set(partner.tolist())) == list(range(size))
    assert (after.input.dtype, after.targets.dtype, after.weights.dtype) == (torch.float32,) * 3
    assert after.input.isfinite().all()
    assert ((after.targets >= 0) & (after.targets <= 1)).all()
    # No class comes from nowhere, and what is unknown of either clip is unknown of both, unless it is certainly there.
    silent = (before.targets == 0) & (before.targets[partner] == 0)
    assert (after.targets[silent] == 0).all()
    certain = after.targets == 1
    either = torch.minimum(before.weights, before.weights[partner])
    assert torch.equal(after.weights, torch.where(certain, 1.0, either))


@pytest.mark.parametrize(
    "chain",
    [
        *([mixing] for mixing in WAVE_MIXINGS + MEL_MIXINGS),
        [Concatmix("same", p=1), Sumix(0.3, 1.0, p=1), Mixup(1.5, p=1), Cutmix(1.5, p=1)],
        [Sumup(p=1), Concatmix("doubled", p=1), Cutmix(1.5, p=1), Mixup(0.05, p=1)],
        [Sumix(0.3, 1.0, p=1), Sumix(0.3, 1.0, p=1), Sumup(p=1), Mixup(1.5, p=1)],
        [Cutmix(0.2, p=1), Cutmix(1.5, p=1), Mixup(1.5, p=1), Mixup(0.05, p=1)],
    ],
    ids=lambda chain: "-".join(mixing.name for mixing in chain),
)
@settings(max_examples=25, deadline=None)
@given(size=sizes, seed=seeds)
def test_a_class_that_is_certainly_in_a_mixture_counts_and_what_counts_is_known(chain, size, seed):
    """With ``secondary = "mask"``: a class of weight 0 may be in its clip or not, so both are tried."""
    primary = torch.eye(6)[torch.randint(6, (size,), generator=generator(seed))]
    secondary = (torch.rand(size, 6, generator=generator(seed + 1)) < 0.4) & (primary == 0)
    ends = []
    for present in (0.0, 1.0):
        now = Batch(torch.randn(size, 48), primary + present * secondary, 1 - secondary.float())
        draws = generator(seed)
        for mixing in chain:
            if mixing in MEL_MIXINGS:
                now = Batch(now.input.view(size, 1, 4, -1), now.targets, now.weights, now.parts)
            now, _ = mixed(mixing, now, draws)
        ends.append(now)
    absent, present = ends
    assert (absent.weights[absent.targets == 1] == 1).all()
    assert torch.equal(absent.targets[absent.weights == 1], present.targets[absent.weights == 1])


@pytest.mark.parametrize("mixing", WAVE_MIXINGS + MEL_MIXINGS, **names)
def test_the_batch_that_comes_in_is_left_alone_and_the_generator_alone_decides(mixing):
    shape = (8, 40) if mixing in WAVE_MIXINGS else (8, 1, 10, 12)
    before, kept = batch(shape), batch(shape)
    first, _ = mixed(mixing, before, generator(5))
    torch.manual_seed(99)
    global_state = torch.get_rng_state()
    again, _ = mixed(mixing, before, generator(5))
    other, _ = mixed(mixing, before, generator(6))
    assert torch.equal(torch.get_rng_state(), global_state)
    for name in ("input", "targets", "weights"):
        assert torch.equal(getattr(before, name), getattr(kept, name))
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.input, other.input)


@pytest.mark.parametrize("mixing", WAVE_MIXINGS + MEL_MIXINGS, **names)
def test_draws_do_not_depend_on_the_device(mixing):
    shape = (8, 40) if mixing in WAVE_MIXINGS else (8, 1, 10, 12)
    on_cpu = batch(shape)
    elsewhere = Batch(*(values.to("meta") for values in (on_cpu.input, on_cpu.targets, on_cpu.weights)))
    expected, found = generator(3), generator(3)
    drawn = mixing.draw(on_cpu, expected)
    for name, values in mixing.draw(elsewhere, found).items():
        assert values.device.type == "cpu" and torch.equal(values, drawn[name])
    assert torch.equal(expected.get_state(), found.get_state())
    after, _ = mixed(mixing, elsewhere, generator(3))
    assert after.input.device.type == after.targets.device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("mixing", WAVE_MIXINGS + MEL_MIXINGS, **names)
def test_a_gpu_mixes_as_the_cpu_does(mixing):
    shape = (8, 40) if mixing in WAVE_MIXINGS else (8, 1, 10, 12)
    on_cpu = batch(shape, soft=True)
    on_gpu = Batch(*(values.cuda() for values in (on_cpu.input, on_cpu.targets, on_cpu.weights)))
    expected, _ = mixed(mixing, on_cpu, generator(3))
    found, _ = mixed(mixing, on_gpu, generator(3))
    for name in ("input", "targets", "weights"):
        torch.testing.assert_close(getattr(found, name).cpu(), getattr(expected, name))


def test_a_generator_on_a_device_is_refused():
    class OnAGpu:
        device = torch.device("cuda")

    with pytest.raises(BirdlibError, match="the generator is on cuda; every device draws from a CPU's"):
        mixed(Sumup(p=1), batch((4, 10)), OnAGpu())


@pytest.mark.parametrize("mixing", [Mixup(1.5, p=1), Cutmix(1.5, p=1)], **names)
def test_mels_in_half_precision_stay_in_it(mixing):
    after, _ = mixed(mixing, batch((4, 1, 8, 9), dtype=torch.bfloat16), generator())
    assert after.input.dtype == torch.bfloat16 and after.targets.dtype == torch.float32


def test_inputs_and_labels_of_different_lengths_are_refused():
    with pytest.raises(BirdlibError, match=r"batch: input \[3, 9\], targets \[4, 2\]"):
        Batch(torch.zeros(3, 9), torch.zeros(4, 2), torch.zeros(4, 2))


STORED = json.loads(Path(__file__).with_name("stored_mixtures.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: "-".join(map(str, stored["step"].values())))
def test_the_same_seed_gives_the_mixtures_that_it_gave(stored):
    """Stored before each step had a file of its own: draws, mixtures, and where the generators are after them."""
    random = torch.Generator().manual_seed(11)
    targets = torch.rand(4, 3, generator=random)
    weights = (torch.rand(4, 3, generator=random) > 0.3).float()
    on_mels = stored["step"]["name"] in ("mixup", "cutmix")
    before = Batch(torch.randn((4, 1, 3, 4) if on_mels else (4, 6), generator=random), targets, weights)
    augmentation = Augmentation([stored["step"]], AugmentationContext(16000, Path))
    draws, decisions = generator(5), generator(6)
    after = (augmentation.mels if on_mels else augmentation.waves)(before, draws, decisions)
    for name in ("input", "targets", "weights"):
        torch.testing.assert_close(getattr(after, name), torch.tensor(stored[name]), rtol=0, atol=2e-6)
    assert after.parts == stored["parts"]
    assert torch.randint(10**6, (2,), generator=draws).tolist() == stored["next"]
    assert torch.randint(10**6, (2,), generator=decisions).tolist() == stored["next_decision"]


# ---------------------------------------------------------------- what else is known of the clips


@pytest.mark.parametrize("mixing", WAVE_MIXINGS + MEL_MIXINGS, **names)
@settings(max_examples=25, deadline=None)
@given(size=sizes, seed=seeds)
def test_stored_probabilities_are_mixed_as_targets_are_and_unknown_ones_stay_unknown(mixing, size, seed):
    before = batch((size, 48) if mixing in WAVE_MIXINGS else (size, 1, 6, 8), seed % 7, soft=True)
    unknown = torch.rand(size, 6, generator=generator(seed)) < 0.3
    stored = torch.where(unknown, torch.nan, before.targets)
    after, partner = mixed(mixing, replace(before, extra={"probabilities": stored}), generator(seed))
    expected = torch.where(unknown | unknown[partner], torch.nan, after.targets)
    torch.testing.assert_close(after.extra["probabilities"], expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("mixing", WAVE_MIXINGS + MEL_MIXINGS, **names)
@settings(max_examples=25, deadline=None)
@given(size=sizes, seed=seeds)
def test_embeddings_are_added_by_the_weights_of_the_labels_and_never_clipped(mixing, size, seed):
    """The weights are read off labels that are too small to be clipped: of one class for each clip."""
    before = batch((size, 48) if mixing in WAVE_MIXINGS else (size, 1, 6, 8), seed % 7)
    labels = 1e-3 * torch.eye(size)
    embedding = 5 * torch.randn(size, 4, generator=generator(seed + 1))
    embedding[torch.rand(size, generator=generator(seed + 2)) < 0.2] = torch.nan
    extra = {"embedding": embedding, "map": embedding[:, None, :].expand(size, 2, 4)}
    after, partner = mixed(mixing, Batch(before.input, labels, torch.ones_like(labels), extra=extra), generator(seed))
    for clip, other in enumerate(partner.tolist()):
        if clip == other:
            continue
        own, others = 1e3 * after.targets[clip, [clip, other]]
        expected = own * embedding[clip] + others * embedding[other]
        torch.testing.assert_close(after.extra["embedding"][clip], expected, rtol=1e-4, atol=1e-4, equal_nan=True)
    for row in (0, 1):
        torch.testing.assert_close(after.extra["map"][:, row], after.extra["embedding"], equal_nan=True)


# ---------------------------------------------------------------- sumup


def test_sumup_adds_waves_and_labels():
    before = batch((50, 7))
    after, partner = mixed(Sumup(p=1), before, generator())
    wave, targets = before.input.numpy(), before.targets.numpy()
    for i, j in enumerate(partner.tolist()):
        np.testing.assert_array_equal(after.input[i].numpy(), wave[i] + wave[j])
        np.testing.assert_array_equal(after.targets[i].numpy(), np.minimum(targets[i] + targets[j], 1))


def test_every_clip_is_everyones_partner_equally_often():
    counts = torch.zeros(4, 4)
    for seed in range(2000):
        _, partner = mixed(Sumup(p=1), numbered(4, (1,)), generator(seed))
        counts[torch.arange(4), partner] += 1
    assert (counts / 2000 - 0.25).abs().max() < 0.05  # five standard deviations


# ---------------------------------------------------------------- sumix


def test_sumix_scales_both_clips_and_their_labels():
    before, mixing = batch((50, 7), soft=True), Sumix(0.3, 1.0, p=1)
    drawn = mixing.draw(before, generator(2))
    after = mixing.mix(before, **drawn)
    wave, targets = before.input.numpy(), before.targets.numpy()
    for i, j in enumerate(drawn["partner"].tolist()):
        c1, c2 = float(drawn["own"][i]), float(drawn["other"][i])
        # The write-up's formula, word for word.
        f1, f2 = (1 if c >= 0.5 else 1 - 2 * (0.5 - c) for c in (c1, c2))
        np.testing.assert_allclose(after.input[i].numpy(), c1 * wave[i] + c2 * wave[j], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            after.targets[i].numpy(), np.clip(f1 * targets[i] + f2 * targets[j], 0, 1), rtol=1e-5
        )


def test_sumix_coefficients_are_uniform_and_drawn_for_each_clip_and_partner():
    drawn = Sumix(0.3, 1.0, p=1).draw(batch((20000, 1)), generator())
    for name in ("own", "other"):
        values = drawn[name]
        assert 0.3 <= values.min() < 0.301 and 0.999 < values.max() <= 1.0
        assert values.mean().item() == pytest.approx(0.65, abs=0.01)
        assert values.var().item() == pytest.approx(0.7**2 / 12, rel=0.05)
    assert abs(torch.corrcoef(torch.stack([drawn["own"], drawn["other"]]))[0, 1]) < 0.03


def test_the_label_mass_of_sumix_is_that_of_its_curve():
    """Clips of disjoint classes: the expected sum of labels is twice the mean of the curve over the coefficients."""
    size = 1500
    before = numbered(size, (1,))
    after, partner = mixed(Sumix(0.3, 1.0, p=1), before, generator())
    apart = partner != torch.arange(size)
    # Over 0.3 to 1: 2c below a half, then 1.
    expected = 2 * ((0.5**2 - 0.3**2) + 0.5) / 0.7
    assert after.targets.sum(1)[apart].mean().item() == pytest.approx(expected, abs=0.02)
    assert after.targets.max() == 1 and after.targets[torch.arange(size), torch.arange(size)].min() >= 0.6


def test_label_curves_have_names_or_are_points():
    coefficients = torch.tensor([0.0, 0.1, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4])
    factors = {
        "saturating": [0, 0.2, 0.6, 0.8, 1, 1, 1, 1],
        "proportional": [0, 0.1, 0.3, 0.4, 0.5, 0.7, 1, 1],
        "full": [1] * 8,
    }
    assert factors.keys() == {name for name, curve in LABEL_CURVES.items() if curve.of == VOLUME}
    for name, expected in factors.items():
        assert label_curve(name)(coefficients).tolist() == pytest.approx(expected)
    points = label_curve([[0.3, 0.5], [0.7, 0.9]])
    assert points(coefficients).tolist() == pytest.approx([0.5, 0.5, 0.5, 0.6, 0.7, 0.9, 0.9, 0.9])


def label_factors(curve, own, other, waves=((1.0,), (1.0,)), level=False):
    """Of two clips that are each other's partner; and the mixture of the first."""
    before = Batch(torch.tensor(waves), torch.eye(2), torch.ones(2, 2))
    drawn = {"own": torch.tensor([own] * 2), "other": torch.tensor([other] * 2)}
    after = Sumix(0.0, 1.0, curve, level, p=1).mix(before, partner=torch.tensor([1, 0]), **drawn)
    return after.targets[0].tolist(), after.input[0].tolist()


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [(0.3, 0.3, (1, 1)), (0.3, 1.0, (0.6, 1)), (0.9, 0.18, (1, 0.4)), (0.0, 0.5, (0, 1)), (0.0, 0.0, (0, 0))],
)
def test_relative_labels_follow_from_the_ratio_of_the_coefficients_alone(own, other, expected):
    assert label_factors("relative", own, other)[0] == pytest.approx(expected)
    loud_and_quiet = ((8.0,), (0.1,))
    assert label_factors("relative", own, other, loud_and_quiet)[0] == pytest.approx(expected)


def test_labels_by_snr_follow_from_how_loud_both_clips_are_in_the_mixture():
    """-6 dB and more count in full, -24 dB and less not at all."""
    assert label_factors("snr", 0.3, 0.3)[0] == [1, 1]
    assert label_factors("snr", 1.0, 1.0, ((1.0,), (10 ** (-15 / 20),)))[0] == pytest.approx([1, 0.5], abs=1e-5)
    assert label_factors("snr", 1.0, 10 ** (-5 / 20), ((1.0,), (10 ** (-10 / 20),)))[0] == pytest.approx(
        [1, 0.5], abs=1e-5
    )
    assert label_factors("snr", 1.0, 1.0, ((1e-3,), (1.0,)))[0] == [0, 1]
    assert label_factors("snr", 1.0, 1.0, ((0.0,), (1.0,)))[0] == [0, 1]
    assert label_factors("snr", 1.0, 1.0, ((0.0,), (0.0,)))[0] == [1, 1]


def test_the_partner_is_brought_to_the_clips_own_level():
    waves = ((0.2, -0.2), (3.0, 4.0))
    targets, wave = label_factors("saturating", 0.5, 0.4, waves, level=True)
    gain = (2 * 0.04 / 25) ** 0.5
    np.testing.assert_allclose(wave, [0.1 + 0.4 * 3 * gain, -0.1 + 0.4 * 4 * gain], rtol=1e-5)
    assert targets == pytest.approx([1, 0.8])
    # By SNR, only the coefficients are left to make a difference.
    assert label_factors("snr", 1.0, 10 ** (-15 / 20), waves, level=True)[0] == pytest.approx([1, 0.5], abs=1e-5)
    for silent in (((0.0, 0.0), (3.0, 4.0)), ((3.0, 4.0), (0.0, 0.0))):
        assert sum(label_factors("saturating", 0.5, 0.5, silent, level=True)[1]) == pytest.approx(3.5)


# ---------------------------------------------------------------- concatmix


@pytest.mark.parametrize("length", ["doubled", "same"])
def test_concatmix_joins_a_clip_and_another_and_unites_their_labels(length):
    before = batch((9, 11))
    after, partner = mixed(Concatmix(length, p=1), before, generator())
    wave, targets = before.input.numpy(), before.targets.numpy()
    for i, j in enumerate(partner.tolist()):
        joined = [wave[i], wave[j]] if length == "doubled" else [wave[i][:5], wave[j][5:]]
        np.testing.assert_array_equal(after.input[i].numpy(), np.concatenate(joined))
        np.testing.assert_array_equal(after.targets[i].numpy(), np.maximum(targets[i], targets[j]))


@settings(max_examples=60, deadline=None)
@given(size=st.integers(2, 12), seed=seeds)
def test_concatmix_rolls_the_batch_and_never_joins_a_clip_to_itself(size, seed):
    _, partner = mixed(Concatmix(p=1), numbered(size, (2,)), generator(seed))
    shift = (partner - torch.arange(size)) % size
    assert (shift == shift[0]).all() and shift[0] != 0


def test_concatmix_draws_every_shift_equally_often_and_a_single_clip_is_its_own_partner():
    shifts = [int(mixed(Concatmix(p=1), numbered(5, (2,)), generator(seed))[1][0]) for seed in range(1000)]
    assert all(abs(shifts.count(shift) - 250) < 70 for shift in (1, 2, 3, 4)) and len(shifts) == 1000
    after, partner = mixed(Concatmix(p=1), numbered(1, (3,)), generator())
    assert partner.tolist() == [0] and after.input.shape == (1, 6) and after.targets.tolist() == [[1.0]]


# ---------------------------------------------------------------- mixup


def test_mixup_is_the_weighted_mean_of_inputs_and_labels():
    before, mixing = batch((40, 1, 4, 5), soft=True), Mixup(1.5, p=1)
    drawn = mixing.draw(before, generator())
    after = mixing.mix(before, **drawn)
    mel, targets = before.input.numpy(), before.targets.numpy()
    for i, j in enumerate(drawn["partner"].tolist()):
        share = float(drawn["own"][i])
        np.testing.assert_allclose(after.input[i].numpy(), share * mel[i] + (1 - share) * mel[j], atol=1e-5)
        np.testing.assert_allclose(after.targets[i].numpy(), share * targets[i] + (1 - share) * targets[j], atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 1.5, 8.0])
def test_mixup_draws_a_coefficient_for_each_clip_from_the_beta_distribution(alpha):
    from scipy.stats import kstest

    own = Mixup(alpha, p=1).draw(batch((4000, 1, 1, 1)), generator())["own"]
    assert len(own.unique()) > 3500 and own.dtype == torch.float32
    assert kstest(own.double().numpy(), "beta", args=(alpha, alpha)).pvalue > 1e-3


@pytest.mark.parametrize("mixing", [Mixup(1.5, p=1), Cutmix(1.5, p=1)], **names)
def test_mel_mixings_keep_the_batchs_label_mass(mixing):
    """Each clip gives away what its partner gets: over all clips and many draws the mean label stays."""
    before = batch((64, 1, 16, 16))
    masses = [mixed(mixing, before, generator(seed))[0].targets.mean().item() for seed in range(100)]
    assert np.mean(masses) == pytest.approx(before.targets.mean().item(), rel=0.02)


# ---------------------------------------------------------------- cutmix


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 9), bands=st.integers(1, 25), frames=st.integers(1, 25), seed=seeds)
def test_cutmix_shares_labels_by_the_cells_that_really_came_from_either(size, bands, frames, seed):
    before = numbered(size, (1, bands, frames))
    after, partner = mixed(Cutmix(1.5, p=1), before, generator(seed))
    for i, j in enumerate(partner.tolist()):
        cells = after.input[i, 0]
        assert set(cells.unique().tolist()) <= {float(i), float(j)}
        if i == j:
            assert after.targets[i, i] == 1
            continue
        own = (cells == i).float().mean().item()
        assert after.targets[i, i].item() == pytest.approx(own, abs=1e-6)
        assert after.targets[i, j].item() == pytest.approx(1 - own, abs=1e-6)
        # What is cut is a box.
        cut = (cells == j).nonzero()
        if len(cut):
            sides = cut.amax(0) - cut.amin(0) + 1
            assert sides.prod() == len(cut)


def test_cutmix_boxes_have_beta_areas_around_any_cell_as_in_the_paper():
    size, bands, frames = 20000, 100, 200
    shape = torch.zeros(1, 1, bands, frames).expand(size, 1, bands, frames)
    box = Cutmix(1.5, p=1).draw(Batch(shape, torch.zeros(size, 1), torch.zeros(size, 1)), generator())["box"].double()
    low, high, first, last = box.T
    assert (low >= 0).all() and (high <= bands).all() and (first >= 0).all() and (last <= frames).all()
    # The reference draws the paper's boxes with numpy; the means of area and edges must agree.
    random = np.random.default_rng(0)
    side = np.sqrt(1 - random.beta(1.5, 1.5, 200000))
    expected = []
    for length in (bands, frames):
        centre, cut = random.integers(0, length, 200000), (length * side).astype(int)
        expected.append((np.clip(centre - cut // 2, 0, length), np.clip(centre + cut // 2, 0, length)))
    area = ((expected[0][1] - expected[0][0]) * (expected[1][1] - expected[1][0])).mean() / (bands * frames)
    assert ((high - low) * (last - first)).mean().item() / (bands * frames) == pytest.approx(area, rel=0.03)
    for found, (edge, other), length in ((low, expected[0], bands), (first, expected[1], frames)):
        assert found.mean().item() == pytest.approx(edge.mean(), abs=0.01 * length)
        assert other.mean() > edge.mean()
    assert 0.2 < area < 0.4 and not math.isnan(area)


def test_cutmix_boxes_differ_from_clip_to_clip():
    box = Cutmix(1.5, p=1).draw(batch((30, 1, 64, 96)), generator())["box"]
    assert len({tuple(row) for row in box.tolist()}) > 25
