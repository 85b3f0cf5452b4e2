"""What can be learnt from beside the competition's own recordings."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from birdlib.clip_sources.soundscapes import learnt_soundscapes
from birdlib.components import component
from birdlib.data.clip_table import join_tables
from birdlib.data.clips import Clips
from birdlib.data.known_soundscapes import group_of
from birdlib.errors import BirdlibError

from .conftest import CLASSES, RATE, record


def source(name, **parameters):
    return component("clip_sources", {"name": name, **parameters})


def labels_of(table):
    return [tuple(np.array(CLASSES)[row > 0]) for row in table.targets]


# ---------------------------------------------------------------- labelled soundscapes


def test_a_fold_learns_from_the_soundscapes_that_it_does_not_hold_back(context, soundscapes):
    whole = source("soundscapes").table(context, "full")
    assert len(whole) == 8 and labels_of(whole)[:2] == [("crow", "owl"), ()]
    for fold in (0, 1):
        table = source("soundscapes").table(context, fold)
        judged = {stem for stem in soundscapes.soundscapes if soundscapes.fold_of(stem, 2) == fold}
        assert set(table.rows["group"]) == set(soundscapes.soundscapes) - judged
        # Whole sites are held back together.
        assert len(judged) == 2 and len({group_of(stem) for stem in judged}) == 1
    assert len(source("soundscapes", without_birds=False).table(context, "full")) == 4


def test_soundscapes_are_learnt_from_where_a_class_has_no_recording_of_its_own(context, soundscapes):
    needed = {"name": "soundscapes", "if_needed": True}
    recorded = lambda *labels: SimpleNamespace(  # noqa: E731
        classes=CLASSES, n_folds=2, recordings=pd.DataFrame({"primary_label": labels})
    )
    for prepared, learnt in ((recorded("crow", "owl"), set()), (recorded("owl", "wren"), set(soundscapes.soundscapes))):
        around = replace(context, prepared=prepared)
        table = component("clip_sources", needed).table(around, "full")
        assert set(table.rows["group"]) == learnt and len(table) == 2 * len(learnt)
        assert learnt_soundscapes([needed], soundscapes, prepared, "full") == learnt
    judging = soundscapes.without(learnt_soundscapes([needed], soundscapes, recorded("owl", "wren"), 0))
    assert {soundscapes.fold_of(stem, 2) for stem in judging.soundscapes} == {0}
    around = replace(context, prepared=recorded("owl"), soundscapes=None)
    assert len(component("clip_sources", needed).table(around, 0)) == 0


def test_a_clip_of_a_soundscape_is_the_labelled_window_or_what_is_around_it(context):
    table = source("soundscapes").table(context, "full")
    path = table.rows["path"][1]
    whole, _ = soundfile.read(path, dtype="float32")
    options = {"sample_rate": RATE, "crop": "random", "padding": "zeros", "seed": 1}
    row = Clips(table, window_seconds=5, **options)[0, 1][0]
    np.testing.assert_array_equal(row, whole[10 * RATE : 15 * RATE])
    context_too = Clips(table, window_seconds=10, **options)[3, 1][0]
    np.testing.assert_array_equal(context_too, whole[round(7.5 * RATE) : round(17.5 * RATE)])


def test_without_labelled_soundscapes_one_line_says_so(context):
    with pytest.raises(BirdlibError, match="clips soundscapes: the competition has no labelled soundscapes"):
        source("soundscapes").table(replace(context, soundscapes=None), 0)


@pytest.mark.parametrize(
    ("stem", "group"),
    [
        ("2782_SSW_20170701", "SSW"),
        ("BC2026_Train_0001_S05_20250227_010002", "S05"),
        ("PR_32052_1", "PR_32052"),
        ("soundscape_29201", "soundscape_29201"),
    ],
)
def test_soundscapes_of_one_site_belong_together(stem, group):
    assert group_of(stem) == group


# ---------------------------------------------------------------- folders of recordings


def test_a_folder_of_recordings_brings_its_own_labels(context, tmp_path, capsys):
    record(tmp_path / "extra/a/1.ogg", 7)
    record(tmp_path / "extra/2.ogg", 3)
    (tmp_path / "extra/broken.ogg").write_bytes(b"no audio")
    labels = pd.DataFrame(
        {
            "filename": ["a/1.ogg", "2.ogg", "broken.ogg", "2.ogg"],
            "primary_label": ["owl", "stranger", "crow", "stranger"],
            "secondary_labels": ["['wren']", "['crow']", "[]", "[]"],
            "author": ["A", "B", "C", "D"],
        }
    )
    labels.to_csv(tmp_path / "extra/labels.csv", index=False)
    table = source("labelled_folder", folder="extra-birds", weight=0.5).table(context, 0)
    assert labels_of(table) == [("owl", "wren"), ("crow",)]
    assert table.rows["seconds"].tolist() == [7, 3] and table.rows["group"].tolist() == ["A", "B"]
    assert set(table.rows["weight"]) == {0.5} and set(table.rows["source"]) == {"extra-birds"}
    said = capsys.readouterr().out
    assert "1 label (stranger) of no class: left out" in said and "1 recording (broken.ogg" in said
    wave = Clips(table, sample_rate=RATE, window_seconds=5, crop="random", padding="zeros", seed=0)[0, 0][0]
    assert wave.shape == (5 * RATE,) and wave.any()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "labels.csv: not readable as a table of labels"),
        ("filename,label\na.ogg,owl\n", "the columns primary_label are missing; it has filename, label"),
        ("filename,primary_label\na.ogg,stranger\n", "no recording of it can be used"),
        ("filename,primary_label\ngone.ogg,owl\n", "no recording of it can be used"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(context, tmp_path, table, said):
    if table:
        (tmp_path / "extra/labels.csv").write_text(table)
    with pytest.raises(BirdlibError) as error:
        source("labelled_folder", folder="extra-birds").table(context, 0)
    assert said in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(
        BirdlibError, match="'other' is not attached \\(there is extra-birds\\); name it in sources.extra"
    ):
        source("labelled_folder", folder="other").table(context, 0)


# ---------------------------------------------------------------- soft labels


def soft_labels(tmp_path, **columns):
    rows = {"row_id": ["XY_S01_a_5", "XY_S01_b_10", "gone_5"], "crow": [0.9, 0.2, 1.0], "owl": [0.05, 0.1, 0.0]}
    pd.DataFrame(rows | columns).to_csv(tmp_path / "extra/soft_labels.csv", index=False)


def test_soft_labels_are_probabilities_of_windows(context, tmp_path, capsys):
    soft_labels(tmp_path, weight=[2.0, 1.0, 1.0])
    table = source("soft_labels", folder="extra-birds", audio="train_soundscapes").table(context, 0)
    np.testing.assert_allclose(table.targets, [[0.9, 0.05, 0], [0.2, 0.1, 0]], atol=1e-3)
    assert table.known.tolist() == [[True, True, False]] * 2  # the table says nothing of wrens
    assert table.rows["first"].tolist() == [0, 5] and table.rows["weight"].tolist() == [2, 1]
    assert "1 recording (gone) not in train_soundscapes: left out" in capsys.readouterr().out
    sharper = {"least": 0.5, "floor": 0.1, "power": 2.0}
    table = source("soft_labels", folder="extra-birds", audio="train_soundscapes", **sharper).table(context, 0)
    np.testing.assert_allclose(table.targets, [[0.81, 0, 0]], atol=1e-3)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"crow": [1.5, 0, 0]}, "probabilities outside of 0 to 1"),
        ({"crow": ["much", "0", "0"]}, "probabilities that are no numbers"),
        ({"crow": [0.1, 0.1, 0.1]}, "no window of it can be used"),
        ({"row_id": ["XY_S01_a_5", "XY_S01_b_30", "gone_5"]}, "XY_S01_b_30 is no window of a recording of 20.0 s"),
    ],
)
def test_soft_labels_that_cannot_be_used_are_one_line(context, tmp_path, columns, said):
    soft_labels(tmp_path, **columns)
    with pytest.raises(BirdlibError, match=said):
        source("soft_labels", folder="extra-birds", audio="train_soundscapes", least=0.5).table(context, 0)


# ---------------------------------------------------------------- together


def test_tables_are_joined_and_what_one_lacks_is_not_known(context):
    one = source("soundscapes").table(context, 0)
    other = source("soundscapes").table(context, 1)
    other = replace(other, extra={"embedding": np.ones((len(other), 3), np.float16)})
    both = join_tables([one, other])
    assert len(both) == len(one) + len(other)
    assert np.isnan(both.extra["embedding"][: len(one)]).all() and (both.extra["embedding"][len(one) :] == 1).all()
    part = both.take([len(one), 0])
    assert (part.extra["embedding"][0] == 1).all() and np.isnan(part.extra["embedding"][1]).all()
    with pytest.raises(BirdlibError, match="of other classes"):
        join_tables([one, replace(other, classes=("a", "b", "c"))])
