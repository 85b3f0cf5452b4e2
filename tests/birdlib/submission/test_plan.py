"""The plan: what fits into the time left, the strongest first, measured on this machine."""

import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest

from birdlib.ensemble.arrangement import (
    Arrangement,
    arrangements_to_try,
    measure_arrangements,
    trial_windows,
    usual_arrangement,
)
from birdlib.ensemble.members import CompiledMember, load_members
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.inference.requests import usable_cores
from birdlib.submission import plan as plan_module
from birdlib.submission.plan import Candidate, Plan, make_plan
from birdlib.submission.windows import Windows

from .conftest import CLASSES, FRONT_END, small_model, write_soundscape, write_weights

ROOT = Path(__file__).resolve().parents[3]


def stop(error):
    raise error


def candidate(name, seconds_per_window):
    entry = SimpleNamespace(
        name=name, score=None, architecture=name, precision="f32", front_end=FRONT_END, classes=CLASSES
    )
    return Candidate(SimpleNamespace(entry=entry, name=name), seconds_per_window=seconds_per_window)


def planned(run, costs, minutes, windows=1000):
    run.set_limit(minutes, 0.0)
    models = [candidate(f"m{number}", cost) for number, cost in enumerate(costs)]
    return Plan(run, models, windows, Arrangement(2, 4), "f32")


def names(candidates):
    return [one.member.name for one in candidates]


def test_the_strongest_models_that_fit_together_are_taken(run):
    assert names(planned(run, [0.01] * 5, minutes=0.6).chosen()) == ["m0", "m1", "m2"]


def test_time_that_is_too_short_for_the_next_model_goes_to_a_cheaper_one_further_down(run):
    plan = planned(run, [0.02, 0.02, 0.005, 0.02, 0.004], minutes=0.6)
    assert names(plan.chosen()) == ["m0", "m2", "m4"]
    left = run.left() - sum(map(plan.seconds, plan.chosen()))
    assert all(plan.seconds(one) > left for one in plan.candidates if one not in plan.chosen())


def test_the_plan_is_told_before_it_is_followed(run):
    plan = planned(run, [0.02, 0.02, 0.005], minutes=0.6)
    assert plan.table()["plan"].tolist() == ["in", "out", "in"]
    assert plan.summary() == (
        "The plan: 2 of 3 models over 1,000 windows in 0.5 of the 0.6 minutes left (2 streams, batches of 4); "
        "one more would need 0.2 minutes more."
    )


def test_a_model_that_a_cascade_spares_nothing_costs_all_windows(run):
    plan = planned(run, [0.02] * 4, minutes=0.6)
    for one in plan.candidates[1:]:
        one.windows = 300
    assert names(plan.chosen()) == ["m0", "m1", "m2"]
    assert "3 of 4 models over 1,000 windows" in plan.summary()
    plan.candidates = plan.candidates[1:]
    assert names(plan.chosen()) == ["m1", "m2", "m3"]
    assert "3 of 3 models over 300 windows" in plan.summary()


def test_decoding_and_mels_are_counted_once(run):
    plan = planned(run, [0.01, 0.01], minutes=0.4)
    assert len(plan.chosen()) == 2
    plan.preparing_per_window = 0.005 * usable_cores()
    assert len(plan.chosen()) == 1
    plan.scored(plan.candidates.pop(0), seconds=15.0, windows=1000)
    assert plan.shared_seconds() == 0 and plan.pace == pytest.approx(1.0)


def test_a_model_slower_than_measured_makes_the_others_dearer_until_measured_again(run):
    plan = planned(run, [0.01] * 5, minutes=1.0)
    assert len(plan.chosen()) == 5
    plan.scored(plan.candidates.pop(0), seconds=25.0, windows=1000)
    assert len(plan.chosen()) == 2


def many_models(tmp_path, count, competition, run, **options):
    weights = write_weights(
        tmp_path / "weights", {f"m{seed}": (small_model(seed), 1 - seed / 100) for seed in range(count)}
    )
    members = load_members(weights, CLASSES, stop)
    from birdlib.competition.layout import CompetitionFiles
    from birdlib.submission.preparation import prepare

    task = prepare(CompetitionFiles(competition), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END], tmp_path, stop)
    return make_plan(run, members, windows, precision="f32", **options)


def test_of_models_that_do_the_same_arithmetic_one_is_measured(run, competition, tmp_path, monkeypatch):
    compiled = []
    make = CompiledMember.__init__
    monkeypatch.setattr(
        CompiledMember,
        "__init__",
        lambda self, member, **how: (compiled.append(member.name), make(self, member, **how))[1],
    )
    plan = many_models(tmp_path, 4, competition, run)
    assert compiled == ["m0"]
    assert all(one.measured and one.seconds_per_window > 0 for one in plan.candidates)
    assert plan.preparing_per_window > 0


def test_arrangements_are_tried_only_where_scoring_takes_long_enough_to_pay_for_it(
    run, competition, tmp_path, monkeypatch
):
    assert many_models(tmp_path, 1, competition, run).trial is None
    monkeypatch.setattr(plan_module, "_seconds_to_try", lambda candidate, tried: -100.0)
    plan = many_models(tmp_path, 1, competition, run)
    assert set(plan.trial["windows in a batch"]) == {4, 12}
    assert (plan.trial["windows per second"] > 0).all()
    chosen = plan.trial[plan.trial["chosen"] == "yes"]
    assert [(int(chosen.index[0]), int(chosen["windows in a batch"].iloc[0]))] == [
        (plan.arrangement.streams, plan.arrangement.batch_size)
    ]


def test_what_the_recipe_says_of_the_arrangement_is_kept():
    assert arrangements_to_try(3, 5) == [Arrangement(3, 5)] == [usual_arrangement(3, 5)]
    assert {one.streams for one in arrangements_to_try(3, 0)} == {3}
    assert {one.batch_size for one in arrangements_to_try(0, 5)} == {5}
    assert arrangements_to_try()[0] == usual_arrangement() == Arrangement(usable_cores(), 4)


def test_an_arrangement_that_is_clearly_faster_replaces_the_usual_one(run, competition, tmp_path, monkeypatch):
    speeds = {4: 0.01, 12: 0.008}
    monkeypatch.setattr(plan_module, "_seconds_to_try", lambda candidate, tried: -100.0)
    monkeypatch.setattr(
        "birdlib.ensemble.arrangement._timed", lambda compiled, round_of, seconds: speeds[compiled.batch_size]
    )
    plan = many_models(tmp_path, 2, competition, run, streams=2)
    assert plan.arrangement == Arrangement(2, 12)
    speeds[12] = 0.0098
    assert many_models(tmp_path, 2, competition, run, streams=2).arrangement == Arrangement(2, 4)


def test_trying_arrangements_scores_as_many_windows_as_its_cost_is_reckoned_by(run, competition, tmp_path, monkeypatch):
    plan = many_models(tmp_path, 1, competition, run)
    tried = arrangements_to_try()
    counted = []
    predict = CompiledMember.predict

    def counting(compiled, blocks, scores, **options):
        for count in predict(compiled, blocks, scores, **options):
            counted.append(count)
            yield count

    monkeypatch.setattr(CompiledMember, "predict", counting)
    measure_arrangements(plan.candidates[0].member, tried, precision="f32")
    assert sum(counted) == trial_windows(tried)


def test_an_arrangement_that_this_machine_cannot_run_costs_no_model(run, competition, tmp_path, monkeypatch, capsys):
    make = CompiledMember.__init__

    def only_small_batches(self, member, *, batch_size, **how):
        if batch_size == 12:
            raise RuntimeError("[CPU] out of memory")
        make(self, member, batch_size=batch_size, **how)

    monkeypatch.setattr(plan_module, "_seconds_to_try", lambda candidate, tried: -100.0)
    monkeypatch.setattr(CompiledMember, "__init__", only_small_batches)
    plan = many_models(tmp_path, 2, competition, run)
    assert len(plan.chosen()) == 2 and plan.arrangement == usual_arrangement() and plan.trial is None
    assert "Other arrangements could not be tried ([CPU] out of memory)" in capsys.readouterr().out


def test_models_are_ordered_by_the_worth_that_the_recipe_gives_them(tmp_path):
    weights = write_weights(
        tmp_path / "weights", {name: (small_model(1), score) for name, score in (("b1", 0.1), ("b2", 0.2), ("a1", 0.3))}
    )
    order = lambda models: [one.name for one in load_members(weights, CLASSES, stop, models)]  # noqa: E731
    assert order(["*"]) == ["a1", "b2", "b1"]
    assert order(["b*", "*"]) == ["b2", "b1", "a1"]
    assert order(["b1", "a1"]) == ["b1", "a1"]
    with pytest.raises(BirdlibError, match=r"^MODELS: 'c\*' means no model of .* \(it has a1, b2, b1\)$"):
        order(["c*", "*"])


def test_batches_are_cut_and_joined_so_that_only_the_last_is_short(tmp_path):
    weights = write_weights(tmp_path / "weights", {"m": (small_model(1), 0.5)})
    (member,) = load_members(weights, CLASSES, stop)
    random = np.random.default_rng(0)
    mels = random.standard_normal((23, *FRONT_END.shape)).astype(np.float32)
    one = np.empty((23, 6), np.float32)
    list(CompiledMember(member, precision="f32", batch_size=1).predict([(np.arange(23), mels)], one))
    other = np.empty((23, 6), np.float32)
    blocks = [(np.arange(start, min(start + 7, 23)), mels[start : start + 7]) for start in range(0, 23, 7)]
    counts = list(CompiledMember(member, precision="f32", batch_size=5).predict(blocks, other))
    assert counts == [5, 5, 5, 5, 3]
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_blocks_that_share_their_memory_are_scored_as_others_are(tmp_path):
    weights = write_weights(tmp_path / "weights", {"m": (small_model(1), 0.5)})
    (member,) = load_members(weights, CLASSES, stop)
    mels = np.random.default_rng(0).standard_normal((23, *FRONT_END.shape)).astype(np.float32)

    def blocks():
        memory = np.empty_like(mels[:7])
        for start in range(0, 23, 7):
            rows = np.arange(start, min(start + 7, 23))
            memory[: len(rows)] = mels[rows]
            yield rows, memory[: len(rows)]
            memory[:] = np.nan

    compiled = CompiledMember(member, precision="f32", batch_size=5)
    apart, shared = np.empty((23, 6), np.float32), np.empty((23, 6), np.float32)
    list(compiled.predict([(np.arange(23), mels)], apart))
    list(compiled.predict(blocks(), shared))
    np.testing.assert_array_equal(shared, apart)


def test_a_model_that_nobody_needs_any_more_is_gone_with_its_threads(tmp_path):
    """Twenty models of some hundred MB each follow one another."""
    weights = write_weights(tmp_path / "weights", {"m": (small_model(1), 0.5)})
    (member,) = load_members(weights, CLASSES, stop)
    mels, scores = np.zeros((9, *FRONT_END.shape), np.float32), np.empty((9, 6), np.float32)

    def use():
        compiled = CompiledMember(member, precision="f32", batch_size=2, streams=2)
        list(compiled.predict([(np.arange(9), mels)], scores))
        return weakref.ref(compiled)

    assert use()() is None
    before = psutil.Process().num_threads()
    for _ in range(5):
        use()
    assert psutil.Process().num_threads() <= before


def test_windows_are_read_back_alone_as_well_as_together(competition, tmp_path):
    from birdlib.competition.layout import CompetitionFiles
    from birdlib.submission.preparation import prepare

    task = prepare(CompetitionFiles(competition), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END], tmp_path, stop)

    def mels_of(wanted=None):
        blocks = windows.blocks(FRONT_END, wanted)
        return {int(row): mel.copy() for rows, mels in blocks for row, mel in zip(rows, mels, strict=True)}

    whole = mels_of()
    wanted = np.zeros(18, bool)
    wanted[[0, 1, 2, 7, 9, 10, 17]] = True
    some = mels_of(wanted)
    assert sorted(some) == np.flatnonzero(wanted).tolist()
    assert all(np.array_equal(mel, whole[row]) for row, mel in some.items())


# The whole way through some models within so many seconds from when they are read.
THROTTLED = """
import sys
from pathlib import Path
from birdlib.competition.layout import CompetitionFiles
from birdlib.ensemble.members import load_members
from birdlib.submission.plan import make_plan
from birdlib.submission.preparation import prepare
from birdlib.submission.run import Run
from birdlib.submission.scoring import EnsembleTable, score_ensemble
from birdlib.submission.windows import Windows

folder = Path(sys.argv[1])
run = Run()
run.closing_seconds = 0.0
task = prepare(CompetitionFiles(folder / "competition"), folder / "submission.csv", 5)
task.save_default(0.0)
members = load_members(folder / "weights", task.plan.classes, run.fault)
print("READY", flush=True)
began = run.elapsed()
run.set_limit((began + float(sys.argv[2])) / 60, 0.0)
windows = Windows(task.soundscapes, [m.entry.front_end for m in members], folder, run.fault)
plan = make_plan(run, members, windows, precision="f32", batch_size=1)
table = EnsembleTable(len(task.plan.row_ids), len(task.plan.classes), 0.0)
score_ensemble(plan, windows, table, task.save)
print("MODELS", table.models, "SPENT", run.elapsed() - began)
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
