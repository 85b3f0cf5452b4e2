"""The last checkpoint of a training on disk, and the one of before until the last has proved itself."""

import os
import shutil
from pathlib import Path

from birdlib.errors import BirdlibError
from birdlib.weights.checkpoint import LAST, Checkpoint, save_checkpoint

BEFORE = ".before.pt"


class SafeCheckpoint:
    """Writes a training's checkpoints to one file.

    Weights after which no loss is finite look as good as any: only the next step shows it. So the checkpoint of
    before is kept until a step has succeeded after the last one.

    Attributes:
        proven: whether a step has succeeded since the last checkpoint.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path, self._before = folder / f"{name}{LAST}", folder / f"{name}{BEFORE}"
        self.proven = False

    def save(self, checkpoint: Checkpoint) -> None:
        """Raises BirdlibError where the disk is full; the file on disk is then the one of before."""
        if self.proven:
            try:
                shutil.copyfile(self.path, self._before)
            except OSError as error:
                self.settle()
                reason = f"the checkpoint cannot be copied ({error.strerror}); free some space"
                raise BirdlibError(f"{self.path}: {reason}") from None
        save_checkpoint(checkpoint, self.path)
        self.proven = False
        if checkpoint.finished:
            self.settle()

    def settle(self) -> None:
        """Leave the last checkpoint alone: nothing is to follow in this session."""
        self._before.unlink(missing_ok=True)

    def prove(self) -> None:
        """Take note that a step has succeeded."""
        if not self.proven and self.path.exists():
            self.settle()
            self.proven = True

    def go_back(self) -> bool:
        """Put the last checkpoint that proved itself in its place; False if there is none."""
        if not self.proven and self._before.exists():
            os.replace(self._before, self.path)
            self.proven = True
        return self.proven
