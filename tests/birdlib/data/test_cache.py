"""The cache: within its budget, fair, and what was written is what is read."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from birdlib.data.cache import Cache
from birdlib.data.cache_writing import CachePlan, CacheWriter, plan_cache
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram


@given(
    seconds=st.lists(st.floats(0, 1000), max_size=30),
    budget=st.floats(0, 1e-3),
    most=st.floats(0.1, 500),
)
def test_a_plan_keeps_to_its_budget_and_wastes_none_of_it(seconds, budget, most):
    plan = plan_cache(np.array(seconds, dtype=np.float64), 1000, budget, most)
    lengths = np.ceil(np.minimum(seconds, most) * 1000).astype(int)
    assert plan.bytes <= budget * 1e9
    assert (plan.samples >= 0).all() and (plan.samples <= lengths).all()
    cut = plan.samples < lengths
    if cut.any():
        # Those that were cut all got the same, and no other got more; one sample more for each would not fit.
        share = plan.samples[cut].max()
        assert (plan.samples[cut] == share).all() and plan.samples.max() == share
        assert plan.bytes + 2 * cut.sum() + 8 + 4 * (lengths > 0).sum() > int(budget * 1e9) - 1
    # The places do not overlap; before each there is room for a scale.
    kept = plan.samples > 0
    ends = plan.starts[kept] + plan.samples[kept]
    assert (plan.starts[kept][1:] == ends[:-1] + 2).all() and (plan.starts[~kept] == -1).all()
    assert not kept.any() or (plan.starts[kept][0] == 6 and 2 * ends[-1] == plan.bytes)


@pytest.mark.parametrize("wrong", [{"gigabytes": -1, "cache_seconds": 5}, {"gigabytes": 1, "cache_seconds": 0}])
def test_a_budget_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(BirdlibError, match="cache_gigabytes = .*cache_seconds = "):
        plan_cache(np.ones(3), 32_000, **wrong)


@pytest.fixture
def cache(tmp_path):
    """Three recordings, of which the second is not kept; and what was written."""
    plan = CachePlan(np.array([6, -1, 18]), np.array([10, 0, 20]), 32_000)
    writer = CacheWriter(tmp_path, plan)
    waves = {2: np.arange(20, dtype=np.float32) / 32768, 0: np.arange(-10, 0, dtype=np.float32) / 32768}
    for position, wave in waves.items():
        assert writer.write(position, [wave[:7], wave[7:]]) == len(wave)
    writer.close()
    return Cache(writer.path, 32_000, plan.starts, plan.samples), waves


def test_what_was_written_is_read_also_by_a_copy_in_another_process(cache):
    cache, waves = cache
    for reader in (cache, pickle.loads(pickle.dumps(cache))):
        np.testing.assert_array_equal(reader.read(0, 0, 10), waves[0])
        np.testing.assert_array_equal(reader.read(2, 5, 10), waves[2][5:15])
        assert reader.read(2, 5, 10).dtype == np.float32
    # Never into a neighbour.
    assert len(cache.read(0, 6, 10)) == 4
    # The mapped file does not travel along.
    assert len(pickle.dumps(cache)) < 2000


def test_a_cache_that_is_missing_or_cut_off_is_refused(cache, tmp_path):
    cache, _ = cache
    cache.path.write_bytes(cache.path.read_bytes()[:-2])
    with pytest.raises(BirdlibError, match="74 bytes instead of 76"):
        Cache(cache.path, 32_000, cache.starts, cache.samples)
    cache.path.unlink()
    with pytest.raises(BirdlibError, match="the cache is missing"):
        Cache(cache.path, 32_000, cache.starts, cache.samples)


def test_a_cache_without_scales_is_refused(cache):
    """As preparations wrote it before quiet recordings kept their bits."""
    cache, _ = cache
    cache.path.write_bytes(np.arange(100, dtype="<i2").tobytes())
    with pytest.raises(BirdlibError, match="written by an older preparation, .*; run the preparation again"):
        Cache(cache.path, 32_000, cache.starts, cache.samples)


def kept(wave, folder):
    """A recording after its way through the cache, float32."""
    plan = plan_cache(np.array([len(wave) / 32_000]), 32_000, 1.0, 60.0)
    writer = CacheWriter(folder, plan)
    writer.write(0, [wave])
    writer.close()
    return Cache(writer.path, 32_000, plan.starts, plan.samples).read(0, 0, len(wave))


@pytest.mark.parametrize("peak", [1.0, 0.3, 0.01, 1e-4, 1e-7])
def test_sixteen_bits_stay_as_they_are_however_quiet_and_floats_keep_as_many(tmp_path, peak):
    wave = np.random.default_rng(0).uniform(-peak, peak, 1000).astype(np.float32)
    error = np.abs(kept(wave, tmp_path) - wave).max()
    assert error <= np.abs(wave).max() * 2**-15
    bits = np.rint(wave * 32768).clip(-32768, 32767) / np.float32(32768)
    np.testing.assert_array_equal(kept(bits, tmp_path), bits)


@pytest.mark.parametrize("wave", [[0.0, 0.0], [1.75, -3.5], [1.0, -1.0]])
def test_silence_stays_silent_and_what_is_beyond_one_is_not_clipped(tmp_path, wave):
    wave = np.array(wave, np.float32)
    np.testing.assert_allclose(kept(wave, tmp_path), wave, rtol=2**-14)


@pytest.mark.parametrize("peak", [0.9, 0.01, 0.0005])
def test_a_quiet_recordings_mel_from_the_cache_is_that_of_its_decoded_floats(tmp_path, peak):
    """With one scale for all it was off by 0.35 at a peak of 0.01."""
    random = np.random.default_rng(3)
    wave = peak * np.sin(2 * np.pi * 3000 * np.arange(160_000) / 32_000) * random.uniform(0, 1, 160_000) ** 8
    wave = torch.from_numpy(wave.astype(np.float32))
    mel = MelSpectrogram(FrontEnd(32000, 5, 2048, 512, 128, 20, 16000))
    difference = mel(torch.from_numpy(kept(wave.numpy(), tmp_path))[None]) - mel(wave[None])
    assert difference.abs().max() < 0.01


def test_a_disk_too_small_is_noticed_before_anything_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 50, 50))
    with pytest.raises(BirdlibError, match="lower cache_gigabytes"):
        CacheWriter(tmp_path, CachePlan(np.array([6]), np.array([26]), 32_000))
    assert not list(tmp_path.iterdir())
