"""The benchmark of front ends and mixings, on noises instead of birds."""

import time

import numpy as np
import pandas as pd
import pytest
import soundfile


@pytest.fixture(scope="module")
def recipe(script):
    return script("recipe")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """ESC-10 in small: three categories, two folds; noises whose loudness tells them apart, and some short ones."""
    audio = tmp_path_factory.mktemp("audio")
    (audio / "esc10" / "audio").mkdir(parents=True)
    random, rows = np.random.default_rng(0), []
    for number in range(18):
        category, wave = number % 3, random.normal(0, 0.003 * 10 ** (number % 3), 96_000 + 64_000 * (number % 2))
        soundfile.write(audio / "esc10" / "audio" / f"{number}.wav", wave.clip(-1, 1), 32_000)
        rows.append(
            {"filename": f"{number}.wav", "fold": 1 + number // 9, "category": "abc"[category], "src_file": number}
        )
    pd.DataFrame(rows).to_csv(audio / "esc10" / "esc10.csv", index=False)
    return audio


@pytest.fixture
def options(recipe, sounds, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "BATCH", 4)
    return recipe.Options(sounds, tmp_path, None, "test_resnet", 5, time.time() + 600)


def test_a_model_is_judged_by_the_recordings_that_it_has_not_heard(recipe, options):
    task = recipe._task("esc10", options)
    assert task.models == [0, 1]
    for fold in task.models:
        assert not set(task.learnt(fold)) & set(task.rows(fold))
        assert len(task.learnt(fold)) == len(task.rows(fold)) == 9
        cell = recipe.Cell("esc10", recipe.BASELINE, 1, fold)
        assert recipe.run(cell, options)
        scores = np.load(cell.file(options))
        assert scores.shape == (9, 3) and (scores >= 0).all() and np.allclose(scores.sum(1), 1, atol=1e-5)
    assert "| log-mel statistics, logistic regression | 1 |" in recipe.table(task, [recipe.BASELINE], 1, options)


def test_arms_are_compared_over_the_seeds_that_are_whole_and_a_later_call_goes_on(recipe, options):
    task = recipe._task("esc10", options)
    arms = [("window", "none"), ("fixed", "all four steps")]
    cells = recipe.cells_of(task, arms, 2)
    assert len(cells) == 8 and [cell.seed for cell in cells] == [1] * 4 + [2] * 4
    assert not recipe.run(cells[0], recipe.replace(options, until=0.0)), "the time is over"
    for cell in cells[:-1]:
        assert recipe.run(cell, options)
    lines = recipe.table(task, arms, 2, options).splitlines()
    assert lines[-2].startswith("| window, none | 2 | 0.") and lines[-1].startswith("| fixed, all four steps | 1 | 0.")
    again = recipe.train(task, cells[0], options)
    np.testing.assert_array_equal(recipe.predictions(task, 0, again), np.load(cells[0].file(options)))
    found = recipe.judged(task, arms, 2, options)
    assert [len(several) for several in found.values()] == [2, 1]
    assert all(0 <= one.auc <= 1 and len(one.draws) == 200 for several in found.values() for one in several)
