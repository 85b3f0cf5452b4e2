"""The task: what is asked for and at hand, and what is wrong with it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from birdlib.audio.recordings import probe
from birdlib.competition.editions import edition
from birdlib.competition.forms import check_submission
from birdlib.competition.layout import CompetitionFiles
from birdlib.errors import BirdlibError
from birdlib.submission import preparation
from birdlib.submission.preparation import find_files, prepare, prepare_dry_run, write_valid_file

from .conftest import CLASSES, write_soundscape


def test_a_row_id_that_cannot_be_understood_is_named_and_costs_its_own_row(competition, tmp_path):
    path = competition / "sample_submission.csv"
    path.write_text(path.read_text().replace("soundscape_1_15", "soundscape_one"))
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv")
    (problem,) = task.problems
    assert "competition: 1 row id ('soundscape_one') without _<end" in problem
    assert task.windows == 17
    task.save_default(0.25)
    assert check_submission(task.target, task.plan) == []
    assert len(pd.read_csv(task.target)) == 18


def test_doubled_rows_and_classes_are_named_and_kept(competition, tmp_path):
    path = competition / "sample_submission.csv"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head.replace("f", "a"), *lines, lines[0]]) + "\n")
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv")
    row_ids, columns = task.problems
    assert f"1 row id ({lines[0].partition(',')[0]}) more than once" in row_ids
    assert "1 column (a) more than once" in columns
    task.save_default(0.25)
    assert check_submission(task.target, task.plan) == [] and task.windows == 19


def test_scores_are_written_from_0_to_below_1_and_what_is_no_number_as_0(competition, tmp_path):
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv")
    given = np.linspace(-1, 2, 18 * 6).reshape(18, 6)
    given[3, 3] = np.nan
    task.save(given)
    assert check_submission(task.target, task.plan) == []
    scores = pd.read_csv(task.target).drop(columns="row_id").to_numpy()
    assert scores.min() == 0 and 0.9999999 < scores.max() < 1  # the metric of 2023 adds rows of 1


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(float(2**63) / 32000, "says that it is 2.88e+14 s long"), (MemoryError("6 TB"), "MemoryError('6 TB')")]
    + [(SystemExit(3), "SystemExit(3)"), (RuntimeError("soxr"), "RuntimeError('soxr')")],
    ids=["2^63 frames", "no memory", "exit", "crash"],
)
@pytest.mark.parametrize("sample", ["complete", "placeholders"])
def test_a_recording_of_absurd_length_costs_its_own_rows_only(
    competition, tmp_path, monkeypatch, sample, seconds, told
):
    def odd_probe(path):
        if path.stem != "soundscape_1":
            return probe(path)
        if isinstance(seconds, BaseException):
            raise seconds
        return SimpleNamespace(seconds=seconds)

    monkeypatch.setattr(preparation, "probe", odd_probe)
    path = competition / "sample_submission.csv"
    if sample == "placeholders":
        path.write_text("".join(path.read_text().replace("soundscape_", "other_").splitlines(True)[:4]))
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv")
    assert {soundscape.path.stem for soundscape in task.soundscapes} == {"soundscape_0", "soundscape_2"}
    assert len(task.plan.row_ids) == 18 and task.windows == 12  # of unknown length: as many rows as the others have
    (problem,) = task.problems
    assert problem.startswith("soundscape_1.ogg: ") and told in problem


def test_a_valid_file_is_there_before_any_recording_is_looked_at(competition, tmp_path):
    path, target = competition / "sample_submission.csv", tmp_path / "submission.csv"
    write_valid_file(CompetitionFiles(competition, edition("demo")), target, 0.25)
    written = pd.read_csv(target)
    assert written["row_id"].tolist() == pd.read_csv(path)["row_id"].tolist()
    assert (written.drop(columns="row_id") == 0.25).all().all()


def test_a_folder_of_another_year_is_told_and_taken_for_what_it_looks_like(competition, tmp_path):
    (competition / "train_metadata.csv").write_text("")
    (competition / "train_audio").mkdir(exist_ok=True)
    for slug, told in (("birdclef-2025", "is not of birdclef-2025: no train.csv"), ("birdclef", "no competition")):
        faults = []
        files = find_files(competition, slug, faults.append)
        assert files.edition.slug == "birdclef-2023" and len(faults) == 1 and told in str(faults[0])
        write_valid_file(files, tmp_path / "submission.csv", 0.25)
        assert check_submission(tmp_path / "submission.csv", prepare(files, tmp_path / "submission.csv").plan) == []


@pytest.mark.parametrize("listed", [True, False], ids=["with its list", "without"])
def test_2022_scores_windows_and_writes_a_row_for_each_class_that_is_asked_for(competition, tmp_path, listed):
    (competition / "sample_submission.csv").write_text("row_id,target\nplaceholder_a_5,True\n")
    asked = [(f"soundscape_1_{bird}_{end}", "soundscape_1", bird, end) for bird in "cb" for end in range(30, 0, -5)]
    columns = ["row_id", "file_id", "bird", "end_time"]
    pd.DataFrame(asked, columns=columns).to_csv(competition / "test.csv", index=False)
    if listed:
        (competition / "scored_birds.json").write_text('["b", "c", "d"]')
    files, target = CompetitionFiles(competition, edition("birdclef-2022")), tmp_path / "submission.csv"
    write_valid_file(files, target, 0.75)
    written = pd.read_csv(target)
    assert written["row_id"].tolist() == [row[0] for row in asked] and not written["target"].any()
    task = prepare(files, target)
    assert task.windows == 6 and task.plan.classes == (("b", "c", "d") if listed else ("c", "b"))
    assert ["scored_birds.json is missing" in problem for problem in task.problems] == ([] if listed else [True])
    task.save(np.repeat(np.float32([[0.9], [0.1]]), 3, axis=0).repeat(len(task.plan.classes), axis=1))
    assert pd.read_csv(target)["target"].tolist() == ([True] * 3 + [False] * 3) * 2  # the last windows come first
    assert check_submission(target, task.plan) == []
    (competition / "train_audio").mkdir()
    write_soundscape(competition / "train_audio" / "XC1.ogg", 10, 1)
    rehearsal = prepare_dry_run(files, task.plan.classes, 1, tmp_path / "dry_run.csv")
    rehearsal.save_default(0.75)
    assert len(pd.read_csv(rehearsal.target)) == rehearsal.windows * len(task.plan.classes)


def test_a_sample_that_cannot_be_read_is_copied_as_it_is(competition, tmp_path):
    path, target = competition / "sample_submission.csv", tmp_path / "submission.csv"
    path.write_bytes("row_id,a\nx_5,0.5\n".encode("utf-16")[:-1])
    with pytest.raises(BirdlibError, match="not readable as a table"):
        write_valid_file(CompetitionFiles(competition, edition("demo")), target, 0.25)
    assert target.read_bytes() == path.read_bytes()


def test_without_a_sample_the_rows_are_those_of_the_recordings(competition, tmp_path):
    """First those of recordings of the year's length, a minute, then of the lengths that they have."""
    (competition / "sample_submission.csv").unlink()
    for label in CLASSES:
        (competition / "train_audio" / label).mkdir(parents=True)
    files, target = CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv"
    with pytest.raises(BirdlibError, match=r"sample_submission\.csv is missing; rows are made of 3 recordings"):
        write_valid_file(files, target, 0.25)
    written = pd.read_csv(target).set_index("row_id")
    assert written.index[[0, -1]].tolist() == ["soundscape_0_5", "soundscape_2_60"] and len(written) == 36
    assert written.columns.tolist() == list(CLASSES) and (written == 0.25).all().all()
    task = prepare(files, target)
    assert task.plan.row_ids[5:7] == ("soundscape_0_30", "soundscape_1_5") and task.windows == 18
    assert task.problems == () and "no rows are asked for: rows built from 3 recordings" in task.notes[0]


def test_of_a_sample_that_a_spreadsheet_saved_a_usual_submission_is_made(competition, tmp_path):
    path, target = competition / "sample_submission.csv", tmp_path / "submission.csv"
    usual = path.read_text()
    path.write_text(usual.replace(",", ";"), encoding="utf-16")
    files = CompetitionFiles(competition, edition("demo"))
    write_valid_file(files, target, 0.25)
    assert pd.read_csv(target)["row_id"].tolist() == [line.partition(",")[0] for line in usual.splitlines()[1:]]
    task = prepare(files, target)
    assert task.windows == 18 and check_submission(target, task.plan) == []


def test_recordings_whose_end_is_padded_or_not_scored_are_counted_and_named(competition, tmp_path):
    audio = competition / "test_soundscapes"
    for number, seconds in enumerate((29.9, 33, 30.04)):
        (audio / f"soundscape_{number}.ogg").unlink()
        write_soundscape(audio / f"soundscape_{number}.flac", seconds, number)
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv")
    assert task.problems == () and task.windows == 18
    assert task.notes == (
        "1 recording (soundscape_0.flac) with a last window that lacks audio: padded",
        "1 recording (soundscape_1.flac) longer than their rows: the rest is not scored",
    )


def test_two_recordings_of_one_name_are_named_and_one_is_scored(competition, tmp_path):
    (competition / "test_soundscapes" / "soundscape_1.flac").write_bytes(b"")
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv")
    assert task.windows == 18 and {item.path.suffix for item in task.soundscapes} == {".ogg"}
    assert "soundscape_1.ogg: soundscape_1.flac has the same name; remove one of them" in task.problems


def test_a_recording_that_ends_before_its_rows_is_a_problem_and_keeps_what_it_has(competition, tmp_path):
    path = competition / "test_soundscapes" / "soundscape_1.ogg"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv")
    assert "soundscape_1.ogg: " in task.problems[0] and "rows up to 30 s are asked for" in task.problems[0]
    assert len(task.soundscapes) == 3
