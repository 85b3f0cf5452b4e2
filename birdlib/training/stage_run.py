"""One stage of a model's training: its clips, its objective, its optimiser and its average."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from timm.utils import ModelEmaV3
from torch import nn

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.components import component
from birdlib.data.clips import Clips
from birdlib.frontend.mel import MelSpectrogram
from birdlib.training.batches import Batches, BatchPlan, read_batches
from birdlib.training.life import sign_of_life
from birdlib.training.objective import Objective
from birdlib.training.optimiser import build_optimiser, gradient_norm
from birdlib.training.randomness import order_generator
from birdlib.training.settings import Stage
from birdlib.training.surroundings import Surroundings
from birdlib.training.teacher import Teacher


class StageRun:
    """A stage, from its first step or a later one to its last.

    Args:
        model: as it begins the stage, in training mode, as Accelerate prepared it.
        teacher: of its fold, None without.
        first_step, first_epoch: steps and epochs of the stages before.
    """

    def __init__(
        self,
        stage: Stage,
        around: Surroundings,
        accelerator: Accelerator,
        model: nn.Module,
        mel: MelSpectrogram,
        *,
        seed: int,
        fold: int | str,
        teacher: Teacher | None,
        padding: str,
        batch_size: int,
        first_step: int = 0,
        first_epoch: int = 0,
    ) -> None:
        self.stage, self.around, self.accelerator, self.model = stage, around, accelerator, model
        self.seed, self.padding = seed, padding
        self.first_step, self.first_epoch = first_step, first_epoch
        self.seconds_waiting = 0.0  # for clips to be read
        self.table = stage.table(around.clips, fold)
        self.sampler = component("samplers", stage.sampler)
        size = self.sampler.size(self.table)
        self.plan = BatchPlan(batch_size, around.device_batch, accelerator.num_processes, size)
        self.last_step = first_step + stage.epochs * self.plan.steps_per_epoch
        self.schedule = component("schedules", stage.schedule)
        context = AugmentationContext(around.front_end.sample_rate, around.clips.audio)
        self.objective = Objective(
            stage.augmentations, stage.loss, context, mel, accelerator, seed=seed, teacher=teacher
        )
        bare = accelerator.unwrap_model(model)
        self.average = ModelEmaV3(bare, decay=stage.ema_decay, use_warmup=stage.ema_warm_up, warmup_power=3 / 4)
        optimiser = build_optimiser(
            bare, learning_rate=stage.learning_rate, weight_decay=stage.weight_decay, betas=stage.betas
        )
        self.optimiser = accelerator.prepare(optimiser)

    def epochs_done(self, step: int) -> int:
        """Whole epochs of the training after so many of its steps."""
        return self.first_epoch + (step - self.first_step) // self.plan.steps_per_epoch

    def epoch_of(self, step: int) -> float:
        """Epochs of the training after so many of its steps."""
        return self.first_epoch + (step - self.first_step) / self.plan.steps_per_epoch

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch ends after so many steps."""
        return (step - self.first_step) % self.plan.steps_per_epoch == 0

    def batches(self, step: int) -> Iterator:
        """This process's clips from a step on: waves, targets, weights, row numbers and extra of each micro-batch."""
        clips = Clips(
            self.table,
            sample_rate=self.around.front_end.sample_rate,
            window_seconds=self.around.front_end.window_seconds,
            crop="random",
            padding=self.padding,
            seed=self.seed,
        )
        batches = Batches(
            self.plan,
            lambda epoch: self.sampler(self.table, order_generator(self.seed, epoch)),
            rank=self.accelerator.process_index,
            steps=range(step - self.first_step, self.last_step - self.first_step),
            first_epoch=self.first_epoch,
        )
        pin = self.accelerator.device.type == "cuda"
        return read_batches(clips, batches, workers=self.around.workers, pin_memory=pin)

    def accumulate(
        self, batches: Iterator, step: int, seconds_needed: Callable[[], float]
    ) -> tuple[float, bool, list[int]]:
        """Add up the gradients of one step's micro-batches.

        Args:
            batches: of ``batches``.
            step: of the training.
            seconds_needed: asked after the step: for its end, the next one and what comes between.

        Returns:
            The mean loss over all micro-batches and processes (it may be NaN or infinite), whether the session has to
            close after this step, and the row numbers of all processes' clips whose loss is not finite.
        """
        total = torch.zeros(2, device=self.accelerator.device)
        losses: list[tuple[torch.Tensor, torch.Tensor]] = []
        for number in range(self.plan.micro_batches):
            begun = time.monotonic()
            waves, targets, weights, rows, extra = next(batches)
            self.seconds_waiting += time.monotonic() - begun
            last = number == self.plan.micro_batches - 1
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                loss = self.objective(self.model, waves, targets, weights, extra, step=step, micro_batch=number)
                loss = loss / self.plan.micro_batches
                self.accelerator.backward(loss)
            losses.append((loss.detach(), rows))
            total[0] += losses[-1][0]
            sign_of_life()
        total[1] = float(self.around.clock.left() < seconds_needed())  # every process must decide alike
        mean, must_stop = (self.accelerator.reduce(total, "sum") / self.accelerator.num_processes).tolist()
        if math.isfinite(mean):
            return mean, must_stop > 0, []
        suspects = [int(row) for loss, rows in losses if not torch.isfinite(loss) for row in rows]
        return mean, must_stop > 0, gather_object(suspects)

    def learn(self, step: int) -> bool:
        """One step of the optimiser; False, with the weights as they were, if the gradients are not finite."""
        done = (step + 1 - self.first_step) / self.plan.steps_per_epoch
        for group in self.optimiser.param_groups:
            group["lr"] = self.stage.learning_rate * self.schedule.factor(done, self.stage.epochs)
        self.accelerator.unscale_gradients(self.optimiser)
        norm = gradient_norm(self.model.parameters(), self.stage.clip_norm)
        if self.accelerator.scaler is None and not math.isfinite(norm):
            return False
        self.optimiser.step()  # which a loss scaler skips by itself, to choose a smaller scale
        return not self.optimiser.step_was_skipped
