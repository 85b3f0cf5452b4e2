"""Which clips make up which batch, from any step on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader

from birdlib.data.clips import Clips
from birdlib.errors import BirdlibError
from birdlib.training.loading import read


@dataclass(frozen=True)
class BatchPlan:
    """How an effective batch is spread over processes and over micro-batches, which one device holds at a time.

    Attributes:
        batch_size: clips of one optimiser step, over all processes.
        device_batch: clips that one process takes at a time.
        processes: processes that train together.
        rows: clips of an epoch; what does not fill a last batch waits for another epoch.
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
    def micro_batches(self) -> int:
        """Device batches whose gradients are added up to one step."""
        return self.batch_size // (self.device_batch * self.processes)

    @property
    def steps_per_epoch(self) -> int:
        return self.rows // self.batch_size


class Batches:
    """A DataLoader's ``batch_sampler``: the keys (epoch, position) of one process's micro-batches.

    It runs over all epochs in one go, so that loading never waits for an epoch to begin.

    Args:
        order: the rows of an epoch, int64 [plan.rows], by the number of the epoch.
        steps: of the stage, from 0 on.
        first_epoch: epochs of the stages before, by which random crops differ from theirs.
    """

    def __init__(
        self, plan: BatchPlan, order: Callable[[int], np.ndarray], *, rank: int, steps: range, first_epoch: int = 0
    ) -> None:
        self.plan, self.order, self.rank, self.steps, self.first_epoch = plan, order, rank, steps, first_epoch

    def __len__(self) -> int:
        return len(self.steps) * self.plan.micro_batches

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        plan, order, order_epoch = self.plan, None, None
        for step in self.steps:
            epoch, number = divmod(step, plan.steps_per_epoch)
            epoch += self.first_epoch
            if epoch != order_epoch:
                order, order_epoch = self.order(epoch), epoch
            batch = order[number * plan.batch_size : (number + 1) * plan.batch_size]
            # [micro-batches, processes, clips]: the same clips make up a step however many processes there are.
            for rows in batch.reshape(plan.micro_batches, plan.processes, plan.device_batch)[:, self.rank]:
                yield [(epoch, int(row)) for row in rows]


def read_batches(
    clips: Clips, batches: Batches, *, workers: int, pin_memory: bool
) -> Iterator[tuple[torch.Tensor | dict[str, torch.Tensor], ...]]:
    """One process's clips of some steps: waves, targets, weights, row numbers and extra of each micro-batch."""
    loader = DataLoader(
        clips,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin_memory,
        generator=torch.Generator().manual_seed(0),  # or it would draw from the one that seeds dropout
    )
    return read(loader)
