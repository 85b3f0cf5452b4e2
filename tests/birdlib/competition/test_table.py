"""The submission's table: made, checked, written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdlib.competition.forms import check_submission, submission_table
from birdlib.competition.row_plan import Request, RowPlan, plan_rows
from birdlib.competition.table import read_table, write_table
from birdlib.errors import BirdlibError

PLAN = plan_rows(Request(("a_5", "a_10", "b_5"), ("row_id", "zebra", "1139490")), {"a": 10.0, "b": 5.0})
SCORES = np.array([[0.25, 1], [1e-7, 0], [0.123456789, 1]])


def table() -> pd.DataFrame:
    return submission_table(PLAN, SCORES)


def test_the_table_has_the_samples_columns_and_rows():
    made = table()
    assert list(made.columns) == ["row_id", "zebra", "1139490"]
    assert made["row_id"].tolist() == ["a_5", "a_10", "b_5"]
    np.testing.assert_array_equal(made[["zebra", "1139490"]].to_numpy(), SCORES)


def test_the_row_id_column_stays_where_the_sample_has_it():
    plan = plan_rows(Request(("a_5",), ("x", "row_id", "y")), {})
    assert list(submission_table(plan, np.zeros((1, 2))).columns) == ["x", "row_id", "y"]


def test_scores_of_another_shape_and_scores_that_are_no_numbers_are_refused():
    with pytest.raises(BirdlibError, match=r"\(2, 3\).*\(3, 2\)"):
        submission_table(PLAN, SCORES.T)
    with pytest.raises(BirdlibError, match="a_10"):
        submission_table(PLAN, np.where(SCORES == 0, np.nan, SCORES))


def test_a_written_table_comes_back_as_floats_to_six_digits_and_passes_the_check(tmp_path: Path):
    path = tmp_path / "submission.csv"
    write_table(table(), path)
    back = pd.read_csv(path)
    assert (back.dtypes[["zebra", "1139490"]] == np.float64).all()
    np.testing.assert_allclose(back[["zebra", "1139490"]], SCORES, rtol=1e-5)
    assert check_submission(path, PLAN) == []
    assert [p.name for p in tmp_path.iterdir()] == ["submission.csv"]


def test_a_table_that_a_spreadsheet_saved_is_read_as_the_usual_one(tmp_path: Path):
    path = tmp_path / "submission.csv"
    write_table(table(), path)
    usual = read_table(path)
    path.write_text(path.read_text().replace(",", ";"), encoding="utf-16")
    pd.testing.assert_frame_equal(read_table(path), usual)


def test_a_write_that_fails_leaves_the_old_table_whole(tmp_path: Path):
    path = tmp_path / "submission.csv"
    write_table(table(), path)
    before = path.read_bytes()

    class Unprintable:
        def __str__(self) -> str:
            raise OSError("disk full")

    with pytest.raises(OSError):
        write_table(table().assign(note=[Unprintable()] * 3), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["submission.csv"]


def test_names_with_commas_quotes_and_line_ends_survive_writing(tmp_path: Path):
    odd = pd.DataFrame({"row_id": ['a,"b"_5', "c\nd_5"], "Crow, American": [0.5, 0.25]})
    write_table(odd, tmp_path / "odd.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "odd.csv"), odd)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_any_probability_is_written_to_six_digits(tmp_path_factory, values: list[float]):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    frame = pd.DataFrame({"row_id": [f"a_{n + 1}" for n in range(len(values))], "x": values})
    write_table(frame, path)
    np.testing.assert_allclose(read_table(path)["x"], values, rtol=1e-5, atol=1e-300)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda t: t.iloc[:-1], "1 row (b_5) missing"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "1 row (a_5) doubled"),
        (lambda t: pd.concat([t, t.iloc[:1].assign(row_id="c_5")]), "1 row (c_5) not asked for"),
        (lambda t: t.iloc[[1, 0, 2]], "rows in another order: a_10 stands where a_5 should"),
        (lambda t: t.drop(columns="zebra"), "1 column (zebra) missing"),
        (lambda t: t.assign(crow=0.5), "1 column (crow) not asked for"),
        (
            lambda t: t[["row_id", "1139490", "zebra"]],
            "columns in another order: 1139490 stands where zebra should",
        ),
        (lambda t: t.assign(zebra=[0.1, np.nan, 0.2]), "1 column (zebra) with NaN or infinite values"),
        (lambda t: t.assign(zebra=[0.1, np.inf, 0.2]), "1 column (zebra) with NaN or infinite values"),
        (lambda t: t.assign(zebra=["0.1", "much", "0.2"]), "1 column (zebra) not numeric"),
        (lambda t: t.assign(zebra=[True, False, True]), "1 column (zebra) not numeric"),
        (lambda t: t.assign(zebra=[0.1, 1.01, 0.2]), "1 column (zebra) with values outside 0 to 1"),
        (lambda t: t.assign(zebra=[0.1, -0.01, 0.2]), "1 column (zebra) with values outside 0 to 1"),
    ],
)
def test_each_fault_is_found_in_the_table_and_in_the_file(tmp_path: Path, spoil, problem: str):
    spoilt = spoil(table())
    assert check_submission(spoilt, PLAN) == [problem]
    spoilt.to_csv(tmp_path / "submission.csv", index=False)
    assert check_submission(tmp_path / "submission.csv", PLAN) == [problem]


def test_several_faults_are_several_lines():
    spoilt = table().iloc[:-1].assign(crow=0.5, zebra=[np.nan, 2])
    assert len(check_submission(spoilt, PLAN)) == 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no column row_id"),
        ("zebra,1139490\n0,0\n0,0\n0,0\n", "no column row_id"),
        ("row_id,zebra,1139490\na_5,0,0,0.5\na_10,0,0,0.5\nb_5,0,0,0.5\n", "not readable"),
        ("row_id,zebra,1139490\na_5,0,0\na_10,0\nb_5,0,0\n", "(1139490) with NaN"),
    ],
)
def test_a_file_that_is_no_proper_table_is_reported_not_raised(tmp_path: Path, text: str, problem: str):
    path = tmp_path / "submission.csv"
    path.write_text(text)
    (found,) = check_submission(path, PLAN)
    assert problem in found and "\n" not in found


def test_a_sample_with_doubled_rows_and_classes_has_them_doubled_in_the_submission(tmp_path: Path):
    columns = ("", "zebra", "row_id", "5", "zebra")
    plan = plan_rows(Request(("a_5", "NA", "a_5"), columns), {"a": 5.0})
    scores = np.arange(12).reshape(3, 4) / 16
    path = tmp_path / "submission.csv"
    write_table(submission_table(plan, scores), path)
    assert path.read_text().splitlines()[0] == ",zebra,row_id,5,zebra"
    assert check_submission(path, plan) == []
    np.testing.assert_array_equal(read_table(path).drop(columns="row_id"), scores)
    once = RowPlan(("a_5", "NA"), ("row_id", "5", "zebra"))
    assert check_submission(path, once) == [
        "1 column () not asked for",
        "1 column (zebra) doubled",
        "1 row (a_5) doubled",
    ]


def test_a_table_without_rows_is_valid(tmp_path: Path):
    plan = plan_rows(Request((), ("row_id", "a")), {})
    write_table(submission_table(plan, np.empty((0, 1), np.float32)), tmp_path / "submission.csv")
    assert check_submission(tmp_path / "submission.csv", plan) == []


def test_different_scores_stay_different_in_the_file(tmp_path: Path):
    high = np.float32(1) - np.float32(2**-24) * np.arange(1, 6, dtype=np.float32)
    low = np.array([1e-38, 1e-9, 0.12345678, 0.12345679, 0.5], np.float32)
    write_table(pd.DataFrame({"row_id": list("abcde"), "high": high, "low": low}), tmp_path / "t.csv")
    back = read_table(tmp_path / "t.csv")
    assert back["high"].max() < 1 and back["high"].nunique() == back["low"].nunique() == 5
    np.testing.assert_array_equal(back[["high", "low"]].astype(np.float32), np.stack([high, low], axis=1))


def test_a_missing_file_is_reported_not_raised(tmp_path: Path):
    (found,) = check_submission(tmp_path / "submission.csv", PLAN)
    assert "submission.csv" in found
