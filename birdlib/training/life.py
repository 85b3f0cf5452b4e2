"""Signs of life: how a training process shows that it moves on, to whoever waits for it."""

import time
from pathlib import Path

_SECONDS = 1.0  # between two signs: steps may be much faster

_file: Path | None = None
_shown = 0.0


def show_life_by(file: Path) -> None:
    """From now on, signs of life of this process set the file's time of modification."""
    global _file
    _file = file


def sign_of_life() -> None:
    """Show that the training moves on: after each batch that is learnt from or validated. Costs next to nothing."""
    global _shown
    if _file is not None and time.monotonic() - _shown >= _SECONDS:
        _file.touch()
        _shown = time.monotonic()
