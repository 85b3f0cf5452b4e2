"""The metadata of every year, and what is said of wrong ones."""

import pandas as pd
import pytest

from birdlib.competition.editions import edition
from birdlib.competition.forms import scored_classes
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.metadata import read_metadata
from birdlib.errors import BirdlibError


def write(folder, columns, rows, metadata="train_metadata.csv", classes=("a", "b", "c"), slug="demo"):
    folder.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=columns.split()).to_csv(folder / metadata, index=False)
    pd.DataFrame([["x_5", *classes]], columns=["row_id", *classes]).to_csv(
        folder / "sample_submission.csv", index=False
    )
    return CompetitionFiles(folder, edition(slug))


COLUMNS = "primary_label secondary_labels author filename"
ROW = ["a", "[]", "Ann", "a/XC1.ogg"]


def test_labels_stay_strings_and_the_table_keeps_its_order(tmp_path):
    rows = [["041663", "['1139490', '041663', '1139490']", "Ann", "041663/iNat1.ogg"]]
    rows += [["1139490", "['']", "", "1139490/CSA2.ogg"]]
    files = write(tmp_path / "c", COLUMNS, rows, "train.csv", classes=("1139490", "041663"), slug="birdclef-2025")
    metadata = read_metadata(files)
    assert metadata.classes == ("1139490", "041663")
    assert metadata.table["primary_label"].tolist() == ["041663", "1139490"]
    # Neither twice, nor the primary label once more.
    assert metadata.table["secondary_labels"].tolist() == ["1139490", ""]
    assert metadata.table["filename"].tolist() == ["041663/iNat1.ogg", "1139490/CSA2.ogg"]


def test_labels_that_read_like_missing_values_are_labels(tmp_path):
    files = write(tmp_path / "c", COLUMNS, [["nan", "['null']", "NA", "nan/1.ogg"]], classes=("nan", "null"))
    table = read_metadata(files).table
    assert table.loc[0, ["primary_label", "secondary_labels", "author"]].tolist() == ["nan", "null", "NA"]


def test_2021_has_filenames_without_folders_and_no_column_per_class(tmp_path):
    rows = [["b", "[]", "Ann", "XC1.ogg"], ["a", "[]", "Bo", "XC2.ogg"]]
    files = write(tmp_path / "c", COLUMNS, rows, classes=("birds",), slug="birdclef-2021")
    metadata = read_metadata(files)
    assert metadata.table["filename"].tolist() == ["b/XC1.ogg", "a/XC2.ogg"]
    assert metadata.classes == ("a", "b")


def test_secondary_labels_of_no_class_are_counted_or_refused(tmp_path):
    rows = [["a", "['b', 'zebra']", "Ann", "a/1.ogg"], ["b", "['zebra', 'yeti']", "Bo", "b/2.ogg"]]
    files = write(tmp_path / "c", COLUMNS, rows)
    metadata = read_metadata(files)
    assert metadata.table["secondary_labels"].tolist() == ["b", ""]
    assert "2 secondary labels (yeti, zebra) that are no class of the competition" in metadata.notes[0]
    assert "3" in metadata.notes[0]
    with pytest.raises(BirdlibError, match=r"2 secondary labels \(yeti, zebra\).*unknown_secondary"):
        read_metadata(files, unknown_secondary="stop")
    with pytest.raises(BirdlibError, match="unknown_secondary = 'drop'"):
        read_metadata(files, unknown_secondary="drop")


def test_recordings_of_no_class_are_left_out_and_noted_unless_they_are_nearly_all(tmp_path):
    rows = [ROW, ["synonym", "['a']", "Bo", "synonym/2.ogg"], ["c", "['a', 'synonym']", "Cy", "c/3.ogg"]]
    metadata = read_metadata(write(tmp_path / "c", COLUMNS, rows))
    assert metadata.table["filename"].tolist() == ["a/XC1.ogg", "c/3.ogg"]
    assert metadata.table["secondary_labels"].tolist() == ["", "a"]
    assert "1 primary label (synonym) not among the 3 classes: 1 of 3 recordings left out" in metadata.notes[0]
    others = [["other", "[]", "Bo", f"other/{number}.ogg"] for number in range(20)]
    with pytest.raises(BirdlibError, match=r"\(other\) not among the 3 classes .* is it of the same competition\?"):
        read_metadata(write(tmp_path / "d", COLUMNS, [ROW, *others]))


def test_2022_learns_all_labels_whatever_is_scored(tmp_path):
    files = write(
        tmp_path / "c", COLUMNS, [ROW, ["b", "[]", "Bo", "b/2.ogg"]], classes=("target",), slug="birdclef-2022"
    )
    (tmp_path / "c" / "scored_birds.json").write_text('["b"]')
    assert read_metadata(files).classes == ("a", "b") and scored_classes(files) == ("b",)


def test_a_table_without_authors_is_read_and_says_what_that_means(tmp_path):
    metadata = read_metadata(write(tmp_path / "c", "primary_label secondary_labels filename", [["a", "[]", "a/1.ogg"]]))
    assert metadata.table["author"].tolist() == [""]
    assert metadata.notes[0] == (
        "train_metadata.csv: there is no column author: recordings of one person may be on both sides of a fold"
    )


def test_a_class_without_a_recording_is_noted(tmp_path):
    notes = read_metadata(write(tmp_path / "c", COLUMNS, [ROW])).notes
    assert len(notes) == 1 and "2 classes (b, c) without a recording" in notes[0]


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        ("primary_label author filename", [["a", "Ann", "a/1.ogg"]], "there is no column secondary_labels"),
        ("secondary_labels filename author", [["[]", "a/1.ogg", "Ann"]], "there is no column primary_label"),
        (COLUMNS, [], "has no rows"),
        (COLUMNS, [ROW, ROW], r"1 filename \(a/XC1.ogg\) more than once"),
        (COLUMNS, [["zebra", "[]", "Ann", "zebra/1.ogg"]], r"1 primary label \(zebra\) not among the 3 classes"),
        (COLUMNS, [ROW, ["", "[]", "Ann", "a/2.ogg"]], "no primary_label in line 3"),
        (COLUMNS, [["a", "['b", "Ann", "a/1.ogg"]], r"secondary_labels of a/1.ogg is no list of labels: \"\['b\""),
    ],
)
def test_a_wrong_table_is_refused_in_one_line_that_names_it(tmp_path, columns, rows, message):
    files = write(tmp_path / "c", columns, rows)
    with pytest.raises(BirdlibError, match=message) as caught:
        read_metadata(files)
    assert "train_metadata.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_the_real_birds_are_read(shared):
    metadata = read_metadata(CompetitionFiles(shared / "audio" / "birdmini", edition("birdclef-2023")))
    assert len(metadata.table) == 111 and len(metadata.classes) == 41 and metadata.notes == ()
    assert metadata.table["place"].ne("").sum() > 50
