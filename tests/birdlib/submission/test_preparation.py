"""The task: what is asked for and at hand, and what is wrong with it."""

import numpy as np
import pandas as pd

from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.table import check_submission
from birdlib.submission.preparation import prepare


def test_a_row_id_that_cannot_be_understood_is_named_and_the_default_table_still_written(competition, tmp_path):
    path = competition / "sample_submission.csv"
    path.write_text(path.read_text().replace("soundscape_1_15", "soundscape_one"))
    task = prepare(CompetitionFiles(competition), tmp_path / "submission.csv")
    assert "row id 'soundscape_one' does not end in" in task.problems[0] and not task.soundscapes
    task.save_default(0.25)
    assert check_submission(task.target, task.plan) == []
    assert len(pd.read_csv(task.target)) == 18


def test_scores_outside_0_to_1_are_never_written(competition, tmp_path):
    task = prepare(CompetitionFiles(competition), tmp_path / "submission.csv")
    task.save(np.linspace(-1, 2, 18 * 6).reshape(18, 6))
    assert check_submission(task.target, task.plan) == []


def test_a_recording_that_ends_before_its_rows_is_a_problem_and_keeps_what_it_has(competition, tmp_path):
    path = competition / "test_soundscapes" / "soundscape_1.ogg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    task = prepare(CompetitionFiles(competition), tmp_path / "submission.csv")
    assert "soundscape_1.ogg: " in task.problems[0] and "rows up to 30 s are asked for" in task.problems[0]
    assert len(task.soundscapes) == 3
