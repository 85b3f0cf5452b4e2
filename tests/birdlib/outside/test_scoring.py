"""Recordings are scored once; a fault costs one of them, and a session's end no more than a part."""

import numpy as np
import pytest

from birdlib.competition.class_lists import join_classes, read_class_list
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.errors import BirdlibError
from birdlib.outside import scoring as scoring_module
from birdlib.outside.recordings import ScoredRecording, recordings_to_score
from birdlib.outside.scores import read_tables
from birdlib.outside.scoring import OutsideScoring
from birdlib.scores.score_table import ScoreTable


@pytest.fixture
def score(model, competition, monkeypatch):
    """Scores all groups of the competition into a folder."""
    monkeypatch.setattr(scoring_module, "_PART", 2)
    files = CompetitionFiles(competition, edition("birdclef-2023"))
    join = join_classes(read_class_list(competition, ("comrav", "comswi", "grewhi1", "unknown")), model.classes)

    def score(folder, **options):
        scoring = OutsideScoring(model, join, folder, **options)
        scoring.tables = {name: scoring.score(name, group) for name, group in recordings_to_score(files).items()}
        scoring.finish()
        return scoring

    return score


def test_all_recordings_are_scored_and_a_broken_one_costs_itself(score, tmp_path):
    scoring = score(tmp_path / "out")
    scores, embeddings = read_tables(tmp_path / "out", "focal")
    assert scores.classes == ("comrav", "comswi", "grewhi1")
    assert scores.row_ids[:3] == ("comrav/XC00_5", "comrav/XC00_10", "comrav/XC01_5")
    assert len(scores.row_ids) == 10 and embeddings.row_ids == scores.row_ids
    assert embeddings.embedding.shape == (10, 16) and embeddings.embedding.dtype == np.float16
    assert list(scoring.faults) == ["comswi/XC11"] and "cannot be read as audio" in scoring.faults["comswi/XC11"]
    assert ScoreTable.load(tmp_path / "out" / "scores" / "soundscapes.npz").row_ids == ("site_1_5", "site_1_10")
    assert read_tables(tmp_path / "out", "extra") is None
    assert not (tmp_path / "out" / "parts").exists()


def test_a_session_that_ends_is_continued_from_its_parts(score, tmp_path, model, monkeypatch):
    left = iter([1, 1, -1, -1])
    scoring = score(tmp_path / "first", time_left=lambda: next(left))
    assert scoring.tables == {"focal": None, "soundscapes": None}
    assert (tmp_path / "first" / "unfinished.txt").read_text() == "3 recordings are left to score\n"
    calls = []
    predict = scoring_module.predict_rows
    monkeypatch.setattr(scoring_module, "predict_rows", lambda *args: calls.append(1) or predict(*args))
    score(tmp_path / "second", earlier=tmp_path / "first")
    assert len(calls) == 3  # two recordings of the last part, and the soundscape
    assert not (tmp_path / "second" / "unfinished.txt").exists()
    whole = score(tmp_path / "whole").tables["focal"][0]
    assert np.array_equal(read_tables(tmp_path / "second", "focal")[0].logits, whole.logits)


def test_parts_of_another_model_are_not_taken_over(score, tmp_path):
    left = iter([1, 1, 1, -1])
    score(tmp_path / "first", time_left=lambda: next(left))
    for path in (tmp_path / "first" / "parts").glob("*.npz"):
        path.write_bytes(b"damaged")
    assert score(tmp_path / "second", earlier=tmp_path / "first").tables["focal"]


def test_a_group_without_any_readable_recording_is_refused(model, competition, tmp_path):
    join = join_classes(read_class_list(competition, ("comrav",)), model.classes)
    broken = [ScoredRecording("comswi/XC11", competition / "train_audio/comswi/XC11.ogg")]
    with pytest.raises(BirdlibError, match="focal: none of 1 recordings could be scored .*cannot be read as audio"):
        OutsideScoring(model, join, tmp_path).score("focal", broken)


def test_rows_of_recordings(competition):
    focal = competition / "train_audio" / "comrav" / "XC00.ogg"
    assert ScoredRecording("a", focal).ends() == [5, 10]  # of 7 s
    assert ScoredRecording("a", focal, most_rows=1).ends() == [5]
    assert ScoredRecording("a", focal, whole_rows=True).ends() == [5]


def test_other_folders_are_a_group_of_their_own(competition):
    groups = recordings_to_score(
        CompetitionFiles(competition, edition("birdclef-2023")), [competition / "train_audio"], focal_rows=3
    )
    assert [len(groups[name]) for name in ("focal", "soundscapes", "extra")] == [6, 1, 6]
    assert groups["extra"][0].name == "train_audio/comrav/XC00" and groups["extra"][0].most_rows == 3
