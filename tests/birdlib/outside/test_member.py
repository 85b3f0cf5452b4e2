"""An outside model in the submission loop: its scores, its cost, its faults."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from birdlib.competition.class_lists import ClassList, join_classes
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.errors import BirdlibError
from birdlib.outside.head import Head
from birdlib.outside.member import OutsideMember
from birdlib.outside.rows import predict_rows, read_rows
from birdlib.submission.ensemble_table import EnsembleTable
from birdlib.submission.plan import Plan
from birdlib.submission.preparation import prepare
from birdlib.submission.scoring import ScoringLoop
from birdlib.submission.windows import Windows

from ..submission.conftest import SteppedRun, write_soundscape

CLASSES = ("comrav", "comswi", "unknown")
WANTED = ClassList(CLASSES, ("Corvus corax", "Apus apus", ""))


@pytest.fixture
def folder(tmp_path):
    """Two soundscapes of 20 s, one of which ends in its last row."""
    (tmp_path / "competition" / "test_soundscapes").mkdir(parents=True)
    rows = []
    for number, seconds in enumerate((20, 18)):
        write_soundscape(tmp_path / "competition" / "test_soundscapes" / f"s_{number}.ogg", seconds, number)
        rows += [f"s_{number}_{end}" for end in (20, 5, 10, 15)]
    lines = ["row_id," + ",".join(CLASSES), *(row + ",0" * len(CLASSES) for row in rows)]
    (tmp_path / "competition" / "sample_submission.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def submit(folder, model):
    """Runs the loop with one outside member; returns the task, the table, and the faults."""

    def submit(head=None, seconds=0.0):
        """seconds: that a row takes on the run's clock, of 60 in all."""
        faults, run = [], SteppedRun()
        run.set_limit(1, 0.0)
        task = prepare(CompetitionFiles(folder / "competition", edition("birdclef-2023")), folder / "submission.csv", 5)
        member = OutsideMember.of(model, join_classes(WANTED, model.classes), head)
        member = replace(member, entry=replace(member.entry, seconds_per_window=max(seconds, 1e-3)))

        def run_model(waves):
            run.now += seconds
            return model.run(waves)

        member = replace(member, model=replace(model, run=run_model))
        windows = Windows(task.soundscapes, list(member.front_ends), folder, faults.append)
        table = EnsembleTable(run, task.plan.row_ids, task.plan.classes, folder=folder / "scores")
        ScoringLoop(Plan(run, [member], len(windows)), windows, table, task.save, "f32").score()
        return task, table, faults

    return submit


def expected(model, task):
    """The outputs of all rows, soundscape by soundscape."""
    logits, embeddings = np.zeros((8, 3), np.float32), np.zeros((8, 16), np.float32)
    for soundscape in task.soundscapes:
        outputs = predict_rows(model, read_rows(model, soundscape.path, soundscape.ends)[0])
        logits[soundscape.rows], embeddings[soundscape.rows] = outputs
    return logits, embeddings


def test_a_member_scores_all_rows_of_the_classes_that_it_knows(submit, model):
    task, table, faults = submit()
    assert table.reports[0].outcome == "scored" and table.reports[0].windows == 8 and not faults
    scores = table.scores()
    assert scores[:, :2] == pytest.approx(expit(expected(model, task)[0][:, :2]), abs=1e-6)
    assert not scores[:, 2].any()
    assert table.tables[0].name == "stand-in" and table.tables[0].classes == CLASSES[:2]


def test_a_head_adds_to_its_logits_and_knows_more_classes(submit, model):
    random = np.random.default_rng(0)
    head = Head(CLASSES, np.zeros(16), np.ones(16), random.normal(size=(16, 3)), np.array([0.0, 1, 2]))
    task, table, _ = submit(head)
    own, embeddings = expected(model, task)
    own[:, 2] = 0
    assert table.scores() == pytest.approx(expit(own + embeddings @ head.weight + head.bias), abs=1e-5)
    assert table.tables[0].name == "stand-in-head"


def test_a_broken_recording_costs_its_own_rows(submit, folder):
    path = folder / "competition" / "test_soundscapes" / "s_0.ogg"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    _, table, faults = submit()
    assert table.scored_rows[4:].all() and not table.scored_rows[:4].all()
    assert any("s_0.ogg" in str(fault) and "rows get no score" in str(fault) for fault in faults)


def test_where_the_time_is_short_rows_are_spread_over_all_recordings(submit, model):
    task, table, _ = submit(seconds=15.1)
    report = table.reports[0]
    assert report.outcome == "scored 4 of 8 windows until the time was up" and table.scored_rows.all()
    scored = table.scores()[:, :2]
    own = expit(expected(model, task)[0][:, :2])
    # The first and the third row of each recording; the sample names them in the order 20, 5, 10, 15.
    assert np.flatnonzero(np.abs(scored - own).max(axis=1) < 1e-6).tolist() == [1, 3, 5, 7]


def test_a_model_that_knows_none_of_the_classes_is_refused(model):
    join = join_classes(ClassList(("x",), ("Genus species",)), model.classes)
    with pytest.raises(BirdlibError, match="stand-in: knows none of the 1 classes of sample_submission.csv"):
        OutsideMember.of(model, join, None)
