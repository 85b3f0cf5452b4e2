"""A preparation from the competition's folder to the files that training reads."""

import json
import threading
import time

import numpy as np
import pandas as pd
import pytest
import soundfile

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data import examination
from birdlib.data.clips import Clips
from birdlib.data.known_soundscapes import KnownSoundscapes
from birdlib.data.preparation import prepare
from birdlib.data.prepared import COLUMNS, Prepared
from birdlib.errors import BirdlibError


def lines(capsys):
    return [line for line in capsys.readouterr().out.splitlines() if "file/s" not in line and line.strip()]


def test_every_row_of_the_metadata_is_written_with_what_was_found(ordinary, tmp_path, capsys):
    made = prepare(ordinary, tmp_path, fold_seed=1)
    table = pd.read_csv(tmp_path / "recordings.csv", keep_default_na=False)
    metadata = pd.read_csv(ordinary.metadata)
    assert tuple(table.columns) == COLUMNS
    assert table["filename"].tolist() == metadata["filename"].tolist()
    assert table["seconds"].round(3).tolist() == [0.05, 0.3] * 15
    assert table["secondary_labels"].tolist()[:4] == ["b", "", "", "e"]
    assert set(table["sample_rate"]) == {32_000} and set(table["channels"]) == {1}
    assert table["audio_sha256"].str.fullmatch("[0-9a-f]{64}").all() and table["audio_sha256"].is_unique
    assert (table["cache_start"] == -1).all() and not (tmp_path / "cache.i16").exists()
    assert table["fold"].between(-1, 4).all()
    facts = json.loads((tmp_path / "folds.json").read_text())
    assert facts["classes"] == list("abcdef") and facts["n_folds"] == 5 and facts["seed"] == 1
    assert facts["data_version"] == made.data_version
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "folds.json",
        "recordings.csv",
        "soundscapes.csv",
    ]
    assert lines(capsys) == []


def test_the_same_competition_gives_the_same_bytes(ordinary, tmp_path):
    for name, workers in (("one", 1), ("two", 3)):
        (tmp_path / name).mkdir()
        prepare(ordinary, tmp_path / name, cache_gigabytes=1e-4, workers=workers)
    for file in ("recordings.csv", "folds.json", "cache.i16"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_numbers_are_read_as_they_were_computed(ordinary, tmp_path):
    made = prepare(ordinary, tmp_path, n_folds=3, cache_gigabytes=1e-4)
    read = Prepared.read(tmp_path, ordinary).recordings
    assert np.abs(made.recordings["seconds"] - read["seconds"]).max() < 1e-6
    for column in ("fold", "cache_start", "cache_samples", "sample_rate"):
        np.testing.assert_array_equal(made.recordings[column], read[column])
        assert read[column].dtype == np.int64


def test_faulty_recordings_are_named_once_and_copies_are_left_out(competition, tmp_path, capsys):
    for number in range(20):
        competition.add(f"{'ab'[number % 2]}/XC{number}.ogg", author=f"Person {number}")
    competition.add("a/XC20.ogg", seed=3).add("a/XC21.ogg", seconds=0)
    files = competition.write()
    prepare(files, tmp_path, max_unreadable=0.05)
    table = pd.read_csv(tmp_path / "recordings.csv", keep_default_na=False).set_index("filename")
    assert table.loc["a/XC20.ogg", "duplicate_of"] == "b/XC3.ogg"
    assert table.loc["b/XC3.ogg", "secondary_labels"] == "a"
    assert table.loc["a/XC21.ogg", ["fault", "audio_sha256"]].tolist() == ["there is no such file", ""]
    assert table.loc[["a/XC20.ogg", "a/XC21.ogg"], "fold"].tolist() == ["", ""]
    printed = lines(capsys)
    told = printed.index(f"{files.root}: left out, since they cannot be read: 1 of 22 recordings")
    assert [line for line in printed if "XC21" in line] == ["train_audio/a/XC21.ogg: there is no such file"]
    assert printed[told + 1] == "train_audio/a/XC21.ogg: there is no such file"
    assert [line for line in printed if "XC20.ogg = b/XC3.ogg" in line and "another label" in line]
    prepared = Prepared.read(tmp_path, files)
    assert len(prepared.recordings) == 20


def test_too_many_faulty_recordings_stop_the_run_with_their_number_and_the_first(competition, tmp_path):
    for number in range(30):
        competition.add(f"a/XC{number}.ogg", author=f"Person {number}", seconds=0.05 if number % 10 else 0)
    files = competition.write()
    with pytest.raises(BirdlibError, match=r"3 of the first 21 recordings of 30 .*a/XC0\.ogg: there is no such file"):
        prepare(files, tmp_path, max_unreadable=0.07)
    assert not (tmp_path / "folds.json").exists()
    prepare(files, tmp_path, max_unreadable=0.1)
    with pytest.raises(BirdlibError, match="max_unreadable = 1"):
        prepare(files, tmp_path, max_unreadable=1)


def test_an_error_does_not_wait_for_the_recordings_that_are_left(competition, tmp_path, monkeypatch):
    for number in range(300):
        competition.add(f"a/XC{number}.ogg", author=f"Person {number}", seconds=0)
    decoded = []

    def slow(path, first):
        decoded.append(path)
        time.sleep(0.02)
        raise BirdlibError("broken")

    monkeypatch.setattr(examination, "decode", slow)
    before = set(threading.enumerate())  # other libraries keep pools of their own
    with pytest.raises(BirdlibError, match=r"4 of the first 4 recordings of 300 .*a/XC0\.ogg: broken"):
        prepare(competition.write(), tmp_path, workers=2)
    assert len(decoded) < 20 and set(threading.enumerate()) <= before


def test_a_preparation_that_fails_does_not_leave_an_earlier_ones_folds_behind(ordinary, tmp_path):
    prepare(ordinary, tmp_path)
    ordinary.metadata.write_text("filename\na/XC1.ogg\n")
    with pytest.raises(BirdlibError, match="there is no column"):
        prepare(ordinary, tmp_path)
    with pytest.raises(BirdlibError, match="folds.json: there is no such file"):
        Prepared.read(tmp_path, ordinary)


def test_the_cache_holds_the_starts_of_the_recordings_and_no_more_than_allowed(competition, tmp_path, write_audio):
    for number in range(12):
        competition.add(f"a/XC{number}.ogg", author=f"Person {number}", seconds=0.1)
    competition.add("b/XC99.ogg", author="Bo", seconds=2, rate=48_000, channels=2)
    files = competition.write()
    made = prepare(files, tmp_path, cache_gigabytes=2e-4, cache_seconds=1.0)
    assert (tmp_path / "cache.i16").stat().st_size <= 200_000
    cache = Prepared.read(tmp_path, files).cache
    for row in made.recordings.itertuples():
        if row.primary_label == "a":
            number = int(row.filename[4:-4])
            expected = write_audio(tmp_path / "again.ogg", 0.1, seed=number)[:, 0]
            np.testing.assert_array_equal(cache.read(row.Index, 0, row.cache_samples) * 32768, expected)
        else:
            assert row.cache_samples == 32_000 and (row.sample_rate, row.channels) == (48_000, 2)


def test_the_real_birds_are_prepared(shared, tmp_path):
    birds = shared / "audio" / "birdmini"
    for name in ("train_audio", "sample_submission.csv"):
        (tmp_path / name).symlink_to(birds / name)
    some = pd.read_csv(birds / "train_metadata.csv")
    some = some[some["primary_label"].isin(["houspa", "chbchi", "orcwar", "towwar", "whcspa", "comrav"])]
    some.to_csv(tmp_path / "train_metadata.csv", index=False)
    made = prepare(CompetitionFiles(tmp_path, edition("demo")), tmp_path, n_folds=3)
    table = made.recordings.set_index("filename")
    assert len(table) == len(some) and (table["fault"] == "").all()
    for filename, seconds in table["seconds"].items():
        info = soundfile.info(birds / "train_audio" / filename)
        assert seconds == info.frames / info.samplerate
    assert (table["fold"] >= 0).sum() > 25 and (table["fold"][table["primary_label"] == "comrav"] == -1).all()


def test_stereo_in_antiphase_and_silence_are_neither_silenced_nor_merged(competition, tmp_path, capsys):
    for number in range(20):
        competition.add(f"{'ab'[number % 2]}/XC{number}.ogg", author=f"Person {number}")
    wave = np.random.default_rng(9).uniform(-0.5, 0.5, 32_000)
    odd = {
        "a/antiphase.wav": np.stack([wave, -wave], axis=1),
        "b/antiphase.wav": np.stack([-wave[::-1], wave[::-1]], axis=1),
        "a/silent.wav": np.zeros(32_000),
        "b/silent.wav": np.zeros(32_000),
    }
    for filename, samples in odd.items():
        competition.add(filename, author=filename, seconds=0)
        soundfile.write(tmp_path / "competition" / "train_audio" / filename, samples, 32_000, subtype="FLOAT")
    prepare(competition.write(), tmp_path)
    table = pd.read_csv(tmp_path / "recordings.csv", keep_default_na=False).set_index("filename")
    assert table.loc[list(odd), "duplicate_of"].tolist() == [""] * 4
    assert table.loc[list(odd), "secondary_labels"].tolist() == [""] * 4
    assert table.loc["a/antiphase.wav", "audio_sha256"] != table.loc["a/silent.wav", "audio_sha256"]
    printed = lines(capsys)
    assert [line for line in printed if "silent: 2 of 24 recordings" in line]
    assert [line for line in printed if line.endswith(": silent")] == [
        "train_audio/a/silent.wav: silent",
        "train_audio/b/silent.wav: silent",
    ]


def test_a_recording_that_was_cut_off_is_used_as_far_as_it_goes_and_named(competition, tmp_path, capsys):
    for number in range(12):
        competition.add(f"{'ab'[number % 2]}/XC{number}.flac", author=f"Person {number}", seconds=3)
    files = competition.write()
    path = files.train_audio / "a/XC4.flac"
    path.write_bytes(path.read_bytes()[:100_000])
    prepare(files, tmp_path, n_folds=2, max_unreadable=0)
    table = pd.read_csv(tmp_path / "recordings.csv", keep_default_na=False).set_index("filename")
    seconds = table.loc["a/XC4.flac", "seconds"]
    assert 1 < seconds < 2 and table.loc["a/XC4.flac", "fault"] == ""
    printed = lines(capsys)
    assert f"{files.root}: used as far as they go, since a part is missing: 1 of 12 recordings" in printed
    assert f"train_audio/a/XC4.flac: the header says 3.0 s, the file holds {seconds:.1f} s: cut off" in printed
    prepared = Prepared.read(tmp_path, files)
    assert len(prepared.recordings) == 12


def test_mp3_odd_names_and_one_name_with_two_endings(competition, tmp_path, capsys):
    for number in range(12):
        competition.add(f"{'ab'[number % 2]}/XC{number}.ogg", author=f"Person {number}")
    noise = np.random.default_rng(9).uniform(-0.5, 0.5, 32_000)
    folder = tmp_path / "competition" / "train_audio" / "a"
    soundfile.write(folder / "XC2.mp3", noise, 32_000)
    soundfile.write(folder / "cafe\u0301.wav", noise[::-1], 32_000)  # as macOS writes it
    competition.add("a/XC2.mp3", author="", seconds=0).add("a/caf\u00e9.wav", author="", seconds=0)
    files = competition.write()
    prepare(files, tmp_path, n_folds=2, max_unreadable=0)
    table = pd.read_csv(tmp_path / "recordings.csv", keep_default_na=False).set_index("filename")
    assert table.loc["a/XC2.mp3", "fault"] == "" and 1 <= table.loc["a/XC2.mp3", "seconds"] < 1.1
    assert table.loc["a/cafe\u0301.wav", "seconds"] == 1
    assert "of one name with several endings, all used: 2 recordings (a/XC2.ogg, a/XC2.mp3)" in lines(capsys)
    prepared = Prepared.read(tmp_path, files)
    assert len(prepared.recordings) == 14


def test_what_libsndfile_does_not_read_as_it_is_has_a_copy_that_training_reads(competition, tmp_path, capsys):
    """Recordings and labelled soundscapes: two streams in one file, of which libsndfile reads the first."""
    for number in range(12):
        competition.add(f"{'ab'[number % 2]}/XC{number}.flac", author=f"Person {number}", seconds=3, seed=number)
    files = competition.write()
    odd, soundscape = files.train_audio / "a/XC4.flac", files.root / "train_soundscapes/s_1.flac"
    soundscape.parent.mkdir()
    content = odd.read_bytes() + (files.train_audio / "b/XC5.flac").read_bytes()
    odd.write_bytes(content)
    soundscape.write_bytes(content)
    (files.root / "train_soundscape_labels.csv").write_text("row_id,a,b\ns_1_5,1,0\ns_1_10,0,1\ns_1_15,1,1\n")
    prepare(files, tmp_path, n_folds=2)
    printed = lines(capsys)
    assert "copied, since libsndfile does not read them as they are: 1 recording (copies/a/XC4.flac.w64)" in printed
    prepared = Prepared.read(tmp_path, files)
    soundscapes = KnownSoundscapes.of_preparation(tmp_path, files.root, prepared.classes)
    odd.unlink()
    soundscape.unlink()
    parts = [np.random.default_rng(seed).uniform(-0.9, 0.9, (96_000, 1))[:, 0] for seed in (4, 5)]
    whole = (np.rint(np.concatenate(parts) * 32767) / 32768).astype(np.float32)
    row = prepared.recordings["filename"].tolist().index("a/XC4.flac")
    clips = Clips(
        prepared.clip_table([row]), sample_rate=32_000, window_seconds=6, crop="first", padding="zeros", seed=0
    )
    np.testing.assert_array_equal(clips[0, 0][0], whole)
    ((row_ids, waves, truth),) = soundscapes.windows(32_000, 5, "zeros")
    assert row_ids == ("s_1_5", "s_1_10") and truth[:, :2].tolist() == [[1, 0], [0, 1]] and not truth[:, 2:].any()
    np.testing.assert_array_equal(waves.ravel()[: len(whole)], whole)


def test_a_competition_without_labelled_soundscapes_hands_over_none_and_a_lost_table_is_named(ordinary, tmp_path):
    prepare(ordinary, tmp_path)
    assert KnownSoundscapes.of_preparation(tmp_path, ordinary.root, tuple("abcdef")) is None
    (tmp_path / "soundscapes.csv").unlink()
    with pytest.raises(BirdlibError, match=r"soundscapes\.csv: not readable \(.*\); run the preparation again"):
        KnownSoundscapes.of_preparation(tmp_path, ordinary.root, tuple("abcdef"))
