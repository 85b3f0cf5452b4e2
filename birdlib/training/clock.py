"""The time that a training session has."""

import time

import psutil

from birdlib.errors import BirdlibError


class SessionClock:
    """Counts from the start of the notebook's process; Kaggle ends a session without warning.

    A copy in another process, by pickle, tells the same.

    Args:
        minutes: the session's limit.
        closing_minutes: kept free for the last checkpoint, pictures, and the upload of the output.
    """

    def __init__(self, minutes: float, closing_minutes: float) -> None:
        if not 0 < minutes <= 12 * 60:
            raise BirdlibError(f"SESSION_MINUTES = {minutes}: expected more than 0 and at most 720")
        if not 0 <= closing_minutes < minutes:
            raise BirdlibError(f"CLOSING_MINUTES = {closing_minutes}: expected 0 to below the session's {minutes:g}")
        age = time.time() - psutil.Process().create_time()
        # Some sandboxes tell a start that cannot be true.
        self.closing_seconds = 60 * closing_minutes
        self._end = time.time() - (age if 0 <= age < 1800 else 60.0) + 60 * (minutes - closing_minutes)

    def left(self) -> float:
        """Seconds that may still be spent on training."""
        return self._end - time.time()
