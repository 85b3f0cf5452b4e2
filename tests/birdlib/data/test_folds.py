"""Folds: nobody is on both sides, every class is in training, and every label is spread as evenly as can be."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birdlib.data.folds import assign_folds, folds_table
from birdlib.errors import BirdlibError


def table(labels, authors, places=None):
    return pd.DataFrame({"primary_label": labels, "author": authors, "place": places or [""] * len(labels)})


def random_table(seed, rows=400, classes=12, people=60, places=3):
    random = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, classes + 1)
    labels = random.choice(classes, rows, p=popularity / popularity.sum())
    return table(
        [f"class{label}" for label in labels],
        [f"Person {min(int(random.exponential(people / 4)), people)}" for _ in range(rows)],
        [f"{random.integers(places)},0" for _ in range(rows)],
    )


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n_folds=st.integers(2, 6), fold_seed=st.integers(0, 5))
def test_what_holds_for_all_folds(seed, n_folds, fold_seed):
    recordings = random_table(seed)
    folds, _ = assign_folds(recordings, n_folds=n_folds, seed=fold_seed)
    recordings = recordings.assign(fold=folds)
    assert set(folds) <= {-1, *range(n_folds)} and set(range(n_folds)) <= set(folds)
    held_out = recordings[recordings["fold"] >= 0]
    assert (held_out.groupby("author")["fold"].nunique() == 1).all()
    # A session is what somebody recorded at one place: all of it is on one side.
    assert (recordings.groupby(["author", "place"])["fold"].nunique() == 1).all()
    for fold in range(n_folds):
        training = recordings[recordings["fold"] != fold]
        assert set(training["primary_label"]) == set(recordings["primary_label"])


def test_a_label_whose_people_all_fell_into_one_fold_is_in_training_too():
    seen = 0
    for seed in range(40):
        recordings = random_table(seed, rows=60, classes=14, people=12, places=50)
        folds, notes = assign_folds(recordings, n_folds=3, seed=0)
        seen += any("fell into one fold" in note for note in notes)
        for fold in range(3):
            assert set(recordings["primary_label"][folds != fold]) == set(recordings["primary_label"])
    assert seen


def test_labels_are_spread_evenly_where_that_is_possible():
    # 60 people with 5 recordings of one label each: a fold can get its share of every label, and must.
    labels = np.repeat([f"class{number % 4}" for number in range(60)], 5)
    authors = np.repeat([f"Person {number}" for number in range(60)], 5)
    for seed in range(3):
        folds, notes = assign_folds(table(labels, authors), n_folds=5, seed=seed)
        assert (pd.crosstab(labels, folds) == 15).all(axis=None) and notes == []


def test_the_same_seed_gives_the_same_folds_and_another_seed_others():
    recordings = random_table(1)
    first, again, other = (assign_folds(recordings, n_folds=5, seed=seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.1


def test_a_label_of_a_single_person_is_always_in_training_and_takes_its_session_along():
    labels, authors, places = ["common"] * 20, [f"Person {number}" for number in range(20)], ["1,1"] * 20
    labels += ["rare", "common", "common"]
    authors += ["Rita", "rita ", "Rita"]
    places += ["2,2", "2,2", "9,9"]
    folds, notes = assign_folds(table(labels, authors, places), n_folds=5, seed=0)
    # The same place, the same day perhaps; the other one is far away.
    assert folds[20] == folds[21] == -1 and folds[22] >= 0
    assert (folds[:20] >= 0).all()
    assert notes[0] == "1 label (rare) of fewer than 2 authors: always in training, never validated"
    assert notes[1].startswith("1 ")


def test_without_places_all_of_that_person_is_in_training():
    labels, authors = ["common"] * 20 + ["rare", "common"], [f"Person {number}" for number in range(20)] + ["Rita"] * 2
    folds, _ = assign_folds(table(labels, authors), n_folds=5, seed=0)
    assert folds[20] == folds[21] == -1


def test_more_authors_can_be_asked_for():
    labels = ["common"] * 20 + ["rare"] * 3
    authors = [f"Person {number}" for number in range(23)]
    assert (assign_folds(table(labels, authors), n_folds=5, seed=0)[0][20:] >= 0).all()
    assert (assign_folds(table(labels, authors), n_folds=5, seed=0, rare_below=4)[0][20:] == -1).all()


@pytest.mark.parametrize("nobody", ["", "Unknown", "anonymous", " N/A "])
def test_recordings_of_unknown_people_are_not_one_persons(nobody):
    folds, _ = assign_folds(table(["a", "b"] * 20, [nobody] * 40), n_folds=5, seed=0)
    assert np.bincount(folds).tolist() == [8] * 5


def test_the_table_of_folds_counts_what_is_in_them():
    recordings = table(["a", "a", "b"], ["x", "y", "y"]).assign(fold=[0, 1, 1], seconds=[3600.0, 1800, 1800])
    assert folds_table(recordings).to_dict("index") == {
        0: {"recordings": 1, "hours": 1.0, "labels": 1, "authors": 1},
        1: {"recordings": 2, "hours": 1.0, "labels": 2, "authors": 1},
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_folds": 1}, "n_folds = 1"),
        ({"n_folds": 5, "rare_below": 1}, "rare_below = 1"),
    ],
)
def test_settings_that_make_no_folds_are_refused(wrong, message):
    recordings = table(["a", "b"] * 8, [f"Person {number % 4}" for number in range(16)])
    with pytest.raises(BirdlibError, match=message):
        assign_folds(recordings, **{"seed": 0, "n_folds": 2} | wrong)


ONE_BY_ONE = (
    "Recordings are shared out one by one: the same person is on both sides of a fold, and validation looks better "
    "than the models are; fewer folds may keep people apart"
)


@pytest.mark.parametrize(
    ("authors", "count"),
    [
        (["Ann"] * 30, 0),
        ([f"Person of {'abc'[number % 3]}" for number in range(30)], 0),
        ([f"Person {number % 2}" for number in range(30)], 2),
    ],
    ids=["one author", "one author a class", "fewer authors than folds"],
)
def test_too_few_authors_give_folds_without_regard_to_them_and_a_warning(authors, count):
    labels = ["abc"[number % 3] for number in range(30)]
    folds, notes = assign_folds(table(labels, authors), n_folds=5, seed=0)
    assert (pd.crosstab(labels, folds) == 2).all(axis=None)
    assert notes == [f"n_folds = 5: too few authors ({count}, of labels with at least 2 authors)", ONE_BY_ONE]


def test_authors_are_kept_apart_where_one_class_alone_is_a_single_persons():
    labels, authors = ["a"] * 10 + ["b"] * 10, [f"Person {number % 5}" for number in range(10)] + ["Bo"] * 10
    folds, notes = assign_folds(table(labels, authors), n_folds=5, seed=0)
    assert (folds[10:] == -1).all() and set(folds[:10]) == set(range(5))
    assert notes == ["1 label (b) of fewer than 2 authors: always in training, never validated"]


def test_one_class_alone_is_shared_out():
    folds, notes = assign_folds(table(["a"] * 10, [f"Person {number}" for number in range(10)]), n_folds=5, seed=0)
    assert np.bincount(folds).tolist() == [2] * 5 and notes == []


@pytest.mark.parametrize(
    "labels",
    [["a"], ["a", "a", "a"], ["a", "b", "c"], ["a", "a", "b", "b", "c", "c"]],
    ids=["one recording", "fewer than folds", "one a class", "no class with one a fold"],
)
def test_too_few_recordings_are_all_always_in_training_with_a_warning(labels):
    folds, notes = assign_folds(table(labels, [f"Person {number}" for number in range(len(labels))]), n_folds=5, seed=0)
    assert (folds == -1).all()
    assert notes[0].startswith("n_folds = 5: too few ") and notes[-1] == (
        'No folds: all recordings are always in training, and only folds = ["full"] can be trained'
    )
