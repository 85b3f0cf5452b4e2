"""What all trainings of a session share."""

from dataclasses import dataclass
from pathlib import Path

from birdlib.clip_sources.clip_context import ClipContext
from birdlib.frontend.mel import FrontEnd
from birdlib.training.clock import SessionClock
from birdlib.training.validation import Validation


@dataclass(frozen=True)
class Surroundings:
    """What all trainings of a session share.

    Attributes:
        clips: what clip sources draw from; the recordings, their folds and labels among it.
        front_end: the mel spectrograms' parameters.
        validation: what is predicted after each epoch.
        folder: where checkpoints, logs and predictions go.
        pretrained: the folder of ImageNet weights, None where the recipe wants none.
        device_batch: clips that a device takes at a time.
        workers: processes that read audio, per training process.
        checkpoint_minutes: between checkpoints; at the end of an epoch there is one anyhow.
        clock: tells when the session must close.
        commit: of the source that built the kernel.
        start: the folder of checkpoints to start from, None where the recipe attaches none.
    """

    clips: ClipContext
    front_end: FrontEnd
    validation: Validation
    folder: Path
    pretrained: Path | None
    device_batch: int
    workers: int
    checkpoint_minutes: float
    clock: SessionClock
    commit: str
    start: Path | None = None
