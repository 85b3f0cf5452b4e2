"""Exact copies: one is kept, and no label is lost."""

import pandas as pd

from birdlib.data.duplicates import mark_duplicates


def test_the_first_of_several_copies_is_kept_with_the_labels_of_all():
    recordings = pd.DataFrame(
        [
            ("a/1.ogg", "a", "c", "same"),
            ("a/2.ogg", "a", "", "other"),
            ("b/3.ogg", "b", "d", "same"),
            ("a/4.ogg", "a", "e c", "same"),
        ],
        columns=["filename", "primary_label", "secondary_labels", "audio_sha256"],
    )
    marked, notes = mark_duplicates(recordings.assign(silent=False))
    assert marked["duplicate_of"].tolist() == ["", "", "a/1.ogg", "a/1.ogg"]
    assert marked["secondary_labels"].tolist() == ["c b d e", "", "d", "e c"]
    assert notes == [
        "2 recordings (b/3.ogg = a/1.ogg, a/4.ogg = a/1.ogg) with the same audio as another one: left out",
        "1 recording (b/3.ogg = a/1.ogg) of these under another label: now a secondary label",
    ]
    assert "duplicate_of" not in recordings and recordings["secondary_labels"][0] == "c"


def test_unreadable_recordings_are_no_copies_of_each_other():
    recordings = pd.DataFrame(
        [("a/1.ogg", "a", "", ""), ("a/2.ogg", "a", "", "")],
        columns=["filename", "primary_label", "secondary_labels", "audio_sha256"],
    )
    marked, notes = mark_duplicates(recordings.assign(silent=False))
    assert marked["duplicate_of"].tolist() == ["", ""] and notes == []


def test_silent_recordings_are_no_copies_of_each_other():
    recordings = pd.DataFrame(
        [("a/1.ogg", "a", "", "same"), ("b/2.ogg", "b", "", "same")],
        columns=["filename", "primary_label", "secondary_labels", "audio_sha256"],
    )
    marked, notes = mark_duplicates(recordings.assign(silent=True))
    assert marked["duplicate_of"].tolist() == ["", ""] and notes == []
    assert marked["secondary_labels"].tolist() == ["", ""]
