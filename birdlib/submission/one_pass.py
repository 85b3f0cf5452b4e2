"""One pass: a model over windows, as far as the time goes."""

from collections.abc import Callable
from contextlib import closing

import numpy as np

from birdlib.ensemble.members import CompiledMember
from birdlib.progress import progress_bar
from birdlib.submission.run import Run
from birdlib.submission.windows import Windows


def score_windows(
    run: Run,
    compiled: CompiledMember,
    windows: Windows,
    scores: np.ndarray,
    label: str,
    *,
    heard: np.ndarray | None = None,
    drop_if_late: bool,
    once_begun: Callable[[], None] | None = None,
) -> tuple[int, bool]:
    """Score windows by one model; stop at the deadline, or, if wanted, as soon as it cannot finish in time.

    Args:
        heard: bool [rows], of the windows that it scores; None for all.
        once_begun: called when the first windows are handed over; then the last ones may still run at the end.

    Returns:
        How many windows were scored, and whether the pass came to its end.
    """
    done, total = 0, len(windows) if heard is None else int(heard.sum())
    # The first block waits for the first recording, so the speed is that of the blocks behind it, and of enough
    # of them to tell.
    judged_from = run.elapsed() + max(2.0, run.left() / 20)
    first: tuple[float, int] | None = None
    progress = progress_bar(description=label, total=total, unit="window")
    blocks = windows.blocks(compiled.member.entry.front_end, heard)
    with closing(compiled.predict(blocks, scores, wait=once_begun is None)) as counts, progress:
        for count in counts:
            if done == 0 and once_begun:
                once_begun()
            done += count
            progress.update(count)
            first = first or (run.elapsed(), done)
            spent, counted = run.elapsed() - first[0], done - first[1]
            judged = drop_if_late and counted and run.elapsed() > judged_from
            late = judged and spent / counted * (total - done) > run.left()
            if done < total and (late or run.left() <= 0):
                return done, False
    return done, True
