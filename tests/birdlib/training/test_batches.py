"""Batches: which clips make up which step."""

import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.training.batches import Batches, BatchPlan
from birdlib.training.precision import mixed_precision
from birdlib.training.randomness import mixing_generator, number, order_generator


def order_of(plan, seed):
    return lambda epoch: order_generator(seed, epoch).permutation(plan.rows)


def keys(plan, *, rank=0, first=0, last=8, seed=1):
    return list(Batches(plan, order_of(plan, seed), rank=rank, steps=range(first, last)))


def test_an_epoch_hears_every_recording_at_most_once_and_leaves_out_less_than_a_batch():
    plan = BatchPlan(batch_size=6, device_batch=3, processes=1, rows=20)
    assert plan.steps_per_epoch == 3 and plan.micro_batches == 2
    epoch = [position for batch in keys(plan, last=3) for _, position in batch]
    assert len(epoch) == len(set(epoch)) == 18 and set(epoch) <= set(range(20))
    other = [position for batch in keys(plan, first=3, last=6) for _, position in batch]
    assert other != epoch
    assert {epoch for batch in keys(plan, first=3, last=6) for epoch, _ in batch} == {1}


def test_a_resumed_run_hears_what_it_would_have_heard():
    plan = BatchPlan(batch_size=6, device_batch=3, processes=1, rows=20)
    whole = keys(plan)
    for step in range(8):
        assert keys(plan, first=step) == whole[step * plan.micro_batches :]


def test_a_step_holds_the_same_clips_however_it_is_spread():
    one = BatchPlan(batch_size=12, device_batch=12, processes=1, rows=30)
    spread = BatchPlan(batch_size=12, device_batch=3, processes=2, rows=30)
    assert spread.micro_batches == 2
    ranks = [keys(spread, rank=rank, last=2) for rank in (0, 1)]
    for step, batch in enumerate(keys(one, last=2)):
        of_step = [key for rank in ranks for part in rank[2 * step : 2 * step + 2] for key in part]
        assert sorted(of_step) == sorted(batch)


def test_another_seed_is_another_order():
    plan = BatchPlan(batch_size=6, device_batch=6, processes=1, rows=60)
    assert keys(plan, seed=1) != keys(plan, seed=2)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"batch_size": 10, "device_batch": 4, "processes": 1, "rows": 99}, "no multiple of DEVICE_BATCH = 4"),
        ({"batch_size": 12, "device_batch": 4, "processes": 2, "rows": 99}, "on 2 process"),
        ({"batch_size": 336, "device_batch": 42, "processes": 2, "rows": 111}, "111 training recordings do not fill"),
    ],
)
def test_a_batch_that_cannot_be_is_one_line(plan, said):
    with pytest.raises(BirdlibError, match=said):
        BatchPlan(**plan)


def test_seeds_tell_their_parts_apart():
    seeds = {number(*parts) for parts in [(1, 2), (2, 1), (1, 2, 0), (1,), (12,), (0, 1, 2)]}
    assert len(seeds) == 6
    draws = {
        torch.rand(1, generator=mixing_generator(1, step, part, rank)).item()
        for step in range(4)
        for part in range(4)
        for rank in range(4)
    }
    assert len(draws) == 64


@pytest.mark.parametrize(
    ("wanted", "capability", "given"),
    [
        ("auto", None, "no"),
        ("auto", (7, 5), "fp16"),  # T4: emulates bf16, slowly
        ("auto", (8, 0), "bf16"),  # A100
        ("auto", (9, 0), "bf16"),
        ("fp32", (8, 0), "no"),
        ("bf16", None, "bf16"),
        ("bf16", (7, 5), "bf16"),
        ("fp16", (8, 0), "fp16"),
    ],
)
def test_the_precision_follows_the_chips_generation(wanted, capability, given):
    assert mixed_precision(wanted, capability) == given


def test_a_precision_that_a_device_lacks_is_one_line():
    with pytest.raises(BirdlibError, match="a CPU trains in float32"):
        mixed_precision("fp16", None)
    with pytest.raises(BirdlibError, match="expected one of auto, bf16"):
        mixed_precision("int8", None)
