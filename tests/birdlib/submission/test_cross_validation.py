"""A submission says what cross-validation thinks of its ensemble."""

import json
from types import SimpleNamespace

import pytest

from birdlib.submission.cross_validation import write_cross_validation
from birdlib.submission.reports import MemberReport

CMAP, OTHER = "padded cmAP, clips out of fold", "macro ROC-AUC, soundscapes"


def member(name, score, kind=CMAP):
    return SimpleNamespace(name=name, entry=SimpleNamespace(name=name, score=score, score_name=kind))


def test_it_is_the_mean_of_the_models_that_were_scored(tmp_path):
    path = tmp_path / "cross_validation.json"
    members = [member("a", 0.8), member("b", 0.6), member("late", 0.1)]
    reports = [
        MemberReport("a", "scored"),
        MemberReport("b", "scored"),
        MemberReport("late", "needs 9 s, 3 s are left"),
    ]
    assert write_cross_validation(path, members, reports) == pytest.approx(0.7)
    assert json.loads(path.read_text()) == {"score": pytest.approx(0.7), "name": f"{CMAP}, mean of 2 of 2 models"}


def test_scores_of_different_kinds_do_not_mix(tmp_path):
    members = [member("a", 0.8), member("b", 0.6), member("c", 0.99, OTHER), member("d", None)]
    reports = [MemberReport(one.name, "scored") for one in members]
    assert write_cross_validation(tmp_path / "cv.json", members, reports) == pytest.approx(0.7)
    assert json.loads((tmp_path / "cv.json").read_text())["name"] == f"{CMAP}, mean of 2 of 4 models"


def test_untrained_models_say_nothing_and_leave_no_old_word(tmp_path):
    path = tmp_path / "cv.json"
    path.write_text('{"score": 0.9}')
    assert write_cross_validation(path, [member("a", None)], [MemberReport("a", "scored")]) is None
    assert not path.exists()
