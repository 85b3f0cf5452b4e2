"""The two moods of a run, and its table of stages."""

import time

import pytest

from birdlib.errors import BirdlibError
from birdlib.submission.run import Run


def test_in_the_commit_run_a_fault_stops_the_notebook(monkeypatch):
    monkeypatch.delenv("KAGGLE_IS_COMPETITION_RERUN", raising=False)
    run = Run()
    with pytest.raises(BirdlibError, match="a bad weight file"), run.stage("Read the models"):
        raise BirdlibError("a bad weight file")


@pytest.mark.parametrize("error", [BirdlibError("a bad file"), NameError("members"), SystemExit(1), MemoryError()])
def test_in_the_hidden_rerun_nothing_is_raised_and_the_fault_is_logged(monkeypatch, capsys, error):
    monkeypatch.setenv("KAGGLE_IS_COMPETITION_RERUN", "1")
    run = Run()
    with run.stage("Read the models"):
        raise error
    assert len(run.faults) == 1 and run.faults[0].startswith("Read the models: ")
    assert run.faults[0] in capsys.readouterr().err


@pytest.mark.parametrize(("value", "rerun"), [("1", True), ("True", True), ("", False), ("0", False), ("false", False)])
def test_the_variable_is_tested_for_truth(monkeypatch, value, rerun):
    monkeypatch.setenv("KAGGLE_IS_COMPETITION_RERUN", value)
    assert Run().rerun is rerun


def test_a_fault_that_comes_back_is_told_once(monkeypatch):
    monkeypatch.setenv("KAGGLE_IS_COMPETITION_RERUN", "1")
    run = Run()
    for _ in range(2):
        run.fault(BirdlibError("soundscape_1.ogg: the file is empty"))
    assert run.faults == ["soundscape_1.ogg: the file is empty"]


@pytest.mark.parametrize("started", [0.0, 4e9], ids=["1970", "in the future"])
def test_a_start_that_cannot_be_true_does_not_eat_the_time(monkeypatch, started):
    monkeypatch.setattr("psutil.Process.create_time", lambda process: started)
    run = Run()
    run.set_limit(120, 0.0)
    assert 115 * 60 < run.left() < 120 * 60


def test_the_time_left_counts_from_the_start_of_the_process_and_keeps_a_margin():
    run = Run()
    run.set_limit(120, 0.05)
    assert run.elapsed() > 0
    assert run.left() == pytest.approx(120 * 60 * 0.95 - run.elapsed(), abs=0.5)


def test_however_short_the_limit_there_is_time_to_close():
    run = Run()
    run.set_limit(1.0, 0.05)
    assert run.left() == pytest.approx(60 - run.closing_seconds - run.elapsed(), abs=0.5)


@pytest.mark.parametrize(("minutes", "margin", "named"), [(0, 0.05, "TIME_LIMIT_MINUTES"), (120, 1.0, "TIME_MARGIN")])
def test_a_limit_out_of_range_is_named(minutes, margin, named):
    with pytest.raises(BirdlibError, match=named):
        Run().set_limit(minutes, margin)


def test_a_run_beyond_its_limit_is_a_fault(monkeypatch):
    monkeypatch.delenv("KAGGLE_IS_COMPETITION_RERUN", raising=False)
    run = Run()
    run.check_limit()
    run.set_limit(90, 0.05)
    monkeypatch.setattr(run, "elapsed", lambda: 90 * 60 + 30)
    with pytest.raises(BirdlibError, match="this run took 90.5 minutes, more than its limit of 90; set"):
        run.check_limit()


def test_without_a_known_limit_kaggles_session_counts():
    assert 11 * 3600 < Run().left() < 12 * 3600


def test_the_table_of_stages_counts_no_second_twice():
    run = Run()
    with run.stage("Score"):
        time.sleep(0.1)
        with run.timed("Score a model"):
            time.sleep(0.2)
    table = run.table()["seconds"]
    assert table["Score a model"] == pytest.approx(0.2, abs=0.1)
    assert table["Score"] == pytest.approx(0.1, abs=0.1)
    assert table.sum() == pytest.approx(run.elapsed(), abs=0.5)
