"""The ranges of a submission's settings."""

from birdlib.errors import BirdlibError
from birdlib.scores.thresholds import check_kind

PRECISIONS = ("f32", "bf16", "f16")


def check_settings(
    *,
    precision: str,
    batch_size: int,
    streams: int,
    missing_score: float,
    dry_run_recordings: int,
    thresholds: str,
) -> None:
    """Raises BirdlibError, a line naming every setting that is out of range."""
    check_kind(thresholds)
    problems = []
    if precision not in PRECISIONS:
        problems.append(f"PRECISION = {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if not 1 <= batch_size <= 256:
        problems.append(f"BATCH_SIZE = {batch_size}: expected 1 to 256")
    if not 0 <= streams <= 256:
        problems.append(f"STREAMS = {streams}: expected 1 to 256, or 0 for one on each core")
    if not 0 <= missing_score <= 1:
        problems.append(f"MISSING_SCORE = {missing_score}: expected a probability, 0 to 1")
    if not 1 <= dry_run_recordings <= 10_000:
        problems.append(f"DRY_RUN_RECORDINGS = {dry_run_recordings}: expected 1 to 10000")
    if problems:
        raise BirdlibError("; ".join(problems))
