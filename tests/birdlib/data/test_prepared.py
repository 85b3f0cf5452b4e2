"""What was prepared, as training reads it; and what is said where it does not fit."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError


@pytest.fixture
def folder(ordinary, prepare, tmp_path):
    out = tmp_path / "prepared"
    out.mkdir()
    prepare(ordinary, out, n_folds=3, cache_gigabytes=1e-4)
    return out


def test_each_recording_is_validated_in_one_fold_at_most_and_full_models_see_all(ordinary, folder):
    prepared = Prepared.read(folder, ordinary)
    everything = np.arange(len(prepared.recordings))
    np.testing.assert_array_equal(prepared.training_rows("full"), everything)
    assert len(prepared.validation_rows("full")) == 0 and prepared.validation_rows("full").dtype == np.int64
    held_out = []
    for fold in range(3):
        training, validation = prepared.training_rows(fold), prepared.validation_rows(fold)
        assert training.dtype == validation.dtype == np.int64
        np.testing.assert_array_equal(np.sort(np.concatenate([training, validation])), everything)
        held_out += validation.tolist()
    always = np.flatnonzero(prepared.recordings["fold"] == -1)
    np.testing.assert_array_equal(np.sort([*held_out, *always]), everything)


@pytest.mark.parametrize("fold", [3, -1, True, "all", 1.0])
def test_a_fold_that_does_not_exist_is_refused(ordinary, folder, fold):
    prepared = Prepared.read(folder, ordinary)
    for rows in (prepared.training_rows, prepared.validation_rows):
        with pytest.raises(BirdlibError, match='expected 0 to 2, or "full"'):
            rows(fold)


@pytest.mark.parametrize("secondary", ["target", "mask", "ignore"])
def test_what_secondary_labels_become(ordinary, folder, secondary):
    prepared = Prepared.read(folder, ordinary, secondary=secondary)
    rows = np.array([3, 0, 1])
    targets, weights = prepared.targets(rows)
    assert targets.dtype == weights.dtype == np.float32 and targets.shape == weights.shape == (3, 6)
    for number, row in enumerate(prepared.recordings.iloc[rows].itertuples()):
        for position, label in enumerate("abcdef"):
            is_secondary = label in row.secondary_labels.split()
            assert targets[number, position] == (label == row.primary_label or (is_secondary and secondary == "target"))
            assert weights[number, position] == (not (is_secondary and secondary == "mask"))
    assert targets.sum() == (5 if secondary == "target" else 3)


def test_it_travels_to_other_processes(ordinary, folder):
    prepared = Prepared.read(folder, ordinary)
    prepared.targets([0])
    copy = pickle.loads(pickle.dumps(prepared))
    np.testing.assert_array_equal(copy.targets([0, 5])[0], prepared.targets([0, 5])[0])
    np.testing.assert_array_equal(copy.cache.read(1, 0, 100), prepared.cache.read(1, 0, 100))


def test_another_version_of_the_competition_is_noticed(ordinary, folder):
    metadata = pd.read_csv(ordinary.metadata)
    metadata.loc[5, "author"] = "Somebody Else"
    metadata.to_csv(ordinary.metadata, index=False)
    with pytest.raises(BirdlibError, match="prepared from another version of the data than .*train_metadata.csv"):
        Prepared.read(folder, CompetitionFiles(ordinary.root, edition("demo")))


def test_another_order_of_the_classes_is_noticed(ordinary, folder):
    sample = pd.read_csv(ordinary.sample_submission)
    sample[["row_id", *"fedcba"]].to_csv(ordinary.sample_submission, index=False)
    with pytest.raises(BirdlibError, match="prepared from another version"):
        Prepared.read(folder, CompetitionFiles(ordinary.root, edition("demo")))


@pytest.mark.parametrize(("column", "value"), [("secondary_labels", "f"), ("audio_sha256", "0" * 64), ("fold", "-1")])
def test_folds_of_another_run_are_noticed(ordinary, folder, column, value):
    table = pd.read_csv(folder / "recordings.csv", dtype=str, keep_default_na=False)
    table.loc[2, column] = value
    table.to_csv(folder / "recordings.csv", index=False)
    with pytest.raises(BirdlibError, match="recordings.csv: not the one that folds.json belongs to") as caught:
        Prepared.read(folder, ordinary)
    assert "\n" not in str(caught.value)


def change_facts(folder, **values):
    facts = json.loads((folder / "folds.json").read_text())
    (folder / "folds.json").write_text(json.dumps(facts | values))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "folds.json").unlink(), "folds.json: there is no such file; attach"),
        (lambda f: (f / "recordings.csv").unlink(), "recordings.csv: there is no such file; attach"),
        (lambda f: (f / "cache.i16").unlink(), "cache.i16: the cache is missing"),
        (lambda f: (f / "folds.json").write_text("{"), "folds.json: not readable as JSON"),
        (lambda f: change_facts(f, schema=99), "folds.json: not written by this preparation"),
        (lambda f: (f / "recordings.csv").write_text("filename\na/1.ogg\n"), "recordings.csv: not the one that"),
    ],
)
def test_damage_is_one_line_that_names_the_file(ordinary, folder, damage, message):
    damage(folder)
    with pytest.raises(BirdlibError, match=message) as caught:
        Prepared.read(folder, ordinary)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_treatment_of_secondary_labels_is_refused(ordinary, folder):
    with pytest.raises(BirdlibError, match="secondary = 'soft': expected one of target, mask, ignore"):
        Prepared.read(folder, ordinary, secondary="soft")


def test_where_no_folds_could_be_made_only_full_models_are_trained(competition, prepare, tmp_path):
    for label in "abc":
        competition.add(f"{label}/XC1.ogg", author="Ann")
    files = competition.write()
    prepare(files, tmp_path)
    prepared = Prepared.read(tmp_path, files)
    assert len(prepared.training_rows("full")) == 3 and len(prepared.validation_rows("full")) == 0
    for rows in (prepared.training_rows, prepared.validation_rows):
        with pytest.raises(
            BirdlibError, match=r'fold = 0: the preparation could make no folds; train folds = \["full"\]'
        ):
            rows(0)
