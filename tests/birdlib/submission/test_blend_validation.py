"""A submission says what its blend scores on what the members have not learnt from, and by which thresholds."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import ROWWISE_F1, WEIGHTED_ACCURACY
from birdlib.metrics.ranking import MACRO_ROC_AUC
from birdlib.postprocessing.smoothing import Smoothing
from birdlib.scores.pipeline import Scoring
from birdlib.scores.post_process import post_process
from birdlib.scores.predictions import Predictions
from birdlib.scores.thresholds import fit_thresholds, unseen_decisions
from birdlib.submission.blend_validation import BlendValidation
from birdlib.weights.manifest import sha256

CLASSES = ("crow", "owl", "rail")
ROWS = [f"s{row // 6}_{5 * (row % 6 + 1)}" for row in range(60)]
TRUTH = (np.random.default_rng(4).random((60, 3)) < 0.3).astype(np.float32)
MEAN = Scoring.of({"name": "mean"})
SMOOTH = replace(Scoring.of({"name": "mean"}), steps=(Smoothing(kernel=[1, 2, 1]),))


def scores_of(seed: int) -> np.ndarray:
    return np.clip(0.2 * TRUTH + 0.7 * np.random.default_rng(seed).random(TRUTH.shape), 0.01, 0.99)


@pytest.fixture
def member(tmp_path):
    """A member of the ensemble, with the predictions that came with its weights."""

    def member(name: str, *, seed: int = 0, precision: str = "f32", classes=CLASSES, **kinds):
        """kinds: rows by what they are on, or a note and rows."""
        validation = {}
        for kind, rows in kinds.items():
            note, rows = rows if isinstance(rows, tuple) else ("", rows)
            ids = tuple(ROWS[row] for row in rows)
            stems = tuple(row_id.rpartition("_")[0] for row_id in ids)
            columns = [CLASSES.index(label) if label in CLASSES else 0 for label in classes]
            scores, truth = scores_of(seed)[rows][:, columns], TRUTH[rows][:, columns]
            path = tmp_path / f"{name}.{kind}.npz"
            Predictions(ids, stems, tuple(classes), scores, truth, np.ones_like(truth), stems, note).save(path)
            validation[kind] = sha256(path)
        entry = SimpleNamespace(validation=validation, precision=precision)
        return SimpleNamespace(name=name, entry=entry, xml=tmp_path / f"{name}.xml")

    return member


def validation(members, scoring=MEAN, metric=MACRO_ROC_AUC, kind="", classes=CLASSES, faults=None) -> BlendValidation:
    def stop(error: Exception) -> None:
        raise error

    return BlendValidation(
        members,
        classes,
        scoring=scoring,
        taxa=None,
        metric=metric,
        kind=kind,
        on_fault=stop if faults is None else faults.append,
    )


ALL = list(range(60))


@pytest.mark.parametrize("scoring", [MEAN, SMOOTH], ids=["mean", "smoothed"])
def test_the_score_is_the_blends_after_post_processing_with_its_interval(tmp_path, member, scoring):
    members = [member("a", seed=1, soundscapes=ALL), member("b", seed=2, soundscapes=ALL)]
    path = tmp_path / "cross_validation.json"
    interval = validation(members, scoring).write(path, ["a", "b"])
    blend = post_process(scoring.steps, ((scores_of(1) + scores_of(2)) / 2).astype(np.float32), ROWS)
    assert interval.value == pytest.approx(MACRO_ROC_AUC(TRUTH, blend), abs=1e-6)
    assert interval.low < interval.value < interval.high
    written = json.loads(path.read_text())
    assert written["name"] == "macro ROC-AUC of the blend of 2 models on labelled soundscapes"
    assert (written["score"], written["low"], written["high"]) == interval
    assert (written["rows"], written["groups"]) == (60, 10)
    assert (written["members"], written["lacking"], written["stand_ins"]) == (["a", "b"], [], {})
    assert validation(members, scoring).write(path, ["b"]).value == pytest.approx(
        validation([member("b", seed=2, soundscapes=ALL)], scoring).write(path, ["b"]).value
    )


def test_members_of_a_fold_each_bring_their_own_clips(tmp_path, member):
    members = [member("fold0", seed=1, clips=ALL[:30]), member("fold1", seed=2, clips=ALL[30:])]
    interval = validation(members).write(tmp_path / "cv.json", ["fold0", "fold1"])
    together = np.concatenate([scores_of(1)[:30], scores_of(2)[30:]])
    assert interval.value == pytest.approx(MACRO_ROC_AUC(TRUTH, together), abs=1e-6)
    assert "on clips out of fold" in json.loads((tmp_path / "cv.json").read_text())["name"]
    alone = validation(members).write(tmp_path / "cv.json", ["fold0"])
    assert alone.value == pytest.approx(MACRO_ROC_AUC(TRUTH[:30], scores_of(1)[:30]), abs=1e-6)


def test_soundscapes_count_where_all_members_have_them(tmp_path, member):
    both = [member("a", clips=ALL, soundscapes=ALL), member("b", clips=ALL)]
    validation(both).write(tmp_path / "cv.json", ["a", "b"])
    assert "on clips out of fold" in json.loads((tmp_path / "cv.json").read_text())["name"]


def test_who_stands_in_and_who_is_lacking_is_said(tmp_path, member):
    members = [
        member("full", clips=("of 5 fold siblings", ALL)),
        member("small", clips=ALL, precision="int8"),
        member("none"),
    ]
    validation(members).write(tmp_path / "cv.json", ["full", "small", "none"])
    written = json.loads((tmp_path / "cv.json").read_text())
    assert written["stand_ins"] == {"full": "of 5 fold siblings", "small": "of the float model"}
    assert written["members"] == ["full", "small"] and written["lacking"] == ["none"]
    assert written["name"].endswith("on clips out of fold, without 1 that have no validation")


def test_classes_are_the_submissions_by_name(tmp_path, member):
    """A model that does not know a class says nothing of it; one that nobody knows does not count."""
    members = [member("a", seed=1, soundscapes=ALL, classes=("owl", "crow", "bat"))]
    interval = validation(members, classes=("crow", "rail", "owl")).write(tmp_path / "cv.json", ["a"])
    assert interval.value == pytest.approx(MACRO_ROC_AUC(TRUTH[:, :2], scores_of(1)[:, :2]), abs=1e-6)


@pytest.mark.parametrize("kind", ["one", "per_class"])
@pytest.mark.parametrize("metric", [ROWWISE_F1, WEIGHTED_ACCURACY], ids=lambda metric: metric.key)
def test_thresholds_suit_the_blend_of_the_members_named(tmp_path, member, metric, kind):
    members = [member("a", seed=1, soundscapes=ALL), member("b", seed=2, soundscapes=ALL)]
    judged = validation(members, metric=metric, kind=kind)
    for names, seeds in ((["a"], [1]), (["a", "b"], [1, 2])):
        blend = np.mean([scores_of(seed) for seed in seeds], axis=0)
        expected = fit_thresholds(metric, TRUTH, blend.astype(np.float32), kind)
        found = judged.thresholds(names)
        np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
        assert found.nocall == pytest.approx(expected.nocall, abs=1e-6)


def test_labels_are_scored_by_thresholds_of_other_soundscapes(tmp_path, member):
    members = [member("a", seed=1, soundscapes=ALL)]
    interval = validation(members, metric=WEIGHTED_ACCURACY).write(tmp_path / "cv.json", ["a"])
    groups = [row.rpartition("_")[0] for row in ROWS]
    decisions = unseen_decisions(WEIGHTED_ACCURACY, TRUTH, scores_of(1).astype(np.float32), groups)
    assert interval.value == pytest.approx(WEIGHTED_ACCURACY.of_decisions(TRUTH, decisions), abs=1e-6)


def test_untrained_models_say_nothing_and_leave_no_old_word(tmp_path, member, capsys):
    path = tmp_path / "cv.json"
    path.write_text('{"score": 0.9}')
    judged = validation([member("a")], metric=ROWWISE_F1)
    assert judged.write(path, ["a"]) is None and not path.exists()
    assert judged.thresholds(["a"]).values.tolist() == [0.5] * 3
    assert "No validation of a came with the weights: the thresholds are 0.5." in capsys.readouterr().out


def test_a_damaged_file_is_a_fault_and_costs_its_member_only(tmp_path, member):
    members = [member("a", seed=1, soundscapes=ALL), member("b", seed=2, soundscapes=ALL)]
    Path(tmp_path / "a.soundscapes.npz").write_bytes(b"damaged")
    with pytest.raises(BirdlibError, match=r"a\.soundscapes\.npz: missing or damaged; upload the weight dataset whole"):
        validation(members).write(tmp_path / "cv.json", ["a", "b"])
    faults = []
    interval = validation(members, faults=faults).write(tmp_path / "cv.json", ["a", "b"])
    assert len(faults) == 1 and interval.value == pytest.approx(MACRO_ROC_AUC(TRUTH, scores_of(2)), abs=1e-6)
