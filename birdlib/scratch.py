"""Where scratch files may go."""

import functools
import os
import tempfile
from pathlib import Path


@functools.cache
def scratch_folder() -> Path:
    """A folder for large intermediate files: on Kaggle's scratch disk, else in the temporary folder.

    The same folder at each call in one process; files in it are the caller's to remove.
    """
    kaggle = Path("/kaggle")
    if kaggle.is_dir():
        scratch = kaggle / "temp"
        try:
            scratch.mkdir(exist_ok=True)
        except OSError:
            pass
        if os.access(scratch, os.W_OK | os.X_OK):
            return scratch
    return Path(tempfile.mkdtemp(prefix="birdlib-"))
