"""What is to be scored: the rows asked for, the recordings at hand, and the first valid file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdlib.audio.recordings import probe
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.rows import RowPlan, plan_rows, read_sample
from birdlib.competition.table import submission_table, write_table
from birdlib.errors import BirdlibError
from birdlib.submission.windows import Soundscape


@dataclass(frozen=True)
class Task:
    """The rows of a table and the soundscapes whose windows fill them.

    Attributes:
        target: the file that the table is written to.
        problems: a line for each recording that is broken or too short, and for rows without one.
    """

    plan: RowPlan
    soundscapes: list[Soundscape]
    target: Path
    problems: tuple[str, ...] = ()

    @property
    def windows(self) -> int:
        return sum(len(soundscape.ends) for soundscape in self.soundscapes)

    def save(self, scores: np.ndarray) -> None:
        """Write the table, whole or not at all; scores float [rows, classes], brought into 0 to 1."""
        write_table(submission_table(self.plan, scores.clip(0, 1)), self.target)

    def save_default(self, score: float) -> None:
        """A valid table before anything can go wrong: every cell the same."""
        self.save(np.full((len(self.plan.row_ids), len(self.plan.classes)), score, np.float32))


def prepare(files: CompetitionFiles, target: Path, window_seconds: int = WINDOW_SECONDS) -> Task:
    """The submission's rows, and the recordings of ``test_soundscapes/`` for them.

    A recording that cannot be read, or ends before the rows asked of it, is one of the task's problems; so is a
    row id that cannot be understood, which leaves the sample's rows without recordings.
    """
    lengths, problems = _lengths(files.test_soundscapes)
    sample = read_sample(files.sample_submission)
    try:
        plan = plan_rows(sample, lengths, window_seconds)
    except BirdlibError as error:
        plan = RowPlan(sample.row_ids, sample.columns, {}, {}, sample.row_ids, (), ())
        problems.append(f"{files.sample_submission}: {error}")
    paths = {path.stem: path for path in files.test_soundscapes}
    soundscapes = []
    for stem, ends in plan.ends.items():
        seconds = lengths[stem]
        if seconds is None:
            continue
        if max(ends, default=0) - window_seconds >= seconds:
            asked = f"but rows up to {max(ends)} s are asked for; it seems to be cut off"
            problems.append(f"{paths[stem].name}: {seconds:.1f} s long, {asked}")
        soundscapes.append(Soundscape(paths[stem], [float(end) for end in ends], plan.rows[stem]))
    if plan.without_recording and files.test_soundscapes:
        problems.append(f"{len(plan.without_recording)} rows have no recording, such as {plan.without_recording[0]}")
    return Task(plan, soundscapes, target, tuple(problems))


def prepare_dry_run(
    files: CompetitionFiles,
    classes: tuple[str, ...],
    count: int,
    target: Path,
    window_seconds: int = WINDOW_SECONDS,
) -> Task:
    """A rehearsal on other audio, for a run without test files: all full windows of a few recordings.

    Raises:
        BirdlibError: there is no other audio, or it cannot be read.
    """
    recordings = files.dry_run_audio(count)
    lengths, problems = _lengths(recordings)
    if problems:
        raise BirdlibError("; ".join(problems))
    row_ids, soundscapes = [], []
    for path in recordings:
        ends = [float(end) for end in np.arange(window_seconds, lengths[path.stem] + 1e-3, window_seconds)]
        ends = ends or [float(window_seconds)]
        soundscapes.append(Soundscape(path, ends, len(row_ids) + np.arange(len(ends))))
        row_ids += [f"{path.stem}_{end:.0f}" for end in ends]
    plan = RowPlan(tuple(row_ids), ("row_id", *classes), {}, {}, (), (), ())
    return Task(plan, soundscapes, target)


def _lengths(recordings: tuple[Path, ...]) -> tuple[dict[str, float | None], list[str]]:
    """Seconds by stem, None where a recording cannot be read, and a line about each of those."""
    lengths: dict[str, float | None] = {}
    problems = []
    for path in recordings:
        try:
            lengths[path.stem] = probe(path).seconds
        except BirdlibError as error:
            lengths[path.stem] = None
            problems.append(str(error))
    return lengths, problems
