"""Trains one model: steps, averages, validation, checkpoints."""

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from timm.utils import ModelEmaV3

from birdlib.data.clips import Clips
from birdlib.errors import BirdlibError
from birdlib.training.batches import BatchPlan, read_batches
from birdlib.training.life import sign_of_life
from birdlib.training.log import SUFFIX, MetricsLog
from birdlib.training.objective import Objective
from birdlib.training.optimiser import build_optimiser, gradient_norm
from birdlib.training.safekeeping import SafeCheckpoint
from birdlib.training.settings import TrainSettings
from birdlib.training.starting import build_from, new_model
from birdlib.training.surroundings import Surroundings
from birdlib.training.teacher import build_teacher
from birdlib.weights.checkpoint import BEST, Checkpoint, first_not_finite, load_checkpoint, save_checkpoint
from birdlib.weights.names import model_name

_SKIPS_TOLD = 5  # the log has them all
_GENTLER = "a lower LEARNING_RATE, or with CLIP_NORM = 1.0"


class Trainer:
    """One training: from the recipe or a checkpoint to a finished model, or to the end of the session.

    A checkpoint that does not belong to it is refused before, by ``birdlib.training.members.plan_members``.
    """

    def __init__(
        self,
        settings: TrainSettings,
        around: Surroundings,
        accelerator: Accelerator,
        *,
        seed: int,
        fold: int | str,
        teachers: list[Checkpoint],
    ) -> None:
        self.settings, self.around, self.accelerator = settings, around, accelerator
        self.seed, self.fold = seed, fold
        self.name = model_name(
            settings.architecture,
            epochs=settings.epochs,
            fold=fold,
            seed=seed,
            teacher=teachers[0].architecture if teachers else None,
        )
        self.file = SafeCheckpoint(around.folder, self.name)
        self.teacher_names = tuple(one.name for one in teachers)
        self.rows = around.prepared.training_rows(fold)
        self.plan = BatchPlan(settings.batch_size, around.device_batch, accelerator.num_processes, len(self.rows))
        self.last_step = settings.epochs * self.plan.steps_per_epoch
        self.objective = Objective(
            settings,
            around.front_end,
            accelerator,
            seed=seed,
            teacher=build_teacher(teachers) if teachers else None,
        )

        saved = load_checkpoint(self.file.path) if self.file.path.exists() else None
        self.epoch, self.step, self.epoch_loss = 0, 0, 0.0
        self.skipped, self.epoch_skipped, self._in_a_row = 0, 0, 0
        self.finished = False
        self._seconds_before = 0.0
        self._step_seconds = self._epoch_end_seconds = 0.0
        self.scores: dict = {}
        self._faults: dict[str, str] = {}
        self.best_score: float | None = None
        self.best_epoch: int | None = None
        if saved:
            model = build_from(saved, settings)
        else:
            model = new_model(
                settings, len(around.prepared.classes), seed=seed, teachers=teachers, pretrained=around.pretrained
            )
        self.channels = model.channels
        model = model.to(accelerator.device).train()
        self.average = ModelEmaV3(model, decay=settings.ema_decay, use_warmup=True, warmup_power=3 / 4)
        optimiser = build_optimiser(model, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
        self.model, self.optimiser = accelerator.prepare(model, optimiser)
        if saved:
            self._restore(saved)

    @property
    def seconds(self) -> float:
        """Of training, over all sessions."""
        return self._seconds_before + time.monotonic() - self._started

    def run(self) -> bool:
        """Train until all epochs are done (True) or the session has to close (False); either way all is saved.

        Raises:
            BirdlibError: too many steps in a row were skipped, or a recording or the disk fails. Earlier checkpoints
                stay.
        """
        self.log = self._open_log()
        self._started = saved_at = time.monotonic()
        batches = self.batches()
        while not self.finished:
            if self.step < min((self.epoch + 1) * self.plan.steps_per_epoch, self.last_step):
                begun = time.monotonic()
                must_stop = self._one_step(batches)
                self._step_seconds = max(self._step_seconds, time.monotonic() - begun)
                in_epoch = self.step % self.plan.steps_per_epoch
                # Before a validation, too, which then cannot cost the epoch.
                if must_stop or in_epoch == 0 or time.monotonic() - saved_at >= 60 * self.around.checkpoint_minutes:
                    self._save(best=False)
                    saved_at = time.monotonic()
                if must_stop:
                    self.file.settle()
                    break
            else:
                begun = time.monotonic()
                self._end_epoch()
                self._save(best=False)
                self._epoch_end_seconds = time.monotonic() - begun
        if self.finished and self.skipped:
            self.accelerator.print(f"{self.name}: {self.skipped} of {self.step:,} steps were skipped, see its log")
        return self.finished

    def accumulate(self, batches: Iterator) -> tuple[float, bool, list[int]]:
        """Add up the gradients of one step's parts.

        Args:
            batches: of ``batches()``.

        Returns:
            The mean loss over all parts and processes (it may be NaN or infinite), whether the session has to close
            after this step, and the row numbers of all processes' clips whose loss is not finite.
        """
        total = torch.zeros(2, device=self.accelerator.device)
        losses: list[tuple[torch.Tensor, torch.Tensor]] = []
        for part in range(self.plan.parts):
            waves, targets, weights, rows = next(batches)
            last = part == self.plan.parts - 1
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                loss = self.objective(self.model, waves, targets, weights, step=self.step, part=part)
                loss = loss / self.plan.parts
                self.accelerator.backward(loss)
            losses.append((loss.detach(), rows))
            total[0] += losses[-1][0]
            sign_of_life()
        total[1] = float(self.around.clock.left() < self._next_seconds())  # every process must decide alike
        mean, must_stop = (self.accelerator.reduce(total, "sum") / self.accelerator.num_processes).tolist()
        if math.isfinite(mean):
            return mean, must_stop > 0, []
        suspects = [int(row) for loss, rows in losses if not torch.isfinite(loss) for row in rows]
        return mean, must_stop > 0, gather_object(suspects)

    def _one_step(self, batches: Iterator) -> bool:
        """Learn from one batch, or skip it where its loss or gradients are not finite. Whether to stop after it."""
        model = self.accelerator.unwrap_model(self.model)
        before = [buffer.clone() for buffer in model.buffers()]
        mean, must_stop, suspects = self.accumulate(batches)
        # All processes know the same mean and the same gradients, and so skip the same steps.
        learnt = math.isfinite(mean) and self._learn()
        self.optimiser.zero_grad()
        self.step += 1
        position = {"step": self.step, "epoch": self.step / self.plan.steps_per_epoch, "seconds": self.seconds}
        if learnt:
            self._in_a_row = 0
            self.epoch_loss += mean
            if self.accelerator.is_main_process:
                self.file.prove()
            self.average.update(model, self.step)
            if self.log:
                self.log.step(loss=mean, **position)
            return must_stop
        # Batch norms have averaged what this batch brought.
        for buffer, value in zip(model.buffers(), before, strict=True):
            buffer.copy_(value)
        self._skip(mean, suspects, position)
        return must_stop

    def _learn(self) -> bool:
        """One step of the optimiser; False, with the weights as they were, if the gradients are not finite."""
        self.accelerator.unscale_gradients()
        norm = gradient_norm(self.model.parameters(), self.settings.clip_norm)
        if self.accelerator.scaler is None and not math.isfinite(norm):
            return False
        self.optimiser.step()  # which a loss scaler skips by itself, to choose a smaller scale
        return not self.optimiser.step_was_skipped

    def _skip(self, mean: float, suspects: list[int], position: dict) -> None:
        self.skipped += 1
        self.epoch_skipped += 1
        self._in_a_row += 1
        files = self.around.prepared.recordings["filename"].iloc[suspects].tolist()
        if self.log:
            self.log.write("skipped", loss=mean, files=files, **position)
        listed = ", ".join(files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "")
        what = "gradients are not finite" if math.isfinite(mean) else f"loss is {mean}"
        where = f"{self.name}: the {what} at epoch {position['epoch']:.2f}, step {self.step}"
        where += f" (batch of {listed})" if files else ""
        if self._in_a_row >= self.settings.max_skipped:
            raise BirdlibError(
                f"{where}; stopped, since {self._in_a_row} steps in a row were skipped; {self._way_out()}"
            )
        # A loss scaler tries its scales in the first steps: no news.
        if self.skipped <= _SKIPS_TOLD and not (math.isfinite(mean) and self.accelerator.scaler):
            self.accelerator.print(f"{where}; this step is skipped")

    def _next_seconds(self) -> float:
        """What this step's end and the next step may take, by the slowest so far."""
        ends = sum((self.step + ahead) % self.plan.steps_per_epoch == 0 for ahead in (1, 2))
        return 2 * self._step_seconds + ends * self._epoch_end_seconds

    def _end_epoch(self) -> None:
        """Validate, and count the epoch. A fault of the validation is told, and costs nothing but the scores."""
        done = self.step // self.plan.steps_per_epoch
        # Not where EPOCHS was lowered to what is done already: then only the predictions are missing.
        is_new = done > self.epoch
        self.epoch, self.finished = done, self.step == self.last_step
        learnt = self.plan.steps_per_epoch - self.epoch_skipped
        train_loss = self.epoch_loss / learnt if learnt else math.nan
        self.epoch_loss, self.epoch_skipped = 0.0, 0
        if self.accelerator.is_main_process:
            report = self.around.validation(
                self.average.module, self.fold, self.objective.mel, autocast=self.accelerator.autocast
            )
            if self.finished:
                report.write(self.around.folder, self.name)
            self._tell(report.faults)
            self.scores = report.scores
            score = report.main_score
            if score is not None and (self.best_score is None or score > self.best_score):
                self.best_score, self.best_epoch = score, self.epoch
                self._save(best=True)
            if is_new:
                validated = self.scores | ({"faults": report.faults} if report.faults else {})
                position = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds}
                self.log.epoch(train_loss=train_loss, **position, **validated)
        self.accelerator.wait_for_everyone()

    def _tell(self, faults: dict[str, str]) -> None:
        """Print what the validation could not do, once for as long as it stays the same."""
        for where, fault in faults.items():
            if self._faults.get(where) != fault:
                self.accelerator.print(f"{self.name}: no scores on {where} after epoch {self.epoch}: {fault}")
        self._faults = faults

    def _save(self, *, best: bool) -> None:
        if not self.accelerator.is_main_process:
            return
        checkpoint = Checkpoint(
            name=self.name,
            architecture=self.settings.architecture,
            channels=self.channels,
            classes=self.around.prepared.classes,
            front_end=self.around.front_end,
            seed=self.seed,
            fold=self.fold,
            epoch=self.epoch,
            step=self.step,
            finished=self.finished,
            data_version=self.around.prepared.data_version,
            settings=self.settings.recipe(),
            scores=self.scores,
            best_score=self.best_score,
            best_epoch=self.best_epoch,
            metric=self.around.validation.metric,
            commit=self.around.commit,
            epoch_loss=self.epoch_loss,
            epoch_skipped=self.epoch_skipped,
            skipped=self.skipped,
            seconds=self.seconds,
            teachers=self.teacher_names,
            model=self.accelerator.unwrap_model(self.model).state_dict(),
            ema=self.average.module.state_dict(),
            optimiser=self.optimiser.state_dict(),
            scaler=self.accelerator.scaler.state_dict() if self.accelerator.scaler else {},
        )
        if key := first_not_finite(checkpoint.model):
            raise BirdlibError(
                f"{self.name}: {key} is no longer finite at step {self.step}; stopped; {self._way_out()}"
            )
        if best:
            save_checkpoint(checkpoint.weights_only(), self.around.folder / f"{self.name}{BEST}")
            return
        self.file.save(checkpoint)

    def _way_out(self) -> str:
        """Put the last checkpoint that can be continued in its place; how to go on from there."""
        name = self.file.path.name
        if not self.accelerator.is_main_process:
            return f"{name} is the state before"
        if self.file.go_back():
            return f"{name} is the state before; resume with {_GENTLER}"
        if self.file.path.exists():
            return f"no step has succeeded from {name}; resume with {_GENTLER}, or train anew"
        return f"no checkpoint was written yet; train anew with {_GENTLER}, or look at these recordings"

    def _restore(self, saved: Checkpoint) -> None:
        self.average.module.load_state_dict(saved.ema)
        self.optimiser.load_state_dict(saved.optimiser)
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate  # which may change on resume
        if saved.scaler and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(saved.scaler)
        self.epoch, self.step, self.finished = saved.epoch, saved.step, saved.finished
        self.epoch_loss, self.epoch_skipped, self.skipped = saved.epoch_loss, saved.epoch_skipped, saved.skipped
        self._seconds_before = saved.seconds
        self.scores, self.best_score, self.best_epoch = saved.scores, saved.best_score, saved.best_epoch

    def batches(self) -> Iterator:
        """This process's clips from the present step on: waves, targets, weights and row numbers of each part."""
        around = self.around
        clips = Clips(
            around.prepared,
            self.rows,
            sample_rate=around.front_end.sample_rate,
            window_seconds=around.front_end.window_seconds,
            crop="random",
            padding=self.settings.padding,
            seed=self.seed,
        )
        return read_batches(
            clips,
            self.plan,
            rank=self.accelerator.process_index,
            seed=self.seed,
            steps=range(self.step, self.last_step),
            workers=around.workers,
            pin_memory=self.accelerator.device.type == "cuda",
        )

    def _open_log(self) -> MetricsLog | None:
        if not self.accelerator.is_main_process:
            return None
        log = MetricsLog(self.around.folder / f"{self.name}{SUFFIX}", self.step, self.epoch)
        log.session(
            step=self.step,
            processes=self.plan.processes,
            precision=self.accelerator.mixed_precision,
            learning_rate=self.settings.learning_rate,
        )
        return log
