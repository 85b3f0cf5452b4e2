"""The benchmark on real sounds: what its kernels may see, ESC-10's own folds, and how its table reads."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from accelerate import Accelerator

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.demo.ogg import write_ogg
from birdlib.training.trainer import Trainer
from kernelgen.recipe import load_project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def real_birds():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import real_birds
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return real_birds


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """ESC-10 in small: 2 categories, 5 folds, 2 clips of each in each; one clip is shorter than the others."""
    source = tmp_path_factory.mktemp("esc10")
    (source / "audio").mkdir()
    random, rows = np.random.default_rng(0), []
    for fold in range(1, 6):
        for target, category in enumerate(("dog", "rain")):
            for number in range(2):
                name = f"{fold}-{target}{number}-A-{target}.ogg"
                seconds = 0.6 if (fold, target, number) == (1, 0, 0) else 1.0
                write_ogg(source / "audio" / name, random.normal(0, 0.1, round(32_000 * seconds)), 32_000)
                rows.append({"filename": name, "fold": fold, "category": category, "author": "someone"})
    pd.DataFrame(rows).to_csv(source / "esc10.csv", index=False)
    return source


# ---------------------------------------------------------------- what the kernels see


def test_the_copy_for_the_kernels_is_without_the_truth_and_whatever_else_lies_there(real_birds, tmp_path):
    competition = tmp_path / "birdmini"
    for folder in ("train_audio/robin", "test_soundscapes"):
        (competition / folder).mkdir(parents=True)
    for name in ("train_metadata.csv", "sample_submission.csv", "soundscape_labels.csv", "soundscape_events.csv"):
        (competition / name).write_text(name)
    (competition / "train_audio/robin/XC1.ogg").write_bytes(b"song")
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / "soundscape_labels.csv").write_text("of an earlier run")
    real_birds.copy_without_truth(competition, tmp_path / "seen")
    there = sorted(
        str(path.relative_to(tmp_path / "seen")) for path in (tmp_path / "seen").rglob("*") if path.is_file()
    )
    assert there == ["sample_submission.csv", "train_audio/robin/XC1.ogg", "train_metadata.csv"]


def test_a_folder_that_is_no_competition_is_named(real_birds, tmp_path):
    with pytest.raises(SystemExit, match="train_audio.*missing"):
        real_birds.copy_without_truth(tmp_path, tmp_path / "seen")


def test_the_kernels_of_the_benchmark_are_in_the_recipe_and_none_is_given_the_truth(real_birds):
    kernels = load_project(ROOT).kernels
    for name in real_birds.KERNELS:
        attached = [source.literal for source in kernels[name].attached]
        assert not [literal for literal in attached if "truth" in literal or "labels" in literal], name
        assert not [need for need in kernels[name].needs if need not in real_birds.KERNELS], name


def test_the_truth_comes_in_the_order_of_the_submission(real_birds, tmp_path):
    path = tmp_path / "soundscape_labels.csv"
    path.write_text("row_id,b,a\ns_10,1,0\ns_5,0,1\n")
    assert real_birds.aligned_truth(path, ["s_5", "s_10"], ["a", "b"]).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(SystemExit, match="other rows or classes"):
        real_birds.aligned_truth(path, ["s_5", "s_15"], ["a", "b"])


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("test_resnet-wdfbn-ema-60-full-seed1", "TEACHERS"),
        ("rkl-test_resnet-wdfbn-test_resnet-ema-60-full-seed1", "STUDENTS"),
        ("rkl-test_resnet-time-wdfbn-test_resnet-ema-60-full-seed2", "TIME_STUDENTS"),
    ],
)
def test_a_models_name_says_what_it_is(real_birds, name, kind):
    assert real_birds.kind_of(name) == getattr(real_birds, kind)


def test_several_seeds_are_told_with_their_spread(real_birds):
    assert real_birds.spread([0.5]) == "0.500"
    assert real_birds.spread([0.7, 0.8, 0.9]) == "0.800 ± 0.100 (0.700 to 0.900)"


def test_perfect_scores_are_one_and_turned_round_they_are_nought(real_birds):
    truth = np.array([[1.0, 0], [0, 1], [0, 0]])
    row = real_birds.scored("x", [truth, 1 - truth], truth)
    assert row.auc == (1.0, 0.0) and row.cmap[0] > row.cmap[1]


# ---------------------------------------------------------------- ESC-10


def test_esc10_keeps_its_own_folds(real_birds, sounds, tmp_path):
    files = real_birds.esc10_as_competition(sounds, tmp_path / "competition")
    prepared = real_birds.prepare_with_its_folds(sounds, files, tmp_path / "prepared")
    assert prepared.classes == ("dog", "rain") and len(prepared.recordings) == 20
    for fold in range(5):
        held_back = prepared.recordings["filename"].iloc[prepared.validation_rows(fold)]
        assert len(held_back) == 4
        assert {name.split("/")[1][0] for name in held_back} == {str(fold + 1)}
        assert not set(prepared.validation_rows(fold)) & set(prepared.training_rows(fold))
    again = Prepared.read(tmp_path / "prepared", CompetitionFiles(tmp_path / "competition", edition("demo")))
    assert again.data_version == prepared.data_version


def test_the_recipe_of_a_kernel_is_what_a_benchmark_trains(real_birds, sounds, tmp_path):
    files = real_birds.esc10_as_competition(sounds, tmp_path / "competition")
    prepared = real_birds.prepare_with_its_folds(sounds, files, tmp_path / "prepared")
    mini = load_project(ROOT).kernels["mini-train"].settings
    recipe = mini | {"epochs": 1, "stages": [{}, {"learning_rate": 1e-4}], "head": {"name": "sed"}}
    wanted = real_birds.settings_of(recipe)
    assert [stage.learning_rate for stage in wanted.stages] == [3e-3, 1e-4]
    around = real_birds.surroundings_of(prepared, recipe, tmp_path)
    trainer = Trainer(wanted, around, Accelerator(cpu=True), seed=1, fold=0, teachers=[])
    assert trainer.name == "test_resnet-sed-wdfbn-ema-2-fold0-seed1"
    assert len(trainer.stage_run.table) == 16 and trainer.stage_run.plan.steps_per_epoch == 2


def test_accuracy_is_the_share_of_clips_whose_class_scores_highest(real_birds):
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.3], [0.1, 0.2]], np.float32)
    truth = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], np.float32)
    names = ("a_5", "b_5", "c_5", "d_5")
    heard = real_birds.Predictions(names, names, ("dog", "rain"), scores, truth, np.ones_like(truth), names)
    assert real_birds.accuracy(heard) == 0.75
