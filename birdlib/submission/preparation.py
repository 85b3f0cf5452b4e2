"""What is to be scored: the rows asked for, the recordings at hand, and the first valid file."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from birdlib.audio.recordings import probe
from birdlib.competition.editions import TARGETS, WINDOW_SECONDS, WINDOWS, edition
from birdlib.competition.forms import (
    Decision,
    at_half,
    best_request,
    empty_request,
    read_requests,
    scored_classes,
    submission_table,
)
from birdlib.competition.layout import SAMPLE, CompetitionFiles, likely_edition
from birdlib.competition.row_plan import SHORT_BY, Request, RowPlan, every_target, plan_rows
from birdlib.competition.rows import LONGEST_SECONDS, ROW_ID, doubles, shown
from birdlib.competition.table import write_table
from birdlib.errors import BirdlibError
from birdlib.submission.windows import ScoredSoundscape

# The largest score that is written. BirdCLEF 2023's metric adds rows of 1.0, with which a score of 1.0 would tie.
HIGHEST_SCORE = np.nextafter(np.float32(1), np.float32(0))


@dataclass(frozen=True)
class Task:
    """The rows of a table and the soundscapes whose windows fill them.

    Attributes:
        target: the file that the table is written to.
        problems: a line for each recording that is broken or too short, for rows without a recording, and for row ids
            and columns that cannot be meant.
        notes: a line each about rows and recordings that are no problem.
        decide: which classes are there, where a row has no column for each class's probability.
    """

    plan: RowPlan
    soundscapes: list[ScoredSoundscape]
    target: Path
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decide: Decision = at_half

    @property
    def windows(self) -> int:
        return sum(len(soundscape.ends) for soundscape in self.soundscapes)

    def save(self, scores: np.ndarray) -> None:
        """Write the table, whole or not at all; scores float [rows, classes], brought from 0 to just below 1.

        A missing_score of NaN becomes 0, so that it does not cost the scores beside it.
        """
        scores = np.nan_to_num(scores.astype(np.float32), nan=0.0).clip(0, HIGHEST_SCORE)
        write_table(submission_table(self.plan, scores, self.decide), self.target)

    def save_default(self, score: float) -> None:
        """Write a table in which every probability is the same; where rows hold none, no class is anywhere."""
        score = score if self.plan.form == WINDOWS else 0.0
        self.save(np.full((len(self.plan.row_ids), len(self.plan.classes)), score, np.float32))


def find_files(root: Path, competition: str, on_fault: Callable[[Exception], None]) -> CompetitionFiles:
    """The files of a competition; where the folder is another one's and that is no end, of the one that it is like.

    Args:
        competition: its slug.
        on_fault: told what is wrong; it may raise.
    """
    try:
        return CompetitionFiles(root, edition(competition))
    except BirdlibError as error:
        on_fault(error)
    return CompetitionFiles(root, likely_edition(root))


def write_valid_file(files: CompetitionFiles, target: Path, score: float) -> None:
    """Write a valid submission before any recording is looked at: the rows that are asked for, nothing in them.

    The first bytes are a copy of the sample itself, which is valid even where it cannot be understood here. Where
    no table asks for rows, they are those of recordings as long as the year's usually are.

    Raises:
        BirdlibError: the tables are missing, or one cannot be read; what was written stays.
    """
    if (files.root / SAMPLE).exists():
        shutil.copyfile(files.sample_submission, target)
    requests, problems = read_requests(files)
    usual = {path.stem: float(files.edition.soundscape_seconds) for path in files.test_soundscapes}
    if requests:
        plan = plan_rows(best_request(requests, usual.keys()), {})
        Task(plan, [], target).save_default(score)
    elif not problems:
        if usual:
            Task(plan_rows(_request(files)[0], usual), [], target).save_default(score)
        problems.append(
            f"{files.root}: {' or '.join(files.edition.request)} is missing; rows are made of {len(usual)} recordings "
            "in test_soundscapes, columns of the training labels"
        )
    if problems:
        raise BirdlibError("; ".join(problems))


def _request(files: CompetitionFiles) -> tuple[Request, list[str]]:
    """What is asked for, or one without rows where no table asks for any, and what is wrong with it.

    Raises:
        BirdlibError: there are tables, and none can be read.
    """
    classes, problems = (), []
    if files.edition.form != WINDOWS:
        try:
            classes = scored_classes(files)
        except BirdlibError as error:
            problems.append(str(error))
    requests, unreadable = read_requests(files, classes)
    if requests:
        return best_request(requests, [path.stem for path in files.test_soundscapes]), problems + unreadable
    if unreadable:
        raise BirdlibError("; ".join(unreadable))
    return empty_request(files, classes or files.training_labels), problems


def prepare(files: CompetitionFiles, target: Path, window_seconds: int = WINDOW_SECONDS) -> Task:
    """The submission's rows, and the recordings of ``test_soundscapes/`` for them.

    A recording that cannot be read, or ends before the rows asked of it, is one of the task's problems; so is a
    row id that cannot be understood, which costs its own row only. Without a table that asks for rows these follow
    from the recordings, and the columns from the training labels.
    """
    request, faults = _request(files)
    measured, problems = _measured(files.test_soundscapes)
    problems = faults + problems
    lengths, paths = {}, {}
    for path, seconds in measured:
        if path.stem in paths:
            problems.append(f"{path.name}: {paths[path.stem].name} has the same name; remove one of them")
        if lengths.get(path.stem) is None:
            lengths[path.stem], paths[path.stem] = seconds, path
    plan = plan_rows(request, lengths, window_seconds)
    soundscapes, padded, unscored = [], [], []
    for stem, ends in plan.ends.items():
        seconds = lengths[stem]
        if seconds is None:
            continue
        if any(end - window_seconds < seconds < end for end in ends):
            padded.append(paths[stem].name)
        if seconds - max(ends, default=0) > SHORT_BY:
            unscored.append(paths[stem].name)
        if max(ends, default=0) - window_seconds >= seconds:
            asked = f"but rows up to {max(ends):g} s are asked for; it seems to be cut off"
            problems.append(f"{paths[stem].name}: {seconds:.1f} s long, {asked}")
        soundscapes.append(ScoredSoundscape(paths[stem], [float(end) for end in ends], plan.rows[stem]))
    if plan.without_recording and files.test_soundscapes:
        problems.append(f"{len(plan.without_recording)} rows have no recording, such as {plan.without_recording[0]}")
    problems += [f"{files.root}: {problem}" for problem in _row_problems(plan)]
    notes = list(plan.notes)
    if padded:
        notes.append(f"{shown(padded, 'recording')} with a last window that lacks audio: padded")
    if unscored:
        notes.append(f"{shown(unscored, 'recording')} longer than their rows: the rest is not scored")
    return Task(plan, soundscapes, target, tuple(problems), tuple(notes))


def _row_problems(plan: RowPlan) -> list[str]:
    """What is odd about the row ids and columns that are asked for; the submission has them as they are."""
    problems = []
    if plan.unclear:
        ids = shown([repr(row_id) for row_id in plan.unclear], "row id")
        problems.append(f"{ids} without _<end of the window in seconds>; such rows get no score")
    rows = plan.targets.row_ids if plan.form == TARGETS else plan.row_ids
    for names, what in ((rows, "row id"), (plan.columns, "column")):
        if doubled := doubles(names):
            problems.append(f"{shown(doubled, what)} more than once; so it is in the submission")
    return problems


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
    measured, problems = _measured(recordings)
    if problems:
        raise BirdlibError("; ".join(problems))
    row_ids, soundscapes = [], []
    for path, seconds in measured:
        ends = [float(end) for end in np.arange(window_seconds, seconds + 1e-3, window_seconds)]
        ends = ends or [float(window_seconds)]
        soundscapes.append(ScoredSoundscape(path, ends, len(row_ids) + np.arange(len(ends))))
        row_ids += [f"{path.stem}_{end:.0f}" for end in ends]
    rows = {str(soundscape.path): soundscape.rows for soundscape in soundscapes}
    plan = RowPlan(tuple(row_ids), (ROW_ID, *classes), files.edition.form, rows=rows)
    if plan.form == TARGETS:
        plan = replace(plan, targets=every_target(plan))
    return Task(plan, soundscapes, target)


def _measured(recordings: tuple[Path, ...]) -> tuple[list[tuple[Path, float | None]], list[str]]:
    """Each recording and its seconds, None where it cannot be read, and a line about each of those."""
    measured: list[tuple[Path, float | None]] = []
    problems = []
    for path in recordings:
        try:
            measured.append((path, _believable_seconds(path)))
        except (Exception, SystemExit) as error:  # whatever a decoder raises costs this recording's rows only
            measured.append((path, None))
            problems.append(str(error) if isinstance(error, BirdlibError) else f"{path.name}: {error!r}")
    return measured, problems


def _believable_seconds(path: Path) -> float:
    """A recording's length; BirdlibError where it cannot be read, or cannot be true."""
    seconds = probe(path).seconds
    if not 0 < seconds <= LONGEST_SECONDS:
        raise BirdlibError(f"{path.name}: says that it is {seconds:.3g} s long; its length is not known")
    return seconds
