"""What a training clip costs: which stages the table has, how they add up, and what is counted."""

import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.clips import Clips
from birdlib.data.preparation import prepare
from birdlib.data.prepared import Prepared
from birdlib.demo.competition import make_competition
from kernelgen.recipe import load_project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data_path(script):
    return script("data_path")


@pytest.fixture(scope="module")
def competition(tmp_path_factory):
    folder = tmp_path_factory.mktemp("competition")
    make_competition(folder, species=3, recordings_per_species=3, broken_files=0, soundscapes=1, soundscape_seconds=10)
    return folder


@pytest.fixture(scope="module", params=["with a cache", "without a cache"])
def prepared(request, competition, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    gigabytes = 0.1 if request.param == "with a cache" else 0.0
    prepare(CompetitionFiles(competition, edition("demo")), folder, n_folds=2, cache_gigabytes=gigabytes, workers=1)
    return request.param, folder


@pytest.fixture
def measured(data_path, competition, prepared, monkeypatch, capsys):
    """Everything measured once, over a batch or two: what was printed."""
    monkeypatch.setattr(data_path, "REPEATS", 1)
    monkeypatch.setattr(data_path, "CLIPS", 4)
    command = ["data_path.py", "--competition", str(competition), "--prepared", str(prepared[1])]
    monkeypatch.setattr(sys, "argv", command)
    assert data_path.main() == 0
    return prepared[0], capsys.readouterr().out


# ---------------------------------------------------------------- what is printed


def test_the_table_has_every_step_of_the_recipe_and_the_whole_is_the_sum_of_its_stages(measured):
    kind, said = measured
    recipe = load_project(ROOT).kernels["train"].settings
    steps = {step["name"]: step["p"] for step in recipe["augmentations"]}
    rows = {name: float(spent) for name, spent in re.findall(r"^\| (.+?) \| ([\d.]+) \|$", said, re.MULTILINE)}
    assert said.startswith("| stage, 9 recordings |")
    assert [name.removesuffix(" (train)") for name in rows if name.removesuffix(" (train)") in steps] == list(steps)

    (once,) = (rows[name] for name in rows if name.startswith("mel spectrogram of") and name.endswith("(train)"))
    (double,) = (rows[name] for name in rows if "concatmix made 2 times as long" in name)
    work = once + sum(p * rows[f"{name} (train)"] for name, p in steps.items()) + steps["concatmix"] * (double - once)
    reading = {"by seeking": rows["random 5 s of a file, by seeking"]}
    if kind == "with a cache":
        reading["from the cache"] = rows["the same from the cache"]
    else:
        assert "cache" not in said
    told = re.findall(r"^the recipe of `train`, read (.+?): ([\d.]+) ms for a clip, (\d+) clips/s", said, re.MULTILINE)
    assert [how for how, _, _ in told] == list(reading)
    rounded = 0.05 + 0.005 * (4 + sum(steps.values()))
    for how, whole, clips in told:
        assert float(whole) == pytest.approx(reading[how] + work, abs=rounded)
        assert float(clips) == pytest.approx(1000 / float(whole), abs=0.5 + 1000 / float(whole) ** 2 * 0.05)
    on_gpu = re.search(r"^where there is a GPU, ([\d.]+) ms", said, re.MULTILINE)
    assert float(on_gpu[1]) == pytest.approx(work, abs=rounded)


def test_the_step_that_lengthens_clips_comes_first_as_the_table_takes_for_granted():
    assert load_project(ROOT).kernels["train"].settings["augmentations"][0]["name"] == "concatmix"


@pytest.mark.parametrize("one", ["--competition", "--prepared"])
def test_half_of_what_is_needed_is_refused_in_a_line(data_path, monkeypatch, capsys, tmp_path, one):
    monkeypatch.setattr(sys, "argv", ["data_path.py", one, str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        data_path.main()
    said = capsys.readouterr()
    assert stopped.value.code == 2 and said.out == ""
    assert said.err.strip().splitlines()[-1].endswith("--competition and --prepared go together")


# ---------------------------------------------------------------- what is counted


def test_the_first_batch_does_not_count_and_the_others_are_shared_by_their_clips(data_path, monkeypatch):
    monkeypatch.setattr(data_path, "REPEATS", 3)
    monkeypatch.setattr(data_path, "CLIPS", 10)
    asked = []

    def work(number):
        asked.append(number)
        until = time.process_time() + (0.6 if number == 0 else 0.1)
        while time.process_time() < until:
            pass

    spent = data_path.milliseconds_of_a_clip(work)
    assert asked == [0, 1, 2, 3]
    assert 10 <= spent < 20, "0.1 s of 10 clips each; with the first batch it would be 30"


def test_waiting_is_not_work(data_path, monkeypatch):
    monkeypatch.setattr(data_path, "REPEATS", 1)
    monkeypatch.setattr(data_path, "CLIPS", 1)
    assert data_path.milliseconds_of_a_clip(lambda _: time.sleep(0.3)) < 300


def test_a_batch_is_read_as_the_loader_reads_and_begins_anew_where_the_recordings_end(data_path, competition, prepared):
    own = Prepared.read(prepared[1], CompetitionFiles(competition, edition("demo")))
    table = own.clip_table(np.arange(9))
    clips = Clips(table, sample_rate=32_000, window_seconds=5, crop="random", padding="cyclic", seed=0)
    waves, targets = data_path.read(clips, 1)
    assert waves.shape == (16, 160_000) and waves.dtype == np.float32
    assert targets.shape == (16, 3)
    for place, (wave, target) in enumerate(zip(waves, targets, strict=True)):
        expected = clips[1, (16 + place) % 9]
        np.testing.assert_array_equal(wave, expected[0])
        np.testing.assert_array_equal(target, expected[1])
