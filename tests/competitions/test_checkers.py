"""The folders have their year's shape, and the checkers tell a right submission from each kind of wrong one."""

import csv

import pytest

from .checkers import check
from .folders import METADATA, YEARS


def _submission(made, folder, change=lambda lines: lines):
    columns = {2021: ["birds"], 2022: ["target"]}.get(made.year, made.classes)
    lines = change([["row_id", *columns], *(made.answer(row_id) for row_id in made.rows)])
    with open(folder / "submission.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    return check(made.year, folder / "submission.csv", made.rows, made.classes)


def cell(value):
    return lambda lines: [lines[0], [lines[1][0], value, *lines[1][2:]], *lines[2:]]


WRONG_IN_ANY_YEAR = {
    "missing": lambda lines: lines[:-1],
    "twice": lambda lines: [*lines, lines[-1]],
    "not asked for": lambda lines: [*lines, ["nowhere_5", *lines[-1][1:]]],
    "the columns are": lambda lines: [["id", *lines[0][1:]], *lines[1:]],
    "cells, not": lambda lines: [*lines[:-1], lines[-1][:-1]],
}
WRONG = [
    (2021, "no list of labels", cell("")),
    (2021, "no list of labels", cell("houspa  comsni")),
    (2021, "nobird is no bird", cell("nobird")),
    (2021, "nocall is no bird", cell("nocall {label}")),
    (2021, "a bird twice", cell("{label} {label}")),
    (2022, "neither True nor False", cell("0.7")),
    (2022, "neither True nor False", cell("")),
    *((year, "could not convert", cell("")) for year in YEARS[2:]),
    (2023, "could not convert", cell("True")),
    (2024, "not finite", cell("nan")),
    (2025, "not finite", cell("inf")),
    (2026, "no probability", cell("1.5")),
    (2023, "the columns are", lambda lines: [line[:1] + line[:0:-1] for line in lines]),
]


@pytest.mark.parametrize("year", YEARS)
def test_a_perfect_submission_is_accepted_in_any_order_of_its_rows(competition, year, tmp_path):
    assert _submission(competition(year), tmp_path) == []
    assert _submission(competition(year), tmp_path, lambda lines: lines[:1] + lines[:0:-1]) == []


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("said", WRONG_IN_ANY_YEAR)
def test_other_rows_or_columns_are_refused(competition, year, said, tmp_path):
    assert any(said in line for line in _submission(competition(year), tmp_path, WRONG_IN_ANY_YEAR[said]))


@pytest.mark.parametrize(("year", "said", "change"), WRONG)
def test_a_value_that_the_years_rules_refuse_is_refused(competition, year, said, change, tmp_path):
    made = competition(year)

    def named(lines):
        return [[text.replace("{label}", made.classes[0]) for text in line] for line in change(lines)]

    problems = _submission(made, tmp_path, named)
    assert len(problems) == 1 and said in problems[0]


def test_no_file_and_no_text_are_refused(tmp_path):
    assert check(2025, tmp_path / "submission.csv", ["a_5"], ["x"]) == ["there is no file"]
    (tmp_path / "submission.csv").write_bytes("row_id,x\na_5,0.5\n".encode("utf-16"))
    assert "UTF-8" in check(2025, tmp_path / "submission.csv", ["a_5"], ["x"])[0]


@pytest.mark.parametrize("year", YEARS)
def test_a_folder_has_its_years_files(competition, year):
    made = competition(year)
    both = {
        2021: "train_short_audio train_soundscapes train_soundscape_labels.csv train_metadata.csv test.csv",
        2022: "train_audio train_metadata.csv scored_birds.json test.csv eBird_Taxonomy_v2021.csv",
        2023: "train_audio train_metadata.csv eBird_Taxonomy_v2021.csv",
        2024: "train_audio train_metadata.csv unlabeled_soundscapes eBird_Taxonomy_v2021.csv",
        2025: "train_audio train.csv taxonomy.csv train_soundscapes recording_location.txt",
        2026: "train_audio train.csv taxonomy.csv train_soundscapes train_soundscapes_labels.csv recording_location.txt",
    }[year]
    for root in (made.public, made.hidden):
        names = {path.name for path in root.iterdir()}
        assert names == {*both.split(), "sample_submission.csv", "test_soundscapes"}
    name = "train.csv" if year >= 2025 else "train_metadata.csv"
    with open(made.public / name, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == METADATA[year].split() and len(rows) > 15
    audio = made.public / ("train_short_audio" if year == 2021 else "train_audio")
    below = [f"{row['primary_label']}/" * (year == 2021) + row["filename"] for row in rows]
    assert sorted(below) == sorted(str(path.relative_to(audio)) for path in audio.rglob("*.ogg"))
    assert len(list((made.public / "test_soundscapes").glob("*.ogg"))) == (year in (2022, 2023))
    assert len(list((made.hidden / "test_soundscapes").glob("*.ogg"))) == 4
    assert len(made.rows) == len(set(made.rows)) == 16 * (3 if year == 2022 else 1)


def test_in_2026_every_row_of_labels_is_there_twice_and_some_classes_are_nowhere_else(competition):
    made = competition(2026)
    with open(made.public / "train_soundscapes_labels.csv", newline="", encoding="utf-8") as file:
        rows = [tuple(row) for row in csv.reader(file)][1:]
    assert rows and rows[::2] == rows[1::2] and len(set(rows)) == len(rows) // 2
    labelled = {label for row in rows for label in row[3].split(";")}
    assert {"47158son16", "517063"} <= labelled <= set(made.classes)
    assert not (made.public / "train_audio" / "517063").exists()
    assert len({row[0] for row in rows}) < len(list((made.public / "train_soundscapes").iterdir()))
