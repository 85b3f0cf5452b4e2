"""Trains one model: steps, averages, validation, checkpoints."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

from accelerate import Accelerator

from birdlib.errors import BirdlibError
from birdlib.frontend.mel import MelSpectrogram
from birdlib.models.architectures import BirdModel
from birdlib.starts.start_context import StartContext
from birdlib.training.log import SUFFIX, MetricsLog
from birdlib.training.safekeeping import SafeCheckpoint
from birdlib.training.settings import PREVIOUS, TrainSettings
from birdlib.training.stage_run import StageRun
from birdlib.training.starting import build_from, new_model
from birdlib.training.surroundings import Surroundings
from birdlib.training.teacher import build_teacher
from birdlib.weights.checkpoint import BEST, Checkpoint, first_not_finite, load_checkpoint, save_checkpoint

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
        self.seed, self.fold, self.teachers = seed, fold, tuple(teachers)
        self.name = settings.model_name(fold=fold, seed=seed, teachers=teachers)
        self.file = SafeCheckpoint(around.folder, self.name)
        self.mel = MelSpectrogram(around.front_end).to(accelerator.device)
        self.teacher = build_teacher(teachers).to(accelerator.device) if teachers else None

        saved = load_checkpoint(self.file.path) if self.file.path.exists() else None
        self.epoch, self.step, self.epoch_loss = 0, 0, 0.0
        self.skipped, self.epoch_skipped, self._in_a_row = 0, 0, 0
        self.finished = False
        self._seconds_before = 0.0
        self._step_seconds = self._epoch_end_seconds = self._seconds_in_steps = 0.0
        self.scores: dict = {}
        self._faults: dict[str, str] = {}
        self.best_score: float | None = None
        self.best_epoch: int | None = None
        model = build_from(saved, settings) if saved else self._new_model(settings.stages[0].start)
        self.channels = model.channels
        self.model = accelerator.prepare(model.to(accelerator.device).train())
        self.stage = saved.stage if saved else 0
        if saved:
            self.stage_run = self._stage_run(saved.stage_first_step, saved.stage_first_epoch)
            self._restore(saved)
        else:
            self.stage_run = self._stage_run(0, 0)

    def _new_model(self, start: dict) -> BirdModel:
        context = StartContext(
            architecture=self.settings.architecture,
            seed=self.seed,
            classes=self.around.clips.prepared.classes,
            fold=self.fold,
            data_version=self.around.clips.prepared.data_version,
            pretrained=self.around.pretrained,
            teachers=self.teachers,
            start=self.around.start,
        )
        model, origin = new_model(self.settings, start, context)
        self.accelerator.print(f"{self.name}: starts from {origin}", flush=True)
        return model

    def _stage_run(self, first_step: int, first_epoch: int) -> StageRun:
        return StageRun(
            self.settings.stages[self.stage],
            self.around,
            self.accelerator,
            self.model,
            self.mel,
            seed=self.seed,
            fold=self.fold,
            teacher=self.teacher,
            padding=self.settings.padding,
            batch_size=self.settings.batch_size,
            first_step=first_step,
            first_epoch=first_epoch,
        )

    def _next_stage(self) -> None:
        """Begin the next stage, with the averaged weights or with what its recipe says."""
        self.stage += 1
        start = self.settings.stages[self.stage].start
        if start == PREVIOUS:
            weights = self.stage_run.average.module.state_dict()
        else:
            weights = self._new_model(start).state_dict()
        self.accelerator.unwrap_model(self.model).load_state_dict(weights)
        self.stage_run = self._stage_run(self.step, self.epoch)
        self._seconds_in_steps = 0.0
        self.accelerator.print(f"{self.name}: stage {self.stage + 1} of {len(self.settings.stages)} begins")

    @property
    def is_last_stage(self) -> bool:
        """Whether no stage comes after the present one."""
        return self.stage == len(self.settings.stages) - 1

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
        self._started = time.monotonic()
        while not self.finished and self._train_stage():
            if not self.finished:
                self._next_stage()
        if self.finished and (waiting := self._waiting()) is not None:
            self.accelerator.print(f"{self.name}: its steps waited for clips to be read {waiting:.0%} of the time")
        if self.finished and self.skipped:
            self.accelerator.print(f"{self.name}: {self.skipped} of {self.step:,} steps were skipped, see its log")
        return self.finished

    def _train_stage(self) -> bool:
        """Train the present stage to its end; False where the session has to close before."""
        run, saved_at = self.stage_run, time.monotonic()
        batches = run.batches(self.step)
        while True:
            begun = time.monotonic()
            if run.epochs_done(self.step) > self.epoch or self.step == run.last_step:
                # Done already where a stage was complete when the last session ended.
                if run.epochs_done(self.step) > self.epoch or self.is_last_stage:
                    self._end_epoch()
                    self._save(best=False)
                    self._epoch_end_seconds = max(self._epoch_end_seconds, time.monotonic() - begun)
                if self.step == run.last_step:
                    return True
            stepped = time.monotonic()
            must_stop = self._one_step(batches)
            self._seconds_in_steps += time.monotonic() - stepped
            self._step_seconds = max(self._step_seconds, time.monotonic() - begun)
            # Before a validation, too, which then cannot cost the epoch.
            is_due = time.monotonic() - saved_at >= 60 * self.around.checkpoint_minutes
            if must_stop or is_due or run.ends_epoch(self.step):
                self._save(best=False)
                saved_at = time.monotonic()
            if must_stop:
                self.file.settle()
                return False

    def _one_step(self, batches: Iterator) -> bool:
        """Learn from one batch, or skip it where its loss or gradients are not finite. Whether to stop after it."""
        run = self.stage_run
        model = self.accelerator.unwrap_model(self.model)
        before = [buffer.clone() for buffer in model.buffers()]
        mean, must_stop, suspects = run.accumulate(batches, self.step, self._next_seconds)
        # All processes know the same mean and the same gradients, and so skip the same steps.
        learnt = math.isfinite(mean) and run.learn(self.step)
        run.optimiser.zero_grad()
        self.step += 1
        position = {"step": self.step, "epoch": run.epoch_of(self.step), "seconds": self.seconds}
        if learnt:
            self._in_a_row = 0
            self.epoch_loss += mean
            if self.accelerator.is_main_process:
                self.file.prove()
            run.average.update(model, self.step - run.first_step)
            if self.log:
                self.log.step(loss=mean, **position)
            return must_stop
        # Batch norms have averaged what this batch brought.
        for buffer, value in zip(model.buffers(), before, strict=True):
            buffer.copy_(value)
        self._skip(mean, suspects, position)
        return must_stop

    def _skip(self, mean: float, suspects: list[int], position: dict) -> None:
        self.skipped += 1
        self.epoch_skipped += 1
        self._in_a_row += 1
        files = [_shown(path) for path in self.stage_run.table.rows["path"].iloc[suspects]]
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
        ends = sum(self.stage_run.ends_epoch(self.step + ahead) for ahead in (1, 2))
        return 2 * self._step_seconds + ends * self._epoch_end_seconds

    def _end_epoch(self) -> None:
        """Validate where that is due, and count the epoch. A fault of the validation costs nothing but the scores."""
        run = self.stage_run
        done = run.epochs_done(self.step)
        # Not where EPOCHS was lowered to what is done already: then only the predictions are missing.
        is_new = done > self.epoch
        self.epoch, self.finished = done, self.is_last_stage and self.step == run.last_step
        learnt = run.plan.steps_per_epoch - self.epoch_skipped
        train_loss = self.epoch_loss / learnt if learnt else math.nan
        self.epoch_loss, self.epoch_skipped = 0.0, 0
        if self.accelerator.is_main_process:
            due = self.finished or self.epoch % self.settings.validate_every == 0
            validated = self._validate() if due else {}
            if is_new:
                position = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds}
                self.log.epoch(train_loss=train_loss, waiting=self._waiting(), **position, **validated)
        self.accelerator.wait_for_everyone()

    def _validate(self) -> dict:
        """Predict what is held back, and save the model if it is the best so far; scores and faults for the log."""
        report = self.around.validation(
            self.stage_run.average.module, self.fold, self.mel, autocast=self.accelerator.autocast
        )
        if self.finished:
            report.write(self.around.folder, self.name)
        self._tell(report.faults)
        self.scores = report.scores
        score = report.main_score
        if score is not None and (self.best_score is None or score > self.best_score):
            self.best_score, self.best_epoch = score, self.epoch
            self._save(best=True)
        return self.scores | ({"faults": report.faults} if report.faults else {})

    def _waiting(self) -> float | None:
        """The share of the time of this session's and stage's steps that was spent waiting for clips to be read."""
        return self.stage_run.seconds_waiting / self._seconds_in_steps if self._seconds_in_steps else None

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
            head=self.settings.head,
            channels=self.channels,
            embedding_size=self.settings.embedding_size,
            classes=self.around.clips.prepared.classes,
            front_end=self.around.front_end,
            seed=self.seed,
            fold=self.fold,
            epoch=self.epoch,
            step=self.step,
            stage=self.stage,
            stage_first_step=self.stage_run.first_step,
            stage_first_epoch=self.stage_run.first_epoch,
            steps_per_epoch=self.stage_run.plan.steps_per_epoch,
            finished=self.finished,
            data_version=self.around.clips.prepared.data_version,
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
            teachers=tuple(teacher.name for teacher in self.teachers),
            model=self.accelerator.unwrap_model(self.model).state_dict(),
            ema=self.stage_run.average.module.state_dict(),
            optimiser=self.stage_run.optimiser.state_dict(),
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
        self.stage_run.average.module.load_state_dict(saved.ema)
        self.stage_run.optimiser.load_state_dict(saved.optimiser)
        if saved.scaler and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(saved.scaler)
        self.epoch, self.step, self.finished = saved.epoch, saved.step, saved.finished
        self.epoch_loss, self.epoch_skipped, self.skipped = saved.epoch_loss, saved.epoch_skipped, saved.skipped
        self._seconds_before = saved.seconds
        self.scores, self.best_score, self.best_epoch = saved.scores, saved.best_score, saved.best_epoch

    def _open_log(self) -> MetricsLog | None:
        if not self.accelerator.is_main_process:
            return None
        log = MetricsLog(self.around.folder / f"{self.name}{SUFFIX}", self.step, self.epoch)
        log.session(
            step=self.step,
            processes=self.stage_run.plan.processes,
            precision=self.accelerator.mixed_precision,
            learning_rate=self.stage_run.stage.learning_rate,
        )
        return log


def _shown(path: Path) -> str:
    """A recording as its competition names it: its folder is its label."""
    return f"{path.parent.name}/{path.name}"
