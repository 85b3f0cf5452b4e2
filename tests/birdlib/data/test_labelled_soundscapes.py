"""Labelled soundscapes, in the form of each year that had some."""

import numpy as np
import pytest

from birdlib.audio.padding import padded
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.labelled_soundscapes import LabelledSoundscapes
from birdlib.errors import BirdlibError

CLASSES = ("a", "b", "c")


@pytest.fixture
def audio(tmp_path, write_audio):
    folder = tmp_path / "train_soundscapes"
    for number, stem in enumerate(("one_20250227_010002", "two_S05_20190522")):
        write_audio(folder / f"{stem}.ogg", 12 + number, seed=number)
    return folder


def read(audio, text, name="train_soundscape_labels.csv"):
    table = audio.parent / name
    table.write_text(text)
    return LabelledSoundscapes.read(table, audio, CLASSES)


def everything(labelled):
    return {
        row: truth.tolist()
        for rows, _, some in labelled.windows(32_000, 5)
        for row, truth in zip(rows, some, strict=True)
    }


def test_row_ids_and_a_column_per_class(audio):
    text = "row_id,b,a,zebra\none_20250227_010002_5,1,0,0\none_20250227_010002_10,0,0,1\ntwo_S05_20190522_5,1,1,0\n"
    labelled = read(audio, text)
    assert labelled.soundscapes == ("one_20250227_010002", "two_S05_20190522")
    assert labelled.row_ids == ("one_20250227_010002_5", "one_20250227_010002_10", "two_S05_20190522_5")
    assert list(everything(labelled).values()) == [[0, 1, 0], [0, 0, 0], [1, 1, 0]]
    assert labelled.notes == ("train_soundscape_labels.csv: 1 label (zebra) of no class: left out",)


def test_2021_has_birds_separated_by_blanks_and_files_with_a_date(audio):
    text = "row_id,site,audio_id,seconds,birds\ntwo_S05_5,S05,two,5,nocall\ntwo_S05_10,S05,two,10,a c\n"
    labelled = read(audio, text)
    assert everything(labelled) == {"two_S05_5": [0, 0, 0], "two_S05_10": [1, 0, 1]}
    assert labelled.notes == ()


@pytest.mark.parametrize("column", ["labels", "primary_label"])
def test_2026_has_intervals_and_labels_separated_by_semicolons(audio, column):
    text = f"filename,start,end,{column}\n"
    text += "one_20250227_010002.ogg,00:00:00,00:00:05,a;c\none_20250227_010002.ogg,5,10,\n"
    text += "two_S05_20190522.ogg,0.0,10.0,b\ntwo_S05_20190522.ogg,5,10,a\n"
    assert everything(read(audio, text, "train_soundscapes_labels.csv")) == {
        "one_20250227_010002_5": [1, 0, 1],
        "one_20250227_010002_10": [0, 0, 0],
        "two_S05_20190522_5": [0, 1, 0],
        "two_S05_20190522_10": [1, 1, 0],
    }


def test_waves_are_the_windows_that_end_where_the_rows_say(audio, write_audio, tmp_path):
    labelled = read(audio, "row_id,a\n" + "".join(f"two_S05_20190522_{end},0\n" for end in (10, 5, 15, 20)))
    ((rows, waves, truth),) = labelled.windows(32_000, 5)
    recording = write_audio(tmp_path / "again.ogg", 13, seed=1)[:, 0] / 32768
    assert rows == tuple(f"two_S05_20190522_{end}" for end in (5, 10, 15, 20))
    assert waves.dtype == truth.dtype == np.float32 and waves.shape == (4, 160_000) and truth.shape == (4, 3)
    np.testing.assert_allclose(waves[1], recording[160_000:320_000], atol=1e-6)
    np.testing.assert_allclose(waves[2, : 3 * 32_000], recording[320_000:], atol=1e-6)
    np.testing.assert_allclose(waves[2], padded(recording[320_000:], 160_000, "cyclic"), atol=1e-6)
    assert not waves[3].any()
    ((_, silent, _),) = labelled.windows(32_000, 5, "zeros")
    assert not silent[2, 3 * 32_000 :].any()


def test_a_recording_that_is_missing_or_broken_is_left_out_and_noted(audio):
    (audio / "two_S05_20190522.ogg").write_bytes(b"no audio")
    rows = "one_20250227_010002_5,1\ntwo_S05_20190522_5,1\nthree_5,1\n"
    labelled = read(audio, "row_id,a\n" + rows)
    assert labelled.soundscapes == ("one_20250227_010002",)
    assert labelled.notes == ("train_soundscape_labels.csv: 2 soundscapes (three, two_S05_20190522) left out",)
    with pytest.raises(BirdlibError, match="none of the 1 soundscapes of train_soundscape_labels.csv can be read"):
        read(audio, "row_id,a\nthree_5,1\n")


@pytest.mark.parametrize("name", ["train_soundscape_labels.csv", "train_soundscapes_labels.csv"])
def test_those_of_the_competition_are_found_by_name(audio, name):
    (audio.parent / name).write_text("row_id,a\none_20250227_010002_5,1\n")
    labelled = LabelledSoundscapes.find(CompetitionFiles(audio.parent), CLASSES)
    assert labelled.soundscapes == ("one_20250227_010002",)


def test_where_there_are_no_labels_or_no_audio_there_is_nothing(audio, tmp_path):
    assert LabelledSoundscapes.find(CompetitionFiles(audio.parent), CLASSES) is None
    (audio.parent / "train_soundscape_labels.csv").write_text("row_id,a\nx_5,1\n")
    for path in audio.iterdir():
        path.unlink()
    assert LabelledSoundscapes.find(CompetitionFiles(audio.parent), CLASSES) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row_id,zebra\none_5,1\n", "expected row_id and a column per class"),
        ("row_id,a\none,1\n", "row id 'one' does not end in"),
        ("row_id,a\none_5,2\n", "values other than 0 and 1"),
        ("row_id,a\none_5,yes\n", "not a table of 0 and 1"),
        ("filename,start,end,labels\none.ogg,0,soon,a\n", "start or end in line 2 is no time"),
        (
            "filename,start,end,labels\none.ogg,0,5,a\none.ogg,5,8.2,a\n",
            "line 3, 5 to 8.2 s, is no whole number of windows",
        ),
        ('filename,start,end,labels\none.ogg,0,5,"[\'a"\n', "line 2 has no list of labels"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line_that_names_it(audio, text, message):
    with pytest.raises(BirdlibError, match=message) as caught:
        read(audio, text)
    assert "train_soundscape_labels.csv" in str(caught.value) and "\n" not in str(caught.value)
