"""Taking up where an earlier session of the same kernel ended."""

import os
import shutil
from pathlib import Path

from birdlib.errors import BirdlibError
from birdlib.training.log import SUFFIX
from birdlib.training.validation import ON_SOUNDSCAPES, OUT_OF_FOLD
from birdlib.weights.checkpoint import BEST, LAST

_KINDS = (BEST, SUFFIX, OUT_OF_FOLD, ON_SOUNDSCAPES)


def take_up(earlier: Path, folder: Path) -> list[str]:
    """Copy what an earlier session left into the folder that this one writes to.

    A session's output on Kaggle replaces the last one: what is finished has to be carried along, too. What already
    lies in the folder stays as it is, since it is newer.

    Args:
        earlier: the output of the earlier session, read-only.
        folder: where this session writes.

    Returns:
        The names of the trainings that were taken up.

    Raises:
        BirdlibError: there is nothing to take up, or the disk is full.
    """
    checkpoints = sorted(earlier.glob(f"*{LAST}"))
    if not checkpoints:
        raise BirdlibError(f"{earlier}: no *{LAST} in it to go on from; attach an earlier output, or EARLIER = None")
    names = [path.name.removesuffix(LAST) for path in checkpoints]
    for name in names:
        # The checkpoint last: where it lies, all that belongs to it does.
        for suffix in (*_KINDS, LAST):
            source, target = earlier / f"{name}{suffix}", folder / f"{name}{suffix}"
            if source.exists() and not (folder / f"{name}{LAST}").exists():
                _copy(source, target)
    print(f"taken up from an earlier session: {', '.join(names)}")
    return names


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BirdlibError(f"{target}: cannot be copied from the earlier session ({error.strerror})") from None
