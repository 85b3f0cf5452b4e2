"""The submissions of 2021 and 2022: what is asked for, and the tables that answer it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from birdlib.competition.editions import edition
from birdlib.competition.forms import (
    best_request,
    check_submission,
    empty_request,
    read_requests,
    scored_classes,
    submission_table,
)
from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.row_plan import plan_rows
from birdlib.competition.table import read_table, write_table
from birdlib.errors import BirdlibError

CLASSES = ("acafly", "brwhaw", "x_rana_a")


@pytest.fixture
def files_of(tmp_path: Path):
    """Writes tables into a folder: files_of("birdclef-2021", test="...", sample_submission="...")."""

    def make(slug: str, **tables: str) -> CompetitionFiles:
        for name, text in tables.items():
            (tmp_path / f"{name}.csv").write_text(text)
        (tmp_path / "scored_birds.json").write_text(json.dumps(CLASSES))
        return CompetitionFiles(tmp_path, edition(slug))

    return make


def asked(files: CompetitionFiles, *stems: str):
    requests, problems = read_requests(files, CLASSES)
    assert problems == []
    return best_request(requests, stems)


# ---------------------------------------------------------------- 2021: the birds of a window


TEST_2021 = "row_id,site,audio_id,seconds\n3575_COL_10,COL,3575,10\n3575_COL_5,COL,3575,5\n57_SSW_5,SSW,57,5\n"


def test_a_row_of_2021_names_the_birds_of_its_window(files_of, tmp_path):
    files = files_of("birdclef-2021", test=TEST_2021, sample_submission="row_id,birds\n3575_COL_5,nocall\n")
    plan = plan_rows(asked(files, "3575_COL_20170101"), {"3575_COL_20170101": 10.0, "57_SSW_20180101": 5.0})
    assert {stem: ends.tolist() for stem, ends in plan.ends.items()} == {
        "3575_COL_20170101": [5, 10],
        "57_SSW_20180101": [5],
    }
    scores = np.array([[0.9, 0.1, 0.5], [0, 0.49, 0], [0, 1, 0]])
    write_table(submission_table(plan, scores), tmp_path / "submission.csv")
    assert (tmp_path / "submission.csv").read_text() == (
        "row_id,birds\n3575_COL_10,acafly x_rana_a\n3575_COL_5,nocall\n57_SSW_5,brwhaw\n"
    )
    assert check_submission(tmp_path / "submission.csv", plan) == []
    assert submission_table(plan, scores, lambda given: given > 2)["birds"].tolist() == ["nocall"] * 3


def test_where_2021_asks_for_placeholders_rows_are_named_as_that_year_names_them(files_of):
    files = files_of("birdclef-2021", test="row_id,site,audio_id,seconds\n1_COL_5,COL,1,5\n")
    plan = plan_rows(asked(files), {"3575_COL_20170101": 10.0})
    assert plan.row_ids == ("3575_COL_5", "3575_COL_10")
    none = plan_rows(empty_request(files, CLASSES), {"3575_COL_20170101": 5.0})
    assert none.row_ids == ("3575_COL_5",) and none.classes == CLASSES


@pytest.mark.parametrize("complete", ["test", "sample_submission"])
def test_of_two_tables_the_one_that_names_the_recordings_counts(files_of, complete):
    tables = {"test": "row_id\n1_COL_5\n", "sample_submission": "row_id,birds\n1_COL_5,nocall\n"}
    whole = {"test": "row_id\n57_SSW_5\n57_SSW_10\n", "sample_submission": "row_id,birds\n57_SSW_5,a\n57_SSW_10,b\n"}
    request = asked(files_of("birdclef-2021", **tables | {complete: whole[complete]}), "57_SSW_20180101")
    assert request.row_ids == ("57_SSW_5", "57_SSW_10")


def test_a_table_that_cannot_be_read_leaves_the_other_one(files_of):
    files = files_of("birdclef-2021", test="site\nCOL\n", sample_submission="row_id,birds\n57_SSW_5,nocall\n")
    requests, problems = read_requests(files, CLASSES)
    assert [request.row_ids for request in requests] == [("57_SSW_5",)]
    assert len(problems) == 1 and problems[0].endswith("test.csv: not readable as a table (there is no column row_id)")


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["acafly", "zebra", "nocall"], "1 cell (zebra) of birds that are neither"),
        (["acafly nocall", "nocall", "nocall"], "1 cell (acafly nocall) of birds"),
        (["acafly acafly", "nocall", "nocall"], "1 cell (acafly acafly) of birds"),
        (["", "nocall", "nocall"], "of birds that are neither"),
    ],
)
def test_cells_that_are_no_birds_are_found(files_of, tmp_path, cells, problem):
    plan = plan_rows(asked(files_of("birdclef-2021", test=TEST_2021)), {})
    write_table(pd.DataFrame({"row_id": plan.row_ids, "birds": cells}), tmp_path / "submission.csv")
    (told,) = check_submission(tmp_path / "submission.csv", plan)
    assert problem in told
    wrong = pd.DataFrame({"row_id": plan.row_ids[:2], "bird": ["nocall"] * 2})
    assert len(check_submission(wrong, plan)) == 3  # the column twice, the row


# ---------------------------------------------------------------- 2022: a class in a window


ROWS_2022 = [(f"s_1_{bird}_{end}", "s_1", bird, str(end)) for bird in CLASSES for end in (5, 10)]


def table_2022(rows=ROWS_2022, columns=("row_id", "file_id", "bird", "end_time")) -> str:
    return "\n".join(",".join(row[: len(columns)]) for row in [columns, *rows]) + "\n"


@pytest.mark.parametrize("columns", [("row_id", "file_id", "bird", "end_time"), ("row_id",)], ids=["test", "sample"])
def test_a_row_of_2022_says_whether_a_class_is_in_a_window(files_of, tmp_path, columns):
    rows = [ROWS_2022[place] for place in (5, 0, 3, 1, 4, 2)]
    plan = plan_rows(asked(files_of("birdclef-2022", test=table_2022(rows, columns)), "s_1"), {"s_1": 10.0})
    assert plan.row_ids == ("s_1_10", "s_1_5") and plan.classes == CLASSES
    assert plan.ends["s_1"].tolist() == [5, 10] and plan.rows["s_1"].tolist() == [1, 0]
    scores = np.array([[0.9, 0.1, 0.2], [0.3, 0.8, 0.7]])
    write_table(submission_table(plan, scores), tmp_path / "submission.csv")
    table = read_table(tmp_path / "submission.csv")
    assert table["row_id"].tolist() == [row[0] for row in rows]
    assert table["target"].tolist() == [False, False, False, True, True, True]
    assert check_submission(tmp_path / "submission.csv", plan) == []


def test_where_2022_asks_for_placeholders_each_class_of_each_window_gets_a_row(files_of):
    plan = plan_rows(asked(files_of("birdclef-2022", test=table_2022())), {"s_2": 15.0, "s_3": 5.0})
    assert plan.targets.row_ids[:4] == ("s_2_acafly_5", "s_2_acafly_10", "s_2_acafly_15", "s_2_brwhaw_5")
    assert len(plan.targets.row_ids) == 12
    scores = np.arange(12).reshape(4, 3) / 11
    table = submission_table(plan, scores).set_index("row_id")["target"]
    assert table["s_2_acafly_15"] == (scores[2, 0] >= 0.5) and table["s_3_x_rana_a_5"]


def test_a_class_that_is_asked_for_and_in_no_list_gets_its_rows(files_of):
    rows = [*ROWS_2022, ("s_1_zebra_5", "s_1", "zebra", "5"), ("odd", "odd", "", "")]
    plan = plan_rows(asked(files_of("birdclef-2022", test=table_2022(rows))), {"s_1": 10.0})
    assert plan.classes == (*CLASSES, "zebra", "")
    table = submission_table(plan, np.zeros((3, 5)))
    assert table["row_id"].tolist() == [row[0] for row in rows] and not table["target"].any()


def test_targets_that_are_neither_true_nor_false_are_found(files_of):
    plan = plan_rows(asked(files_of("birdclef-2022", test=table_2022())), {})
    right = submission_table(plan, np.zeros((2, 3)))
    assert check_submission(right, plan) == []
    assert check_submission(right.assign(target=0.5), plan) == [
        "6 targets (0.5, 0.5, 0.5, …) other than True and False"
    ]
    assert check_submission(right[:-1], plan) == ["1 row (s_1_x_rana_a_10) missing"]


def test_scored_classes_are_the_lists(files_of, tmp_path):
    files = files_of("birdclef-2022")
    assert scored_classes(files) == CLASSES
    for text in ("{", "{}", "[1]"):
        (tmp_path / "scored_birds.json").write_text(text)
        with pytest.raises(BirdlibError, match=r"scored_birds.json: (not readable as JSON|expected a list of labels)"):
            scored_classes(files)
    (tmp_path / "train_metadata.csv").write_text("filename,primary_label\nXC1.ogg, b \nXC2.ogg,a\n")
    assert scored_classes(CompetitionFiles(tmp_path, edition("birdclef-2021"))) == ("a", "b")
