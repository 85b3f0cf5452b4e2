"""The cache: within its budget, fair, and what was written is what is read."""

import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdlib.data.cache import Cache, CachePlan, CacheWriter, plan_cache
from birdlib.errors import BirdlibError


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
        assert plan.bytes + 2 * cut.sum() > int(budget * 1e9) - 1
    # The places do not overlap.
    kept = plan.samples > 0
    ends = plan.starts[kept] + plan.samples[kept]
    assert (plan.starts[kept][1:] == ends[:-1]).all() and (plan.starts[~kept] == -1).all()


@pytest.mark.parametrize("wrong", [{"gigabytes": -1, "cache_seconds": 5}, {"gigabytes": 1, "cache_seconds": 0}])
def test_a_budget_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(BirdlibError, match="cache_gigabytes = .*cache_seconds = "):
        plan_cache(np.ones(3), 32_000, **wrong)


@pytest.fixture
def cache(tmp_path):
    """Three recordings, of which the second is not kept; and what was written."""
    plan = CachePlan(np.array([0, -1, 10]), np.array([10, 0, 20]), 32_000)
    writer = CacheWriter(tmp_path, plan)
    waves = {2: np.arange(20, dtype=np.int16), 0: np.arange(-10, 0, dtype=np.int16)}
    for position, wave in waves.items():
        assert writer.write(position, [wave[:7], wave[7:]]) == len(wave)
    writer.close()
    return Cache(writer.path, 32_000, plan.starts, plan.samples), waves


def test_what_was_written_is_read_also_by_a_copy_in_another_process(cache):
    cache, waves = cache
    for reader in (cache, pickle.loads(pickle.dumps(cache))):
        np.testing.assert_array_equal(reader.read(0, 0, 10) * 32768, waves[0])
        np.testing.assert_array_equal(reader.read(2, 5, 10) * 32768, waves[2][5:15])
        assert reader.read(2, 5, 10).dtype == np.float32
    # Never into a neighbour.
    assert len(cache.read(0, 6, 10)) == 4
    # The mapped file does not travel along.
    assert len(pickle.dumps(cache)) < 2000


def test_a_cache_that_is_missing_or_cut_off_is_refused(cache, tmp_path):
    cache, _ = cache
    cache.path.write_bytes(cache.path.read_bytes()[:-2])
    with pytest.raises(BirdlibError, match="58 bytes instead of 60"):
        Cache(cache.path, 32_000, cache.starts, cache.samples)
    cache.path.unlink()
    with pytest.raises(BirdlibError, match="the cache is missing"):
        Cache(cache.path, 32_000, cache.starts, cache.samples)


def test_a_disk_too_small_is_noticed_before_anything_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 50, 50))
    with pytest.raises(BirdlibError, match="lower cache_gigabytes"):
        CacheWriter(tmp_path, CachePlan(np.array([0]), np.array([26]), 32_000))
    assert not list(tmp_path.iterdir())
