"""The plan: what fits into the time left, the strongest first."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from birdlib.frontend.mel import FrontEnd
from birdlib.submission.plan import Plan

from .conftest import CLASSES, FRONT_END, write_soundscape, write_weights

ROOT = Path(__file__).resolve().parents[3]


def member(name, seconds_per_window, architecture=None):
    entry = SimpleNamespace(
        name=name,
        score=None,
        architecture=architecture or name,
        precision="f32",
        front_end=FRONT_END,
        classes=CLASSES,
        seconds_per_window=seconds_per_window,
    )
    return SimpleNamespace(entry=entry, name=name)


def planned(run, costs, minutes, windows=1000):
    run.set_limit(minutes, 0.0)
    return Plan(run, [member(f"m{number}", cost) for number, cost in enumerate(costs)], windows)


def names(members):
    return [one.name for one in members]


def test_the_strongest_models_that_fit_together_are_taken(run):
    assert names(planned(run, [0.01] * 5, minutes=0.6).fitting()) == ["m0", "m1", "m2"]


def test_time_that_is_too_short_for_the_next_model_goes_to_a_cheaper_one_further_down(run):
    plan = planned(run, [0.02, 0.02, 0.005, 0.02, 0.004], minutes=0.6)
    fitting = plan.fitting()
    assert names(fitting) == ["m0", "m2", "m4"]
    left = run.left() - sum(map(plan.seconds, fitting))
    assert all(plan.seconds(one) > left for one in plan.members if one not in fitting)


def test_the_plan_is_told_before_it_is_followed(run):
    plan = planned(run, [0.02, 0.02, 0.005], minutes=0.6)
    assert plan.table()["plan"].tolist() == ["in", "out", "in"]
    assert plan.summary() == (
        "The plan: 2 of 3 models over 1,000 windows in 0.5 of the 0.6 minutes left; "
        "one more would need 0.2 minutes more."
    )


def test_compiling_and_writing_count(run):
    plan = planned(run, [0.01] * 5, minutes=0.6)
    plan.compile_seconds, plan.save_seconds = 4.0, 3.0
    assert plan.seconds(plan.members[0]) == pytest.approx(18)
    assert names(plan.fitting()) == ["m0", "m1"]


def test_a_machine_that_is_slower_than_the_exporting_one_makes_all_models_dearer(run):
    plan = planned(run, [0.01, 0.01, 0.01, 0.02], minutes=1.0)
    assert len(plan.fitting()) == 4
    plan.learn(plan.members.pop(0), 0.025)
    assert plan.seconds_per_window(plan.members[-1]) == pytest.approx(0.05)
    assert names(plan.fitting()) == ["m1", "m2"]


def test_models_of_one_kind_cost_what_one_of_them_took(run):
    run.set_limit(60, 0.0)
    members = [member(name, claimed, name[0]) for name, claimed in (("a1", 0.01), ("b1", 0.01), ("a2", 0.07))]
    plan = Plan(run, members, 1000)
    plan.learn(members[0], 0.02)
    plan.learn(members[1], 0.05)
    assert [plan.seconds_per_window(one) for one in members] == [0.02, 0.05, 0.02]


# The whole way through some models within so many seconds from when they are read.
THROTTLED = """
import sys
from pathlib import Path
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.ensemble.members import load_members
from birdlib.submission.ensemble_table import EnsembleTable
from birdlib.submission.plan import Plan
from birdlib.submission.preparation import prepare
from birdlib.submission.run import Run
from birdlib.submission.scoring import ScoringLoop
from birdlib.submission.windows import Windows

folder = Path(sys.argv[1])
run = Run()
run.closing_seconds = 0.0
task = prepare(CompetitionFiles(folder / "competition", edition("demo")), folder / "submission.csv", 5)
task.save_default(0.0)
members = load_members(folder / "weights", task.plan.classes, run.fault)
print("READY", flush=True)
began = run.elapsed()
run.set_limit((began + float(sys.argv[2])) / 60, 0.0)
windows = Windows(task.soundscapes, [m.entry.front_end for m in members], folder, run.fault)
table = EnsembleTable(run, task.plan.row_ids, task.plan.classes, folder=folder / "scores")
ScoringLoop(Plan(run, members, len(windows)), windows, table, task.save, "f32", batch_size=1).score()
print("MODELS", len(table.tables), "SPENT", run.elapsed() - began)
"""
WIDE = FrontEnd(32000, 5, 1024, 512, 64, 50, 14000)


def run_throttled(folder, seconds, share, period=0.1):
    """Models scored and seconds spent by a process that is let run for a share of the time only."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", THROTTLED, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | {"KAGGLE_IS_COMPETITION_RERUN": "1"},
    )
    assert process.stdout.readline() == "READY\n"  # imports are not slowed down
    while process.poll() is None:
        time.sleep(period * share)
        if share < 1:
            process.send_signal(signal.SIGSTOP)
            time.sleep(period * (1 - share))
            process.send_signal(signal.SIGCONT)
    out, _ = process.communicate()
    assert process.returncode == 0, out
    return int(out.split("MODELS ")[1].split()[0]), float(out.split("SPENT ")[1]), out


@pytest.fixture
def slow_competition(tmp_path):
    folder = tmp_path / "competition"
    (folder / "test_soundscapes").mkdir(parents=True)
    write_soundscape(folder / "test_soundscapes" / "soundscape_1.ogg", 120, 1)
    rows = [f"soundscape_1_{end}" for end in range(5, 121, 5)]
    lines = ["row_id," + ",".join(CLASSES)] + [row + ",0.5" * len(CLASSES) for row in rows]
    (folder / "sample_submission.csv").write_text("\n".join(lines) + "\n")
    return folder


def heavy_model(seed):
    """Enough arithmetic that the processor's speed counts: about 30 ms of a core for a window."""
    import torch

    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 96, 3, padding=1),
        torch.nn.SiLU(),
        torch.nn.Conv2d(96, 96, 3, stride=2, padding=1),
        torch.nn.SiLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(96, 6),
    ).eval()


def test_a_machine_that_is_slowed_down_scores_fewer_models_in_time_and_never_lacks_the_file(tmp_path, slow_competition):
    models = {f"m{seed}": (heavy_model(seed), 1 - seed / 100) for seed in range(6)}
    write_weights(tmp_path / "weights", models, front_end=WIDE)
    everything, spent, _ = run_throttled(tmp_path, seconds=600, share=1.0)
    assert everything == 6
    (tmp_path / "submission.csv").unlink()
    limit = 1.5 * spent
    some, spent, out = run_throttled(tmp_path, seconds=limit, share=0.2)
    assert 1 <= some < 6, out
    assert spent < 1.2 * limit + 1, out  # other work on the machine may delay what was begun
    table = pd.read_csv(tmp_path / "submission.csv").set_index("row_id")
    assert len(table) == 24 and table.notna().all().all() and (table > 0).all().all()
