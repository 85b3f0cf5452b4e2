"""Scoring submission files against a truth file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from birdlib.errors import BirdlibError
from birdlib.metrics.ranking import macro_roc_auc, padded_cmap
from birdlib.metrics.scoring import score_submission, score_submissions, scores_table

BIRDMINI = Path(__file__).resolve().parents[4] / "shared" / "audio" / "birdmini"


@pytest.fixture
def truth() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame((random.random((24, 3)) < 0.4).astype(int), columns=["crow", "owl", "1139490"])
    frame.insert(0, "row_id", [f"soundscape_{s}_{end}" for s in "ab" for end in range(5, 65, 5)])
    return frame


@pytest.fixture
def submission(truth: pd.DataFrame) -> pd.DataFrame:
    scores = truth.copy()
    scores[["crow", "owl", "1139490"]] = np.random.default_rng(1).random((24, 3))
    return scores


def score(folder: Path, submission: pd.DataFrame, truth: pd.DataFrame):
    submission.to_csv(folder / "submission.csv", index=False)
    truth.to_csv(folder / "truth.csv", index=False)
    return score_submission(folder / "submission.csv", folder / "truth.csv", repeats=20)


def test_both_metrics_come_with_their_intervals_and_a_row_per_class(tmp_path: Path, submission, truth):
    report = score(tmp_path, submission, truth)
    labels, scores = truth.iloc[:, 1:].to_numpy(), submission.iloc[:, 1:].to_numpy()
    assert report.metrics["padded cmAP"].value == pytest.approx(padded_cmap(labels, scores))
    assert report.metrics["macro ROC-AUC"].value == pytest.approx(macro_roc_auc(labels, scores))
    assert report.table()["metric"].tolist() == ["padded cmAP", "macro ROC-AUC"]
    assert (report.table()["low"] <= report.table()["high"]).all()
    assert report.per_class["class"].tolist() == ["crow", "owl", "1139490"]


def test_rows_and_columns_in_another_order_are_scored_the_same(tmp_path: Path, submission, truth):
    straight = score(tmp_path, submission, truth)
    mixed = submission.sample(frac=1, random_state=0)[["owl", "1139490", "row_id", "crow"]]
    assert score(tmp_path, mixed, truth).metrics == straight.metrics


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda t: t.iloc[1:], r"1 row \(soundscape_a_5\) missing"),
        (lambda t: pd.concat([t, t.iloc[:1]]), r"1 row \(soundscape_a_5\) doubled"),
        (lambda t: t.drop(columns="owl"), r"1 column \(owl\) missing"),
        (lambda t: t.assign(eagle=0.1), r"1 column \(eagle\) not asked for"),
        (lambda t: t.assign(owl=np.nan), r"1 column \(owl\) with NaN"),
        (lambda t: t.assign(owl="loud"), r"1 column \(owl\) not numeric"),
        (lambda t: t.rename(columns={"row_id": "id"}), "no column row_id"),
    ],
)
def test_a_submission_that_does_not_fit_the_truth_is_never_scored(tmp_path: Path, submission, truth, spoil, problem):
    with pytest.raises(BirdlibError, match=problem):
        score(tmp_path, spoil(submission), truth)


def test_a_truth_that_is_none_is_refused(tmp_path: Path, submission, truth):
    with pytest.raises(BirdlibError, match="other than 0 and 1"):
        score(tmp_path, submission, truth.assign(owl=0.5))
    with pytest.raises(BirdlibError, match="truth.csv: not a table of 0 and 1"):
        score(tmp_path, submission, truth.assign(owl="loud"))
    with pytest.raises(BirdlibError, match="truth.csv: 1 row .* more than once"):
        score(tmp_path, submission, pd.concat([truth, truth.iloc[:1]]))


def test_a_single_soundscape_is_scored_without_an_interval(tmp_path: Path, submission, truth):
    report = score(tmp_path, submission.iloc[:12], truth.iloc[:12])
    assert 0 < report.metrics["padded cmAP"].value < 1
    assert report.table()[["low", "high"]].isna().all(axis=None)


def test_several_submissions_stand_side_by_side_each_with_its_own_score(tmp_path: Path, submission, truth):
    classes = ["crow", "owl", "1139490"]
    truth.to_csv(tmp_path / "truth.csv", index=False)
    tables = {"guessed": submission, "perfect": truth, "upside down": submission.assign(**(1 - submission[classes]))}
    files = {}
    for name, table in tables.items():
        files[name] = tmp_path / f"{name}.csv"
        table.to_csv(files[name], index=False)
    reports = score_submissions(files, tmp_path / "truth.csv", repeats=20)
    table = scores_table(reports)
    assert table["submission"].tolist() == ["guessed"] * 2 + ["perfect"] * 2 + ["upside down"] * 2
    assert table["metric"].tolist() == ["padded cmAP", "macro ROC-AUC"] * 3
    areas = table[table["metric"] == "macro ROC-AUC"].set_index("submission")["value"]
    assert areas["perfect"] == 1 and areas["guessed"] + areas["upside down"] == pytest.approx(1)
    alone = score_submission(files["guessed"], tmp_path / "truth.csv", repeats=20)
    assert reports["guessed"].metrics == alone.metrics


def test_submissions_that_cannot_be_compared_are_refused(tmp_path: Path, submission, truth):
    score(tmp_path, submission, truth)
    file = tmp_path / "submission.csv"
    with pytest.raises(BirdlibError, match="trained and untrained are the same file .*; attach the submission of each"):
        score_submissions({"trained": file, "untrained": file}, tmp_path / "truth.csv")
    with pytest.raises(BirdlibError, match="no submission to score"):
        score_submissions({}, tmp_path / "truth.csv")


@pytest.mark.skipif(not BIRDMINI.is_dir(), reason="the shared recordings of real birds are not here")
def test_the_sample_submission_of_the_real_mini_competition_scores_as_chance():
    report = score_submission(BIRDMINI / "sample_submission.csv", BIRDMINI / "soundscape_labels.csv", repeats=10)
    assert report.metrics["macro ROC-AUC"].value == 0.5
    assert report.metrics["padded cmAP"].value == pytest.approx(0.46, abs=0.05)
