"""Which clips make up which batch, from any step on."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader

from birdlib.data.clips import Clips
from birdlib.errors import BirdlibError
from birdlib.training.loading import read
from birdlib.training.randomness import order_of


@dataclass(frozen=True)
class BatchPlan:
    """How an effective batch is spread over processes and over the parts that one device holds at a time.

    Attributes:
        batch_size: clips of one optimiser step, over all processes.
        device_batch: clips that one process takes at a time.
        processes: processes that train together.
        rows: training recordings, each heard once an epoch; what does not fill a last batch waits for another epoch.
    """

    batch_size: int
    device_batch: int
    processes: int
    rows: int

    def __post_init__(self) -> None:
        at_once = self.device_batch * self.processes
        if min(self.batch_size, self.device_batch, self.processes) < 1 or self.batch_size % at_once:
            raise BirdlibError(
                f"BATCH_SIZE = {self.batch_size} is no multiple of DEVICE_BATCH = {self.device_batch} on "
                f"{self.processes} process(es); choose a DEVICE_BATCH that divides it"
            )
        if self.rows < self.batch_size:
            raise BirdlibError(
                f"{self.rows} training recordings do not fill one batch of BATCH_SIZE = {self.batch_size}; lower it"
            )

    @property
    def parts(self) -> int:
        """Device batches whose gradients are added up to one step."""
        return self.batch_size // (self.device_batch * self.processes)

    @property
    def steps_per_epoch(self) -> int:
        return self.rows // self.batch_size


class Batches:
    """A DataLoader's ``batch_sampler``: the keys (epoch, position) of one process's batches, ``parts`` to a step.

    It runs over all epochs in one go, so that loading never waits for an epoch to begin.
    """

    def __init__(self, plan: BatchPlan, *, rank: int, seed: int, first_step: int, last_step: int) -> None:
        self.plan, self.rank, self.seed = plan, rank, seed
        self.first_step, self.last_step = first_step, last_step

    def __len__(self) -> int:
        return (self.last_step - self.first_step) * self.plan.parts

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        plan, order, order_epoch = self.plan, None, None
        for step in range(self.first_step, self.last_step):
            epoch, number = divmod(step, plan.steps_per_epoch)
            if epoch != order_epoch:
                order, order_epoch = order_of(plan.rows, self.seed, epoch), epoch
            batch = order[number * plan.batch_size : (number + 1) * plan.batch_size]
            # [parts, processes, clips]: the same clips make up a step however many processes there are.
            for part in batch.reshape(plan.parts, plan.processes, plan.device_batch)[:, self.rank]:
                yield [(epoch, int(position)) for position in part]


def read_batches(
    clips: Clips, plan: BatchPlan, *, rank: int, seed: int, steps: range, workers: int, pin_memory: bool
) -> Iterator[tuple[torch.Tensor, ...]]:
    """One process's clips of some steps: waves, targets, weights and row numbers of each part."""
    loader = DataLoader(
        clips,
        batch_sampler=Batches(plan, rank=rank, seed=seed, first_step=steps.start, last_step=steps.stop),
        num_workers=workers,
        pin_memory=pin_memory,
        generator=torch.Generator().manual_seed(0),  # or it would draw from the one that seeds dropout
    )
    return read(loader)
