"""The benchmark of the cascade: which scores go into its ensemble, and the time that is said to be saved."""

import sys

import numpy as np
import pandas as pd
import pytest

from birdlib.demo.ogg import write_ogg
from birdlib.metrics.ranking import macro_roc_auc, padded_cmap

CLASSES, WINDOWS = 4, 80


@pytest.fixture(scope="module")
def cascade(script):
    return script("cascade")


@pytest.fixture
def models():
    """Three models that hear the same birds in every second window, each in its own way."""
    random = np.random.default_rng(0)
    sings = 0.6 * (np.arange(WINDOWS) % 2 == 0)[:, None] * (random.random((WINDOWS, CLASSES)) < 0.8)
    sings[::2, 0] = 0.6
    return [(sings + random.uniform(0.01, 0.3, (WINDOWS, CLASSES))).astype(np.float32) for _ in range(3)]


def never_looked_at(cascaded, models, first, threshold):
    """Windows of each later model whose scores change nothing, whatever they are: bool [later models, windows]."""
    result, _ = cascaded(models, first, threshold, filled=True)
    unused = np.zeros((len(models) - first, len(result)), bool)
    for number in range(first, len(models)):
        for window in range(len(result)):
            other = [scores.copy() for scores in models]
            other[number][window] = 1 - other[number][window]
            unused[number - first, window] = np.array_equal(cascaded(other, first, threshold, filled=True)[0], result)
    return unused


# ---------------------------------------------------------------- nothing is spared


@pytest.mark.parametrize("filled", [True, False], ids=["filled", "not filled"])
@pytest.mark.parametrize("first", [1, 2])
def test_threshold_zero_is_the_plain_ensemble_and_saves_nothing(cascade, models, first, filled):
    scores, saved = cascade.cascaded(models, first, 0.0, filled)
    np.testing.assert_allclose(scores, (models[0] + models[1] + models[2]) / 3, rtol=1e-6)
    assert saved == 0


def test_a_window_that_just_reaches_the_threshold_is_heard_by_all(cascade, models):
    quietest = float(models[0].max(axis=1).min())
    assert cascade.cascaded(models, 1, quietest, filled=True)[1] == 0


# ---------------------------------------------------------------- something is spared


@pytest.mark.parametrize("first", [1, 2])
def test_the_share_saved_is_that_of_the_scores_nobody_looks_at(cascade, models, first):
    threshold = 0.5
    unused = never_looked_at(cascade.cascaded, models, first, threshold)
    _, saved = cascade.cascaded(models, first, threshold, filled=True)
    assert 0 < saved == pytest.approx(unused.sum() / (len(models) * WINDOWS))
    assert saved == cascade.cascaded(models, first, threshold, filled=False)[1]
    quiet = np.mean(models[:first], axis=0).max(axis=1) < threshold
    assert not unused[:, ~quiet].any(), "a window in which the first models hear something was spared"
    assert (unused == unused[0]).all(), "all later models are spared the same windows"


def test_the_higher_the_threshold_the_more_is_saved_but_never_what_the_first_models_cost(cascade, models):
    saved = [cascade.cascaded(models, 1, threshold, filled=True)[1] for threshold in (0.0, 0.5, 0.8, 1.1)]
    assert saved == sorted(saved) and saved[0] < saved[1] < saved[-1] < 2 / 3


def test_later_models_that_go_along_with_the_first_lose_nothing_where_they_are_filled(cascade, models):
    alike = [models[0], (0.5 * models[0] + 0.2).astype(np.float32), (0.1 + 0.8 * models[0]).astype(np.float32)]
    scores, saved = cascade.cascaded(alike, 1, 0.5, filled=True)
    assert saved > 0.2
    np.testing.assert_allclose(scores, np.mean(alike, axis=0), atol=1e-6)
    apart = np.abs(cascade.cascaded(alike, 1, 0.5, filled=False)[0] - np.mean(alike, axis=0))
    assert apart.max() > 0.05, "not filled, they are told apart by who heard them"


def test_not_filled_the_spared_windows_get_the_first_models_alone_and_the_others_all(cascade, models):
    spared = never_looked_at(cascade.cascaded, models, 2, 0.5)[0]
    scores, _ = cascade.cascaded(models, 2, 0.5, filled=False)
    assert spared.any() and not spared.all()
    np.testing.assert_allclose(scores[spared], (models[0] + models[1])[spared] / 2, rtol=1e-6)
    np.testing.assert_allclose(scores[~spared], (models[0] + models[1] + models[2])[~spared] / 3, rtol=1e-6)
    filled, _ = cascade.cascaded(models, 2, 0.5, filled=True)
    np.testing.assert_array_equal(filled[~spared], scores[~spared])
    assert not np.isclose(filled[spared], scores[spared]).all(axis=1).any()


def test_the_models_own_scores_stay_as_they_are(cascade, models):
    before = [scores.copy() for scores in models]
    cascade.cascaded(models, 1, 0.5, filled=True)
    cascade.cascaded(models, 1, 0.5, filled=False)
    for scores, own in zip(models, before, strict=True):
        np.testing.assert_array_equal(scores, own)


# ---------------------------------------------------------------- the table


@pytest.fixture(scope="module")
def whole(tmp_path_factory, two_models):
    """Two soundscapes of two minutes in which each window has a tone of its own, their truth, two untrained models."""
    folder = tmp_path_factory.mktemp("cascade")
    (folder / "competition" / "test_soundscapes").mkdir(parents=True)
    random, time, names = np.random.default_rng(0), np.arange(5 * 8000) / 8000, ["a", "b", "c", "d", "e"]
    for stem in ("s1", "s2"):
        tones = [np.sin(2 * np.pi * random.uniform(200, 3500) * time) for _ in range(24)]
        wave = 0.1 * np.concatenate(tones) + random.normal(0, 0.05, 120 * 8000)
        write_ogg(folder / "competition" / "test_soundscapes" / f"{stem}.ogg", wave, 8000)
    rows = [f"{stem}_{end}" for stem in ("s1", "s2") for end in range(5, 121, 5)]
    truth = pd.DataFrame((random.random((48, 5)) < 0.3).astype(float), pd.Index(rows, name="row_id"), names)
    (0 * truth).to_csv(folder / "competition" / "sample_submission.csv")
    truth.iloc[::-1, ::-1].to_csv(folder / "truth.csv")  # rows and classes in another order than the sample's
    two_models(folder / "weights", names)
    return folder


@pytest.fixture
def run(cascade, whole, monkeypatch):
    def start(*options):
        command = ["cascade.py", "--competition", str(whole / "competition"), "--truth", str(whole / "truth.csv")]
        monkeypatch.setattr(sys, "argv", [*command, "--weights", str(whole / "weights"), *options])
        return cascade.main()

    return start


def test_the_table_says_what_each_cascade_scores_and_what_the_first_model_does_alone(run, whole, script, capsys):
    assert run() == 0
    said = capsys.readouterr().out
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in said.splitlines() if "|" in line]
    body = {row[0]: row[1:] for row in lines[2:]}

    task = script("listening").task_of(whole / "competition")
    first, second = script("listening").member_scores(whole / "weights", task).values()
    truth = pd.read_csv(whole / "truth.csv").set_index("row_id")
    truth = truth.loc[list(task.plan.row_ids), list(task.plan.classes)].to_numpy()
    silent = f"{(truth.sum(axis=1) == 0).mean():.0%}"
    assert said.splitlines()[0] == f"2 models, 48 windows, {silent} of them without a call"

    def told(scores):
        return [pytest.approx(metric(truth, scores), abs=0.0006) for metric in (padded_cmap, macro_roc_auc)]

    plain = [float(value) for value in body["0%"][2:]]
    assert body["0%"][1] == "0%" and plain == told((first + second) / 2) * 2
    assert [float(value) for value in body["the first alone"][2:4]] == told(first)
    for share, quiet in (("75%", 36), ("90%", 43)):
        # Of the quiet windows one in eight is heard all the same, and the first model hears all.
        assert body[share][1] == f"{(quiet - -(-quiet // 8)) / 96:.0%}"
        assert float(body[share][0]) == pytest.approx(np.quantile(first.max(axis=1), float(share[:-1]) / 100), abs=6e-4)
        rows = np.sort(np.argsort(first.max(axis=1))[:quiet])
        alone = (first + second) / 2
        spared = np.delete(rows, np.s_[::8])
        alone[spared] = first[spared]
        assert [float(value) for value in body[share][4:]] == told(alone), "not filled"


def test_one_model_makes_no_cascade_and_that_is_said_in_a_line(run):
    with pytest.raises(SystemExit, match="^1 models: a cascade needs more than the first 1$"):
        run("--models", "*seed1")
