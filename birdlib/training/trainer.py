"""Trains one model: steps, averages, validation, checkpoints."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from timm.utils import ModelEmaV3
from torch.utils.data import DataLoader
from tqdm import tqdm

from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import Augmentation
from birdlib.data.clips import Clips
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.models.architectures import build_model
from birdlib.models.parts import mel_of_parts
from birdlib.models.pretrained import load_pretrained, start_from_backbone
from birdlib.progress import in_notebook, progress_bar
from birdlib.training.batches import Batches, BatchPlan
from birdlib.training.clock import SessionClock
from birdlib.training.loading import read
from birdlib.training.log import SUFFIX, MetricsLog
from birdlib.training.losses import bce, distillation
from birdlib.training.optimiser import build_optimiser
from birdlib.training.randomness import decision_generator, mixing_generator, seed_dropout
from birdlib.training.settings import TrainSettings
from birdlib.training.teacher import Teacher, build_teacher
from birdlib.training.validation import Validation
from birdlib.weights.checkpoint import BEST, LAST, Checkpoint, load_checkpoint, save_checkpoint
from birdlib.weights.names import model_name


@dataclass(frozen=True)
class Surroundings:
    """What all trainings of a session share.

    Attributes:
        prepared: the recordings, their folds and labels.
        front_end: the mel spectrograms' parameters.
        validation: what is listened to after each epoch.
        folder: where checkpoints, logs and predictions go.
        pretrained: the folder of ImageNet weights, None where the recipe wants none.
        device_batch: clips that a device takes at a time.
        workers: processes that read audio, per training process.
        checkpoint_minutes: between checkpoints; at the end of an epoch there is one anyhow.
        clock: tells when the session must close.
        commit: of the source that built the kernel.
    """

    prepared: Prepared
    front_end: FrontEnd
    validation: Validation
    folder: Path
    pretrained: Path | None
    device_batch: int
    workers: int
    checkpoint_minutes: float
    clock: SessionClock
    commit: str


class Trainer:
    """One training: from the recipe or a checkpoint to a finished model, or to the end of the session."""

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
        self.teacher_names = tuple(one.name for one in teachers)
        self.rows = around.prepared.training_rows(fold)
        self.plan = BatchPlan(settings.batch_size, around.device_batch, accelerator.num_processes, len(self.rows))
        self.last_step = settings.epochs * self.plan.steps_per_epoch
        self.augmentation = Augmentation(settings.augmentations)
        device = accelerator.device
        self.mel = MelSpectrogram(around.front_end).to(device)
        self.teacher: Teacher | None = build_teacher(teachers).to(device) if teachers else None

        saved = self._saved()
        self.epoch, self.step, self.epoch_loss = 0, 0, 0.0
        self._seconds_before = 0.0
        self._step_seconds = self._epoch_end_seconds = 0.0
        self.scores: dict = {}
        self.best_score: float | None = None
        self.best_epoch: int | None = None
        model = self._new_model(teachers, fresh=saved is None)
        self.channels = model.channels
        if saved:
            self._check_same(saved)
            model.load_state_dict(saved.model)
        model = model.to(device).train()
        self.average = ModelEmaV3(model, decay=settings.ema_decay, use_warmup=True, warmup_power=3 / 4)
        optimiser = build_optimiser(model, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
        self.model, self.optimiser = accelerator.prepare(model, optimiser)
        if saved:
            self._restore(saved)

    @property
    def path(self) -> Path:
        return self.around.folder / f"{self.name}{LAST}"

    @property
    def seconds(self) -> float:
        """Of training, over all sessions."""
        return self._seconds_before + time.monotonic() - self._started

    @property
    def finished(self) -> bool:
        return self.step == self.last_step

    def run(self) -> bool:
        """Train until all epochs are done (True) or the session has to close (False); either way all is saved.

        Raises:
            BirdlibError: the loss is no longer finite, or a recording or the disk fails. Earlier checkpoints stay.
        """
        self.log = self._open_log()
        self._started = saved_at = time.monotonic()
        batches = self.batches()
        with self._bar() as bar:
            while not self.finished:
                begun = time.monotonic()
                loss, must_stop = self._one_step(batches)
                self.epoch_loss += loss
                done, in_epoch = divmod(self.step, self.plan.steps_per_epoch)
                if self.log:
                    self.log.step(
                        step=self.step, epoch=self.step / self.plan.steps_per_epoch, loss=loss, seconds=self.seconds
                    )
                bar.set_postfix_str(self._left(loss), refresh=False)
                bar.update()
                self._step_seconds = max(self._step_seconds, time.monotonic() - begun)
                if in_epoch == 0:
                    self.epoch = done
                    begun = time.monotonic()
                    self._end_epoch()
                    self._epoch_end_seconds = time.monotonic() - begun
                due = time.monotonic() - saved_at >= 60 * self.around.checkpoint_minutes
                if must_stop or due or in_epoch == 0:
                    self._save(best=False)
                    saved_at = time.monotonic()
                if must_stop:
                    break
        return self.finished

    # ------------------------------------------------------------ one step

    def accumulate(self, batches: Iterator) -> tuple[float, bool]:
        """Add up the gradients of one step's parts.

        Args:
            batches: of ``batches()``.

        Returns:
            The mean loss over all parts and processes, and whether the session has to close after this step.

        Raises:
            BirdlibError: the loss is not finite; nothing has been learnt from this batch.
        """
        total = torch.zeros(2, device=self.accelerator.device)
        heard: list[int] = []
        for part in range(self.plan.parts):
            waves, targets, weights, rows = next(batches)
            heard += rows.tolist()
            last = part == self.plan.parts - 1
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                loss = self._loss(waves, targets, weights, part) / self.plan.parts
                self.accelerator.backward(loss)
            total[0] += loss.detach()
        mine = total[0].clone()
        total[1] = float(self.around.clock.left() < self._next_seconds())  # every process must decide alike
        mean, must_stop = (self.accelerator.reduce(total, "sum") / self.accelerator.num_processes).tolist()
        if not np.isfinite(mean):
            raise BirdlibError(self._not_finite(mean, mine.item(), heard))
        return mean, must_stop > 0

    def _one_step(self, batches: Iterator) -> tuple[float, bool]:
        mean, must_stop = self.accumulate(batches)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.step += 1
        self.average.update(self.accelerator.unwrap_model(self.model), self.step)
        return mean, must_stop

    def _next_seconds(self) -> float:
        """What this step's end and the next step may take, by the slowest so far."""
        ends = sum((self.step + ahead) % self.plan.steps_per_epoch == 0 for ahead in (1, 2))
        return 2 * self._step_seconds + ends * self._epoch_end_seconds

    def _loss(self, waves: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, part: int) -> torch.Tensor:
        device, rank = self.accelerator.device, self.accelerator.process_index
        generator = mixing_generator(self.seed, self.step, part, rank)
        decisions = decision_generator(self.seed, self.step, part)
        batch = Batch(*(one.to(device, non_blocking=True) for one in (waves, targets, weights)))
        with torch.no_grad():
            batch = self.augmentation.waves(batch, generator, decisions)
            parts = batch.parts
            mel = mel_of_parts(self.mel, batch.input, parts)
            batch = Batch(mel, batch.targets, batch.weights, parts)
            batch = self.augmentation.mels(batch, generator, decisions)
        seed_dropout(self.seed, self.step, part, rank)
        logits = self.model(batch.input, parts)
        with self._outside_autocast():
            if self.teacher is None:
                return bce(logits, batch.targets, batch.weights)
            with self.accelerator.autocast():
                opinion = self.teacher(batch.input, parts)
            return distillation(
                logits,
                opinion,
                batch.targets,
                batch.weights,
                shares=tuple(self.settings.loss_shares),
                kind=self.settings.divergence,
            )

    def _outside_autocast(self) -> torch.autocast:
        return torch.autocast(self.accelerator.device.type, enabled=False)

    def _not_finite(self, mean: float, mine: float, heard: list[int]) -> str:
        files = self.around.prepared.recordings["filename"].iloc[heard].tolist()
        listed = ", ".join(files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "")
        where = f"batch of {listed}" if not np.isfinite(mine) else "in another process's batch"
        kept = f"{self.path.name} is the state before" if self.path.exists() else "no checkpoint was written yet"
        return (
            f"{self.name}: the loss is {mean} at epoch {self.step / self.plan.steps_per_epoch:.2f}, step "
            f"{self.step + 1} ({where}); stopped, {kept}; lower the learning rate, or look at those recordings"
        )

    # ------------------------------------------------------------ the end of an epoch

    def _end_epoch(self) -> None:
        train_loss = self.epoch_loss / self.plan.steps_per_epoch
        self.epoch_loss = 0.0
        if self.accelerator.is_main_process:
            report = self.around.validation(
                self.average.module, self.fold, self.mel, autocast=self.accelerator.autocast
            )
            self.scores = report.scores
            score = report.main_score
            if score is not None and (self.best_score is None or score > self.best_score):
                self.best_score, self.best_epoch = score, self.epoch
                self._save(best=True)
            self.log.epoch(epoch=self.epoch, step=self.step, train_loss=train_loss, seconds=self.seconds, **self.scores)
            if self.finished:
                report.write(self.around.folder, self.name)
        self.accelerator.wait_for_everyone()

    # ------------------------------------------------------------ checkpoints

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
            commit=self.around.commit,
            epoch_loss=self.epoch_loss,
            seconds=self.seconds,
            teachers=self.teacher_names,
            model=self.accelerator.unwrap_model(self.model).state_dict(),
            ema=self.average.module.state_dict(),
            optimiser=self.optimiser.state_dict(),
            scaler=self.accelerator.scaler.state_dict() if self.accelerator.scaler else {},
        )
        for key, value in checkpoint.model.items():
            if not torch.isfinite(value).all():
                raise BirdlibError(
                    f"{self.name}: {key} is no longer finite at step {self.step}; stopped, the checkpoint of before "
                    "is kept; lower the learning rate"
                )
        if best:
            save_checkpoint(checkpoint.weights_only(), self.path.with_name(f"{self.name}{BEST}"))
        else:
            save_checkpoint(checkpoint, self.path)

    def _saved(self) -> Checkpoint | None:
        return load_checkpoint(self.path) if self.path.exists() else None

    def _check_same(self, saved: Checkpoint) -> None:
        """Raises BirdlibError where the checkpoint is of another training than this one."""
        mine = {
            "architecture": self.settings.architecture,
            "classes": self.around.prepared.classes,
            "front_end": self.around.front_end.as_dict(),
            "data_version": self.around.prepared.data_version,
            "teachers": self.teacher_names,
            **self.settings.recipe(),
        }
        theirs = {
            "classes": saved.classes,
            "front_end": saved.front_end.as_dict(),
            "data_version": saved.data_version,
            "teachers": saved.teachers,
            **saved.settings,
        }
        differ = sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))
        if differ:
            shown = [f"{key} was {_short(theirs.get(key))}, is {_short(mine.get(key))}" for key in differ[:3]]
            raise BirdlibError(
                f"{self.path.name}: the checkpoint is of another training ({'; '.join(shown)}); go on with the same "
                "settings and data, or begin anew without it"
            )

    def _restore(self, saved: Checkpoint) -> None:
        self.average.module.load_state_dict(saved.ema)
        self.optimiser.load_state_dict(saved.optimiser)
        if saved.scaler and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(saved.scaler)
        self.epoch, self.step, self.epoch_loss = saved.epoch, saved.step, saved.epoch_loss
        self._seconds_before = saved.seconds
        self.scores, self.best_score, self.best_epoch = saved.scores, saved.best_score, saved.best_epoch

    # ------------------------------------------------------------ what is needed to begin

    def _new_model(self, teachers: list[Checkpoint], *, fresh: bool) -> torch.nn.Module:
        settings, classes = self.settings, self.around.prepared.classes
        torch.manual_seed(self.seed)
        model = build_model(
            settings.architecture,
            len(classes),
            dropout=settings.dropout,
            drop_path=settings.drop_path,
            channels=settings.channels or None,
        )
        if not fresh:
            return model
        if settings.backbone_from_teacher:
            if not teachers:
                raise BirdlibError("BACKBONE_FROM_TEACHER is on, but there is no teacher; attach one, or turn it off")
            # Of several teachers the one of the same seed: students that share a backbone differ little.
            origin = next((one for one in teachers if one.seed == self.seed), teachers[0])
            start_from_backbone(model, origin.ema)
        elif settings.pretrained:
            if self.around.pretrained is None:
                raise BirdlibError(
                    "PRETRAINED is on, but no ImageNet weights are attached; attach them, or turn it off"
                )
            load_pretrained(model, settings.architecture, self.around.pretrained)
        return model

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
        sampler = Batches(
            self.plan,
            rank=self.accelerator.process_index,
            seed=self.seed,
            first_step=self.step,
            last_step=self.last_step,
        )
        loader = DataLoader(
            clips,
            batch_sampler=sampler,
            num_workers=around.workers,
            pin_memory=self.accelerator.device.type == "cuda",
            generator=torch.Generator().manual_seed(0),  # or it would draw from the one that seeds dropout
        )
        return read(loader)

    def _open_log(self) -> MetricsLog | None:
        if not self.accelerator.is_main_process:
            return None
        log = MetricsLog(self.around.folder / f"{self.name}{SUFFIX}", self.step)
        log.session(step=self.step, processes=self.plan.processes, precision=self.accelerator.mixed_precision)
        return log

    def _bar(self) -> tqdm:
        return progress_bar(
            description="train",
            total=self.last_step,
            initial=self.step,
            unit="step",
            # In a notebook LiveCurves says how far it is; a process that the notebook forked could not.
            disable=in_notebook() or not self.accelerator.is_main_process,
        )

    def _left(self, loss: float) -> str:
        epoch = f"epoch {self.step // self.plan.steps_per_epoch}/{self.settings.epochs}"
        return f"{epoch}, loss {loss:.4f}, {max(self.around.clock.left(), 0) / 60:.0f} min left"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
