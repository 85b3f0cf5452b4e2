"""Post-processing: a list of steps over a table's probabilities."""

from collections.abc import Callable, Sequence

import numpy as np

from birdlib.scores.row_layout import RowLayout

PostprocessingStep = Callable[[np.ndarray, RowLayout, Sequence[str] | None], np.ndarray]


def post_process(
    steps: Sequence[PostprocessingStep],
    probabilities: np.ndarray,
    row_ids: Sequence[str],
    taxa: Sequence[str] | None = None,
) -> np.ndarray:
    """Take probabilities through all steps; a row that is named twice counts once.

    Args:
        steps: from ``birdlib.postprocessing``, in their order.
        probabilities: float32 [rows, classes]; NaN where nothing was scored.
        row_ids: a row's recording and second, such as "soundscape_29201_5", in any order.
        taxa: of the classes; None where the competition has no taxonomy.

    Returns:
        float32 [rows, classes].
    """
    if not steps:
        return probabilities
    layout = RowLayout.of(row_ids)
    first, window = layout.distinct()
    layout, probabilities = layout.take(first), probabilities[first]
    for step in steps:
        probabilities = step(probabilities, layout, taxa)
    return probabilities[window]
