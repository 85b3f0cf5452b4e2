"""Labelled soundscapes, in the form of each year that had some."""

import numpy as np
import pytest
import soundfile

from birdlib.audio.padding import padded
from birdlib.competition.editions import edition
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
    # The last one would begin behind the recording's end.
    assert rows == labelled.row_ids == tuple(f"two_S05_20190522_{end}" for end in (5, 10, 15))
    assert labelled.notes == (
        "train_soundscape_labels.csv: left out: 1 of 4 rows, which have no audio or make no sense",
        "line 5: 15 to 20 s of a recording of 13.0 s",
    )
    assert waves.dtype == truth.dtype == np.float32 and waves.shape == (3, 160_000) and truth.shape == (3, 3)
    np.testing.assert_allclose(waves[1], recording[160_000:320_000], atol=1e-6)
    np.testing.assert_allclose(waves[2, : 3 * 32_000], recording[320_000:], atol=1e-6)
    np.testing.assert_allclose(waves[2], padded(recording[320_000:], 160_000, "cyclic"), atol=1e-6)
    ((_, silent, _),) = labelled.windows(32_000, 5, "zeros")
    assert not silent[2, 3 * 32_000 :].any()


def test_a_recording_that_is_missing_or_broken_is_left_out_and_noted(audio):
    (audio / "two_S05_20190522.ogg").write_bytes(b"no audio")
    rows = "one_20250227_010002_5,1\ntwo_S05_20190522_5,1\nthree_5,1\n"
    labelled = read(audio, "row_id,a\n" + rows)
    assert labelled.soundscapes == ("one_20250227_010002",)
    assert labelled.notes == (
        "train_soundscape_labels.csv: left out: 2 of 3 soundscapes, which cannot be read",
        "three: no such recording",
        "two_S05_20190522.ogg: cannot be read as audio (it starts with b'no audio')",
    )
    with pytest.raises(
        BirdlibError, match="no window of train_soundscape_labels.csv can be used .three: no such recording"
    ):
        read(audio, "row_id,a\nthree_5,1\n")


@pytest.mark.parametrize("name", ["train_soundscape_labels.csv", "train_soundscapes_labels.csv"])
def test_those_of_the_competition_are_found_by_name(audio, name):
    (audio.parent / name).write_text("row_id,a\none_20250227_010002_5,1\n")
    labelled = LabelledSoundscapes.find(CompetitionFiles(audio.parent, edition("demo")), CLASSES)
    assert labelled.soundscapes == ("one_20250227_010002",)


def test_where_there_are_no_labels_or_no_audio_there_is_nothing(audio, tmp_path):
    assert LabelledSoundscapes.find(CompetitionFiles(audio.parent, edition("demo")), CLASSES) is None
    (audio.parent / "train_soundscape_labels.csv").write_text("row_id,a\nx_5,1\n")
    for path in audio.iterdir():
        path.unlink()
    assert LabelledSoundscapes.find(CompetitionFiles(audio.parent, edition("demo")), CLASSES) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row_id,zebra\none_5,1\n", "expected row_id and a column per class"),
        ("row_id,a\none,1\n", "row id 'one' does not end in"),
        ("row_id,a\none_5,2\n", "values other than 0 and 1"),
        ("row_id,a\none_5,yes\n", "not a table of 0 and 1"),
        ("filename,start,end,labels\none.ogg,0,soon,a\n", "line 2: start or end is no time: '0' to 'soon'"),
        ('filename,start,end,labels\none.ogg,0,5,"[\'a"\n', "line 2: no list of labels"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line_that_names_it(audio, text, message):
    with pytest.raises(BirdlibError, match=message) as caught:
        read(audio, text)
    assert "train_soundscape_labels.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ("-5,0", "-5 to 0 s of a recording of 12.0 s"),
        ("-00:00:05,00:00:00", "-5 to 0 s of a recording of 12.0 s"),
        ("-2,3", "-2 to 3 s of a recording of 12.0 s"),
        ("nan,nan", "start or end is no time: 'nan' to 'nan'"),
        ("0,inf", "start or end is no time: '0' to 'inf'"),
        ("10,5", "10 to 5 s is no stretch of time"),
        ("5,5", "5 to 5 s is no stretch of time"),
        ("5,8.2", "5 to 8.2 s is no whole number of windows of 5 s"),
        ("0,12", "0 to 12 s is no whole number of windows of 5 s"),
        ("2.5,7.5", "2.5 to 7.5 s is no whole number of windows of 5 s"),
        ("600,605", "600 to 605 s of a recording of 12.0 s"),
        ("1e300,2e300", "of a recording of 12.0 s"),
        ("soon,later", "start or end is no time: 'soon' to 'later'"),
    ],
)
def test_a_row_without_audio_or_sense_is_named_and_stays_out(audio, times, why):
    text = f"filename,start,end,labels\none_20250227_010002.ogg,0,5,a\none_20250227_010002.ogg,{times},b\n"
    labelled = read(audio, text)
    assert everything(labelled) == {"one_20250227_010002_5": [1, 0, 0]}
    count, named = labelled.notes
    assert count == "train_soundscape_labels.csv: left out: 1 of 2 rows, which have no audio or make no sense"
    assert named.startswith("line 3: ") and why in named


def test_a_row_that_goes_on_beyond_the_recording_counts_as_far_as_that_goes(audio):
    labelled = read(audio, "filename,start,end,labels\none_20250227_010002.ogg,0,5000000,a\n")
    assert list(everything(labelled)) == [f"one_20250227_010002_{end}" for end in (5, 10, 15)]
    assert labelled.notes[1] == "line 2: 0 to 5e+06 s of a recording of 12.0 s"


def test_a_row_that_begins_before_the_recording_counts_from_its_start(audio):
    labelled = read(audio, "filename,start,end,labels\none_20250227_010002.ogg,-5,10,a\n")
    assert list(everything(labelled)) == [f"one_20250227_010002_{end}" for end in (5, 10)]
    assert labelled.notes[1] == "line 2: -5 to 10 s of a recording of 12.0 s"


def test_a_soundscape_that_was_cut_off_costs_the_windows_that_it_lacks(tmp_path):
    folder = tmp_path / "train_soundscapes"
    folder.mkdir()
    for name in ("good", "damaged"):
        with soundfile.SoundFile(folder / f"{name}.ogg", "w", 32_000, 1, format="OGG", subtype="VORBIS") as file:
            for second in range(60):
                file.write(np.random.default_rng(second).uniform(-0.9, 0.9, 32_000))
    content = bytearray((folder / "damaged.ogg").read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    (folder / "damaged.ogg").write_bytes(bytes(content))
    labelled = read(
        folder, "row_id,a\n" + "".join(f"{name}_{end},1\n" for name in ("good", "damaged") for end in (5, 60))
    )
    assert list(everything(labelled)) == ["damaged_5", "good_5", "good_60"]
    assert (
        labelled.notes[0] == "train_soundscape_labels.csv: left out: 1 of 4 rows, which have no audio or make no sense"
    )


def test_a_damaged_soundscape_keeps_its_windows_and_is_told_once(tmp_path, capsys):
    folder = tmp_path / "train_soundscapes"
    folder.mkdir()
    with soundfile.SoundFile(folder / "damaged.ogg", "w", 32_000, 1, format="OGG", subtype="VORBIS") as file:
        for second in range(30):
            file.write(np.random.default_rng(second).uniform(-0.9, 0.9, 32_000))
    content = bytearray((folder / "damaged.ogg").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 6000] = bytes(6000)
    (folder / "damaged.ogg").write_bytes(bytes(content))
    labelled = read(folder, "row_id,a\n" + "".join(f"damaged_{end},1\n" for end in range(5, 31, 5)))
    for _ in range(2):
        assert list(everything(labelled)) == [f"damaged_{end}" for end in range(5, 31, 5)]
    printed = capsys.readouterr().out
    assert printed.count("damaged.ogg: only ") == 1 and "0 of its 6 windows left out" in printed


def test_a_soundscape_that_cannot_be_decoded_does_not_end_a_validation(audio, monkeypatch, capsys):
    labelled = read(audio, "row_id,a\none_20250227_010002_5,1\ntwo_S05_20190522_5,1\n")
    (audio / "one_20250227_010002.ogg").write_bytes(b"not audio any more")
    for _ in range(2):
        assert list(everything(labelled)) == ["two_S05_20190522_5"]
    printed = capsys.readouterr().out
    assert printed.count("one_20250227_010002.ogg: cannot be decoded") == 1
    assert "1 of its 1 windows left out" in printed


def test_labels_of_which_none_can_be_used_end_no_training(audio, capsys):
    (audio.parent / "train_soundscape_labels.csv").write_text(
        "filename,start,end,labels\none_20250227_010002.ogg,-5,0,a\n"
    )
    assert LabelledSoundscapes.find(CompetitionFiles(audio.parent, edition("demo")), CLASSES) is None
    printed = capsys.readouterr().out
    assert printed.startswith("No labelled soundscapes: ") and "-5 to 0 s" in printed


def test_two_files_of_one_stem_are_named(audio, write_audio):
    write_audio(audio / "two_S05_20190522.flac", 10, seed=5)
    labelled = read(audio, "row_id,a\none_20250227_010002_5,1\ntwo_S05_20190522_5,1\n")
    assert labelled.soundscapes == ("one_20250227_010002",)
    assert labelled.notes[1] == "two_S05_20190522: there are two_S05_20190522.flac and two_S05_20190522.ogg"


def test_a_name_is_found_in_whichever_unicode_form_the_disk_has_it(audio, write_audio):
    write_audio(audio / "cafe\u0301_1.ogg", 10, seed=5)  # as macOS writes it
    labelled = read(audio, "row_id,a\ncaf\u00e9_1_5,1\n")
    assert list(everything(labelled)) == ["caf\u00e9_1_5"] and labelled.notes == ()
