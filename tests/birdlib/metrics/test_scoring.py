"""Scoring submission files against a truth file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import ROWWISE_F1, WEIGHTED_ACCURACY
from birdlib.metrics.ranking import MACRO_ROC_AUC, PADDED_CMAP
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


def score(folder: Path, submission: pd.DataFrame, truth: pd.DataFrame, metric=PADDED_CMAP):
    submission.to_csv(folder / "submission.csv", index=False)
    truth.to_csv(folder / "truth.csv", index=False)
    return score_submission(folder / "submission.csv", folder / "truth.csv", metric, repeats=20)


def test_both_metrics_come_with_their_intervals_and_a_row_per_class(tmp_path: Path, submission, truth):
    report = score(tmp_path, submission, truth)
    labels, scores = truth.iloc[:, 1:].to_numpy(), submission.iloc[:, 1:].to_numpy()
    assert report.metrics["padded cmAP"].value == pytest.approx(PADDED_CMAP(labels, scores))
    assert report.metrics["macro ROC-AUC"].value == pytest.approx(MACRO_ROC_AUC(labels, scores))
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
        (lambda t: pd.concat([t, t.iloc[:1]]), r"1 row \(soundscape_a_5\) more than once"),
        (lambda t: t.drop(columns="owl"), r"1 column \(owl\) missing"),
        (lambda t: t.assign(eagle=0.1), r"1 column \(eagle\) not asked for"),
        (lambda t: t.assign(owl=np.nan), "24 scores are NaN"),
        (lambda t: t.assign(owl="loud"), "submission.csv: not a table of numbers"),
        (lambda t: t.rename(columns={"row_id": "id"}), "no column row_id"),
    ],
)
def test_a_submission_that_does_not_fit_the_truth_is_never_scored(tmp_path: Path, submission, truth, spoil, problem):
    with pytest.raises(BirdlibError, match=problem):
        score(tmp_path, spoil(submission), truth)


def test_a_truth_that_is_none_is_refused(tmp_path: Path, submission, truth):
    with pytest.raises(BirdlibError, match="other than 0 and 1"):
        score(tmp_path, submission, truth.assign(owl=0.5))
    with pytest.raises(BirdlibError, match="truth.csv: not a table of numbers"):
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
    reports = score_submissions(files, tmp_path / "truth.csv", PADDED_CMAP, repeats=20)
    table = scores_table(reports)
    assert table["submission"].tolist() == ["guessed"] * 2 + ["perfect"] * 2 + ["upside down"] * 2
    assert table["metric"].tolist() == ["padded cmAP", "macro ROC-AUC"] * 3
    areas = table[table["metric"] == "macro ROC-AUC"].set_index("submission")["value"]
    assert areas["perfect"] == 1 and areas["guessed"] + areas["upside down"] == pytest.approx(1)
    alone = score_submission(files["guessed"], tmp_path / "truth.csv", PADDED_CMAP, repeats=20)
    assert reports["guessed"].metrics == alone.metrics


def test_submissions_that_cannot_be_compared_are_refused(tmp_path: Path, submission, truth):
    score(tmp_path, submission, truth)
    file = tmp_path / "submission.csv"
    with pytest.raises(BirdlibError, match="trained and untrained are the same file .*; attach the submission of each"):
        score_submissions({"trained": file, "untrained": file}, tmp_path / "truth.csv", PADDED_CMAP)
    with pytest.raises(BirdlibError, match="no submission to score"):
        score_submissions({}, tmp_path / "truth.csv", PADDED_CMAP)


@pytest.mark.skipif(not BIRDMINI.is_dir(), reason="the shared recordings of real birds are not here")
def test_the_sample_submission_of_the_real_mini_competition_scores_as_chance():
    report = score_submission(
        BIRDMINI / "sample_submission.csv", BIRDMINI / "soundscape_labels.csv", MACRO_ROC_AUC, repeats=10
    )
    assert report.metrics["macro ROC-AUC"].value == 0.5
    assert report.metrics["padded cmAP"].value == pytest.approx(0.46, abs=0.05)


# ---------------------------------------------------------------- labels, in 2021's and 2022's forms

BIRDS = {"1_COL_5": "crow owl", "1_COL_10": "nocall", "2_SSW_5": "crow", "2_SSW_10": "nocall"}


def birds(rows: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"row_id": list(rows), "birds": list(rows.values())})


def test_lists_of_labels_are_scored_set_by_set(tmp_path: Path):
    submission = birds(BIRDS | {"1_COL_5": "crow eagle", "2_SSW_10": "owl"})
    report = score(tmp_path, submission, birds(BIRDS), ROWWISE_F1)
    assert list(report.metrics) == ["row-wise micro F1", "weighted accuracy"]
    assert report.metrics["row-wise micro F1"].value == pytest.approx((1 / 2 + 1 + 1 + 0) / 4)
    assert set(report.classes) == {"crow", "owl", "eagle"}  # a wrong label that the truth does not know
    assert score(tmp_path, birds(BIRDS), birds(BIRDS), ROWWISE_F1).metrics["row-wise micro F1"].value == 1


def test_a_table_of_whole_names_is_the_truth_of_row_ids_without_their_date(tmp_path: Path):
    rows = ["1_COL_20190904_5", "1_COL_20190904_10", "2_SSW_20170523_5", "2_SSW_20170523_10"]
    truth = pd.DataFrame({"row_id": rows, "crow": [1, 0, 1, 0], "owl": [1, 0, 0, 0]})
    assert score(tmp_path, birds(BIRDS), truth, ROWWISE_F1).metrics["row-wise micro F1"].value == 1


def targets(cells: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame({"row_id": list(cells), "target": list(cells.values())})


TARGETS = {"s_1_crow_5": True, "s_1_owl_5": False, "s_1_crow_10": False, "s_1_owl_10": False, "s_2_crow_5": True}


def test_a_row_for_each_bird_and_window_is_scored_bird_by_bird(tmp_path: Path):
    submission = targets(TARGETS | {"s_2_crow_5": False, "s_1_owl_5": True})
    report = score(tmp_path, submission, targets(TARGETS), WEIGHTED_ACCURACY)
    assert list(report.metrics) == ["weighted accuracy", "row-wise micro F1"]
    assert report.metrics["weighted accuracy"].value == pytest.approx(((1 / 2 + 1) / 2 + 1 / 2) / 2)


def test_a_table_of_windows_is_the_truth_of_the_birds_that_are_asked_for(tmp_path: Path):
    truth = pd.DataFrame({"row_id": ["s_1_5", "s_1_10", "s_2_5"], "crow": [1, 0, 1], "owl": 0, "eagle": 1})
    report = score(tmp_path, targets(TARGETS), truth, WEIGHTED_ACCURACY)
    assert report.metrics["weighted accuracy"].value == 1 and report.classes == ("crow", "owl")


@pytest.mark.parametrize(
    ("submission", "known", "metric", "problem"),
    [
        (birds(BIRDS | {"1_COL_5": " "}), birds(BIRDS), ROWWISE_F1, r"1 row \(1_COL_5\) without a label; write nocall"),
        (birds(BIRDS).iloc[1:], birds(BIRDS), ROWWISE_F1, r"1 row \(1_COL_5\) missing"),
        (birds(BIRDS), birds(BIRDS), PADDED_CMAP, "holds labels, which padded cmAP cannot score; name its own"),
        (targets(TARGETS | {"s_1_owl_5": "maybe"}), targets(TARGETS), WEIGHTED_ACCURACY, "1 target .'maybe'. other than"),
        (targets(TARGETS).iloc[1:], targets(TARGETS), WEIGHTED_ACCURACY, "1 rows missing"),
        (targets({"5": True}), targets(TARGETS), WEIGHTED_ACCURACY, r"1 row id \(5\) without _<class>_<end>"),
        (targets(TARGETS | {"s_1_eagle_5": True}), targets(TARGETS), WEIGHTED_ACCURACY, r"column \(eagle\) not asked"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_the_truth_are_never_scored(tmp_path: Path, submission, known, metric, problem: str):
    with pytest.raises(BirdlibError, match=problem) as error:
        score(tmp_path, submission, known, metric)
    assert "\n" not in str(error.value)


def test_probabilities_are_not_scored_as_labels(tmp_path: Path, submission, truth):
    with pytest.raises(BirdlibError, match="holds probabilities, which row-wise micro F1 cannot score"):
        score(tmp_path, submission, truth, ROWWISE_F1)
