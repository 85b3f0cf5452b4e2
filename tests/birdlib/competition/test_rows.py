"""Which rows a submission has, and which windows fill them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdlib.competition.editions import edition
from birdlib.competition.forms import read_requests
from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.row_plan import Request, RowPlan, plan_rows
from birdlib.competition.rows import read_classes, split_row_id
from birdlib.errors import BirdlibError

BIRDMINI = Path(__file__).resolve().parents[4] / "shared" / "audio" / "birdmini"
CLASSES = ("row_id", "amecro", "1139490")


def sample(*row_ids: str) -> Request:
    return Request(row_ids, CLASSES)


def read_sample(path: Path) -> Request:
    """What the sample_submission.csv of a competition asks for."""
    requests, problems = read_requests(CompetitionFiles(path.parent, edition("demo")))
    if problems:
        raise BirdlibError(*problems)
    return requests[0]


def windows(plan: RowPlan) -> dict[str, list[int]]:
    return {stem: ends.tolist() for stem, ends in plan.ends.items()}


def rows_agree(plan: RowPlan) -> bool:
    """Whether each window of the plan stands at the row that bears its name."""
    return all(
        split_row_id(plan.row_ids[row])[1] == end
        for stem in plan.ends
        for end, row in zip(plan.ends[stem], plan.rows[stem], strict=True)
    )


# ---- row ids


@pytest.mark.parametrize(
    ("row_id", "stem", "end"),
    [
        ("soundscape_29201_5", "soundscape_29201", 5),
        ("soundscape_12345_20", "soundscape_12345", 20),
        ("BC2026_Test_0001_S05_20250227_010002_20", "BC2026_Test_0001_S05_20250227_010002", 20),
        ("2782_SSW_600", "2782_SSW", 600),
        ("a b_5", "a b", 5),
        ("a_5.0", "a", 5),
        ("a_7.5", "a", 7.5),
        (" a_5 ", "a", 5),
        ("a_0005", "a", 5),
        ("a_86400", "a", 86_400),
    ],
)
def test_a_row_id_is_split_from_the_right(row_id: str, stem: str, end: int):
    assert split_row_id(row_id) == (stem, end)


@pytest.mark.parametrize(
    "row_id",
    ["", "soundscape", "soundscape_", "_5", "a_-5", "a_0", "a_0.0", "a_٥", "a_5.", "a_.5", "a_1e3", "a_nan", "a_inf"]
    + ["a_5x", "a_1_ 5s", "a_86401", "a_" + 400 * "9"],
)
def test_a_row_id_without_an_end_is_refused_by_name(row_id: str):
    with pytest.raises(BirdlibError, match="does not end in"):
        split_row_id(row_id)


# ---- the sample submission


def test_labels_and_row_ids_that_look_like_numbers_stay_strings(tmp_path: Path):
    path = tmp_path / "sample_submission.csv"
    path.write_text("\ufeffrow_id,1139490,01,1e5,NA\nx_5,0.25,0.25,0.25,0.25\n", encoding="utf-8")
    read = read_sample(path)
    assert read.classes == ("1139490", "01", "1e5", "NA")
    assert read.row_ids == ("x_5",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,a\nx_5,0\n", "no column row_id"),
        ("", "no column row_id"),
        ("row_id\nx_5\n", "no class column"),
    ],
)
def test_a_sample_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "sample_submission.csv"
    path.write_text(text)
    with pytest.raises(BirdlibError, match=message):
        read_sample(path)


def test_a_sample_that_is_no_table_is_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "sample_submission.csv"
    path.write_bytes(b"\xff\xfe\x00\x01row_id")
    with pytest.raises(BirdlibError, match="not readable as a table") as caught:
        read_sample(path)
    assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(BirdlibError, match="not readable as a table"):
        read_classes(path)


def test_doubled_classes_cannot_be_learnt_and_stay_doubled_in_a_submission(tmp_path: Path):
    path = tmp_path / "sample_submission.csv"
    path.write_text("row_id,a,b,a\nx_5,0,0,0\n")
    assert read_sample(path).classes == ("a", "b", "a")
    with pytest.raises(BirdlibError, match=r"sample_submission.csv: 1 column \(a\) more than once"):
        read_classes(path)


@pytest.mark.parametrize(
    ("text", "row_ids"),
    [
        ("row_id,a\nx_5,0\nx_10,0\nx_5,0\n", ("x_5", "x_10", "x_5")),
        ("row_id,a\n", ()),
        ('row_id,a\r\n"x_5",0\r\n"y, ""z""_5",0\r\n\r\n', ("x_5", 'y, "z"_5')),
        (",row_id,a\n0,x_5,0\n1,x_10,0\n", ("x_5", "x_10")),
        ("row_id,a\nx_5,0,0\nx_10,0,0\n", ("x_5", "x_10")),
        ("row_id,a\nx_5\nNA,0\n5,0\n", ("x_5", "NA", "5")),
        ("a,row_id\n0\n0,x_5\n", ("", "x_5")),
    ],
    ids=["doubled", "no row", "quoted", "an index", "rows longer than the header", "shorter", "no row id"],
)
def test_the_samples_row_ids_are_read_as_they_stand(tmp_path: Path, text: str, row_ids: tuple[str, ...]):
    path = tmp_path / "sample_submission.csv"
    path.write_text(text, newline="")
    assert read_sample(path).row_ids == row_ids


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_sample_that_a_spreadsheet_saved_is_read(tmp_path: Path, encoding: str, delimiter: str):
    path = tmp_path / "sample_submission.csv"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes((mark + "row_id,a,é\r\nx;y_5,0,0\r\n").replace(",", delimiter).encode(encoding))
    if delimiter == ";":
        path.write_bytes((mark + 'row_id;a;é\r\n"x;y_5";0;0\r\n').encode(encoding))
    assert read_sample(path) == Request(("x;y_5",), ("row_id", "a", "é"))


def test_a_sample_of_half_a_character_is_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "sample_submission.csv"
    path.write_bytes("row_id,a\nx_5,0\n".encode("utf-16")[:-1])
    with pytest.raises(BirdlibError, match="not readable as a table"):
        read_sample(path)


def test_a_sample_that_is_not_in_utf8_keeps_its_bytes(tmp_path: Path):
    path = tmp_path / "sample_submission.csv"
    path.write_bytes(b"row_id,m\xe9sange\n\xe9_5,0\n")
    read = read_sample(path)
    assert (read.row_ids[0].encode("utf-8", "surrogateescape"), len(read.classes)) == (b"\xe9_5", 1)


# ---- the plan


def test_the_samples_rows_are_kept_in_its_own_order():
    plan = plan_rows(sample("b_10", "a_5", "b_5", "a_10"), {"a": 10.0, "b": 10.0})
    assert plan.row_ids == ("b_10", "a_5", "b_5", "a_10")
    assert windows(plan) == {"a": [5, 10], "b": [5, 10]}
    assert plan.rows["b"].tolist() == [2, 0]
    assert rows_agree(plan)
    assert plan.notes == () and plan.classes == ("amecro", "1139490")


def test_a_short_last_window_is_kept_where_the_sample_asks_for_it():
    plan = plan_rows(sample("a_5", "a_10", "a_15"), {"a": 12.3})
    assert windows(plan) == {"a": [5, 10, 15]}


def test_windows_that_the_sample_does_not_ask_for_are_not_scored():
    plan = plan_rows(sample("a_5", "a_15"), {"a": 600.0})
    assert windows(plan) == {"a": [5, 15]}


def test_rows_without_a_recording_and_recordings_without_a_row_are_reported():
    plan = plan_rows(sample("a_5", "gone_5", "gone_10"), {"a": 5.0, "extra": 5.0})
    assert plan.row_ids == ("a_5", "gone_5", "gone_10")
    assert plan.without_recording == ("gone_5", "gone_10")
    assert plan.unasked == ("extra",)
    assert any("gone_5" in note for note in plan.notes) and any("extra" in note for note in plan.notes)


def test_a_recording_of_unknown_length_keeps_the_samples_rows():
    plan = plan_rows(sample("a_5", "broken_5", "broken_10"), {"a": 5.0, "broken": None})
    assert windows(plan) == {"a": [5], "broken": [5, 10]}


def test_where_the_sample_holds_placeholders_all_full_windows_become_rows():
    plan = plan_rows(sample("placeholder_5"), {"soundscape_2": 14.9, "soundscape_10": 10.0, "tiny": 3.0})
    assert plan.row_ids == ("soundscape_10_5", "soundscape_10_10", "soundscape_2_5", "soundscape_2_10")
    assert rows_agree(plan)
    assert plan.ends["tiny"].size == 0
    assert "placeholders only" in plan.notes[0]


def test_three_rows_for_hundreds_of_recordings_are_placeholders_even_if_one_of_them_exists():
    recordings = {f"soundscape_{29201 + n}": 600.0 for n in range(200)}
    plan = plan_rows(sample(*(f"soundscape_29201_{end}" for end in (5, 10, 15))), recordings)
    assert len(plan.row_ids) == 24_000
    assert rows_agree(plan)


def test_a_sample_that_covers_what_it_names_is_authoritative_however_few_that_are():
    recordings = {f"s_{n}": 10.0 for n in range(9)}
    plan = plan_rows(sample("s_3_5", "s_3_10"), recordings)
    assert plan.row_ids == ("s_3_5", "s_3_10")
    assert len(plan.unasked) == 8


def test_rows_that_no_recording_fills_and_that_are_as_many_as_there_are_windows_are_no_placeholders():
    asked = sample("other_5", "other_10")
    assert plan_rows(asked, {"a": 10.0}).row_ids == plan_rows(asked, {"a": 10.0}).without_recording == asked.row_ids
    assert plan_rows(asked, {"a": 15.0}).row_ids == ("a_5", "a_10", "a_15")


def test_a_broken_recording_among_placeholders_gets_as_many_rows_as_most_others():
    plan = plan_rows(sample("placeholder_5"), {"a": 60.0, "b": 60.0, "c": 15.0, "broken": None})
    assert windows(plan)["broken"] == list(range(5, 61, 5))
    assert any("broken" in note and "unknown length" in note for note in plan.notes)


def test_a_hair_under_ten_minutes_still_has_all_its_windows():
    plan = plan_rows(sample("placeholder_5"), {"a": 600 - 1 / 32_000, "b": 599.96, "c": 600.04, "d": 599.9})
    assert [len(ends) for ends in plan.ends.values()] == [120, 120, 120, 119]


def test_without_any_recording_the_sample_stays_as_it_is():
    plan = plan_rows(sample("a_5", "a_10"), {})
    assert plan.row_ids == ("a_5", "a_10")
    assert plan.without_recording == plan.row_ids
    assert windows(plan) == {}


def test_the_rows_of_2021_find_their_file_by_its_beginning():
    recordings = {"2782_SSW_20170701": 600.0, "2782_COR_20170701": 600.0, "278_SSW_20170702": 600.0}
    plan = plan_rows(sample("2782_SSW_5", "2782_SSW_10", "278_SSW_5"), recordings)
    assert windows(plan) == {"2782_SSW_20170701": [5, 10], "278_SSW_20170702": [5]}
    assert plan.row_ids == ("2782_SSW_5", "2782_SSW_10", "278_SSW_5")


def test_a_beginning_that_two_files_share_matches_neither():
    plan = plan_rows(sample("2782_SSW_5", "x_5"), {"2782_SSW_1": 5.0, "2782_SSW_2": 5.0, "x": 5.0})
    assert plan.without_recording == ("2782_SSW_5",)


@pytest.mark.parametrize("bad", ["soundscape", "", "a_-5", "a_x", f"a_{10**30}"])
def test_a_row_id_that_names_no_window_costs_its_own_row_only(bad: str):
    plan = plan_rows(sample("a_5", bad, "a_10"), {"a": 10.0})
    assert plan.row_ids == ("a_5", bad, "a_10") and plan.unclear == (bad,)
    assert windows(plan) == {"a": [5, 10]} and plan.rows["a"].tolist() == [0, 2]


def test_a_doubled_row_is_scored_twice():
    plan = plan_rows(sample("a_10", "a_5", "a_10"), {"a": 10.0})
    assert plan.row_ids == ("a_10", "a_5", "a_10")
    assert windows(plan) == {"a": [5, 10, 10]} and plan.rows["a"].tolist() == [1, 0, 2]


def test_ends_off_the_grid_beyond_the_recording_and_with_decimals_keep_their_rows():
    plan = plan_rows(sample("a_7", "a_500", "a_5.0", "a_12.5"), {"a": 20.0})
    assert windows(plan) == {"a": [5, 7, 12.5, 500]} and plan.rows["a"].tolist() == [2, 0, 3, 1]


def test_accents_written_in_another_way_name_the_same_recording():
    plan = plan_rows(sample("\u00e9_5"), {"e\u0301": 5.0, "e": 5.0})
    assert windows(plan) == {"e\u0301": [5]}


def test_a_sample_without_rows_gets_them_from_the_recordings():
    assert plan_rows(sample(), {"a": 10.0}).row_ids == ("a_5", "a_10")
    assert plan_rows(sample(), {}).row_ids == ()


def test_a_part_of_the_windows_of_a_part_of_the_recordings_is_no_placeholder():
    recordings = {f"s_{n}": 60.0 for n in range(9)}
    plan = plan_rows(sample(*(f"s_3_{end}" for end in range(5, 55, 5))), recordings)
    assert len(plan.row_ids) == 10


@given(
    st.dictionaries(
        st.text("ab_1", min_size=1, max_size=6),
        st.lists(st.integers(1, 40), min_size=1, unique=True),
        min_size=1,
    ),
    st.randoms(use_true_random=False),
)
def test_any_complete_sample_is_followed_row_by_row(asked: dict[str, list[int]], random):
    row_ids = [f"{stem}_{end}" for stem, ends in asked.items() for end in ends]
    random.shuffle(row_ids)
    plan = plan_rows(sample(*row_ids), {stem: 0.0 for stem in asked})
    assert plan.row_ids == tuple(row_ids)
    assert rows_agree(plan)
    assert sorted(np.concatenate(list(plan.rows.values()))) == list(range(len(row_ids)))


@pytest.mark.skipif(not BIRDMINI.is_dir(), reason="the shared recordings of real birds are not here")
def test_the_real_mini_competition_has_480_rows_of_41_classes():
    read = read_sample(BIRDMINI / "sample_submission.csv")
    assert (len(read.row_ids), len(read.classes)) == (480, 41)
    recordings = {path.stem: 600.0 for path in (BIRDMINI / "test_soundscapes").glob("*.ogg")}
    plan = plan_rows(read, recordings)
    built = plan_rows(Request(("placeholder_5",), read.columns), recordings)
    assert plan.row_ids == built.row_ids == read.row_ids
    assert plan.notes == ()
