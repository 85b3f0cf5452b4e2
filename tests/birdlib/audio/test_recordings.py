"""Recordings: what is read, at which place in time, and what is said of broken ones."""

import numpy as np
import pytest
import soundfile

from birdlib.audio.padding import padded
from birdlib.audio.recording import DecodingMemory
from birdlib.audio.recording import read as read_piece
from birdlib.audio.recordings import probe, read_windows
from birdlib.errors import BirdlibError

RATE = 32000


def write(path, wave, rate=RATE):
    with soundfile.SoundFile(path, "w", rate, 1 if wave.ndim == 1 else wave.shape[1]) as file:
        for start in range(0, len(wave), rate):
            file.write(wave[start : start + rate])
    return path


def read(path, ends, padding="zeros"):
    return read_windows(path, ends, window_seconds=5, sample_rate=RATE, padding=padding)


@pytest.fixture
def minute(tmp_path):
    """A minute whose loudness grows step by step, so that each window can be told from the others."""
    noise = np.random.default_rng(0).uniform(-1, 1, 60 * RATE)
    return write(tmp_path / "minute.ogg", noise * np.repeat(np.linspace(0.05, 0.9, 12), 5 * RATE))


def test_windows_are_the_slices_that_end_at_the_given_seconds(minute):
    whole, _ = soundfile.read(minute, dtype="float32")
    windows, damage = read(minute, [5.0, 35.0, 60.0])
    assert damage == "" and windows.shape == (3, 5 * RATE) and windows.dtype == np.float32
    for window, end in zip(windows, (5, 35, 60), strict=True):
        np.testing.assert_array_equal(window, whole[(end - 5) * RATE : end * RATE])


def test_windows_are_the_same_in_whatever_order_and_beginning_they_are_asked_for(minute):
    in_order, _ = read(minute, [5.0 * n for n in range(1, 13)])
    backwards, _ = read(minute, [5.0 * n for n in range(12, 0, -1)])
    np.testing.assert_array_equal(backwards, in_order[::-1])
    later, _ = read(minute, [5.0 * n + 2 for n in range(1, 13)])  # the last one reaches over the end
    np.testing.assert_array_equal(later[:-1, : 3 * RATE], in_order[:-1, 2 * RATE :])
    np.testing.assert_array_equal(later[:-1, 3 * RATE :], in_order[1:, : 2 * RATE])
    assert not later[-1, 3 * RATE :].any()


def test_recordings_that_are_decoded_into_the_same_memory_are_the_same_as_alone(minute, tmp_path):
    ends, noise = [5.0, 10.0], np.random.default_rng(1)
    others = [
        write(tmp_path / "stereo.flac", noise.uniform(-1, 1, (10 * RATE, 2))),
        write(tmp_path / "short.wav", noise.uniform(-1, 1, 7 * RATE)),
        write(tmp_path / "slow.ogg", noise.uniform(-1, 1, 10 * 22050), 22050),
    ]
    memory = DecodingMemory()
    for path, wanted in [(minute, [5.0 * n for n in range(1, 13)]), *((path, ends) for path in others)] * 2:
        alone, _ = read(path, wanted)
        again, damage = read_windows(path, wanted, window_seconds=5, sample_rate=RATE, padding="zeros", memory=memory)
        assert damage == ""
        np.testing.assert_array_equal(again, alone)


def test_a_few_windows_of_a_long_recording_are_sought_and_are_the_same(minute, monkeypatch):
    whole, _ = read(minute, [5.0 * n for n in range(1, 13)])
    monkeypatch.setattr(soundfile, "read", None)  # nothing is decoded from beginning to end
    few, damage = read(minute, [20.0, 60.0])
    assert damage == ""
    np.testing.assert_array_equal(few, whole[[3, 11]])


def test_a_short_last_window_is_padded_and_one_beyond_the_end_has_no_audio(tmp_path):
    path = write(tmp_path / "short.wav", np.full(7 * RATE, 0.5))
    windows, damage = read(path, [5.0, 10.0, 15.0])
    assert damage == ""
    assert windows[1, : 2 * RATE].min() > 0.4 and not windows[1, 2 * RATE :].any()
    assert np.isnan(windows[2]).all()


@pytest.mark.parametrize("padding", ["cyclic", "zeros", "reflect"])
@pytest.mark.parametrize("ends", [[5.0, 10.0], [10.0]], ids=["decoded whole", "sought"])
def test_a_window_that_is_short_of_audio_is_padded_as_a_clip_of_the_training_is(tmp_path, padding, ends):
    noise = np.random.default_rng(0).uniform(-1, 1, 31 * RATE + 9000).astype(np.float32)
    path = write(tmp_path / "short.flac", noise)
    wave, _ = soundfile.read(path, dtype="float32")
    windows, _ = read(path, [end + 25 for end in ends], padding)
    np.testing.assert_array_equal(windows[-1], padded(wave[30 * RATE :], 5 * RATE, padding))


def test_stereo_at_another_rate_is_averaged_and_resampled(tmp_path):
    time = np.arange(44100 * 10) / 44100
    tone = np.sin(2 * np.pi * 1000 * time)
    path = write(tmp_path / "stereo.ogg", np.stack([0.8 * tone, 0.2 * tone], axis=1), 44100)
    windows, damage = read(path, [5.0, 10.0])
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(5 * RATE) / RATE)
    assert damage == ""
    assert np.abs(windows[0] - expected)[2000:-2000].max() < 0.05


def test_windows_behind_damage_keep_their_place_in_time(minute):
    whole, _ = soundfile.read(minute, dtype="float32")
    data = bytearray(minute.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    minute.write_bytes(bytes(data))
    windows, damage = read(minute, [5.0 * n for n in range(1, 13)])
    assert "of 60.0 s can be decoded" in damage and "minute.ogg" in damage
    right = [np.abs(windows[n] - whole[n * 5 * RATE : (n + 1) * 5 * RATE]).max() < 1e-3 for n in range(12)]
    assert right[:4] == [True] * 4 and right[-3:] == [True] * 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "the file is empty (0 bytes)"), (b"not audio at all\n" * 99, "cannot be read as audio")],
)
def test_a_file_that_is_no_audio_is_named_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "soundscape_1.ogg"
    path.write_bytes(content)
    with pytest.raises(BirdlibError, match=r"^soundscape_1\.ogg: ") as caught:
        probe(path)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_a_recording_cut_in_the_middle_still_gives_what_it_holds(minute):
    whole, _ = soundfile.read(minute, dtype="float32")
    minute.write_bytes(minute.read_bytes()[: minute.stat().st_size // 2])
    assert 10 < probe(minute).seconds < 50
    windows, _ = read(minute, [5.0, 60.0])
    np.testing.assert_allclose(windows[0], whole[: 5 * RATE], atol=1e-3)
    assert np.isnan(windows[1]).all()


def test_samples_that_are_not_numbers_do_not_spoil_their_window(tmp_path):
    wave = np.full(5 * RATE, 0.25, np.float32)
    wave[100], wave[200] = np.nan, np.inf
    soundfile.write(tmp_path / "floats.wav", wave, RATE, subtype="FLOAT")
    windows, _ = read(tmp_path / "floats.wav", [5.0])
    assert np.isfinite(windows).all()


@pytest.mark.parametrize("seconds", [3, 12, 25])
def test_a_window_near_the_end_is_the_same_sought_and_decoded_with_all_before_it(tmp_path, seconds):
    time = np.arange(seconds * RATE) / RATE
    path = write(tmp_path / "tone.ogg", np.linspace(0.1, 0.9, len(time)) * np.sin(2000 * np.pi * time))
    whole = soundfile.read(path, dtype="float32")[0]
    for start in range(0, seconds * RATE, RATE // 2):
        piece = read_piece(probe(path), start, RATE // 2)
        np.testing.assert_allclose(piece, whole[start : start + RATE // 2], atol=1e-6)


def test_what_only_has_the_name_of_a_recording_says_what_it_is(tmp_path):
    (tmp_path / "folder.ogg").mkdir()
    (tmp_path / "link.ogg").symlink_to("nowhere.ogg")
    (tmp_path / "page.ogg").write_text("<html>403 Forbidden</html>" * 50)
    soundfile.write(tmp_path / "header.wav", np.zeros(0), RATE)
    said = {
        "folder.ogg": "a folder, no file",
        "link.ogg": "a link to nowhere",
        "absent.ogg": "there is no such file",
        "page.ogg": "cannot be read as audio (it starts with b'<html>40')",
        "header.wav": "the file holds no audio",
    }
    for name, text in said.items():
        with pytest.raises(BirdlibError) as caught:
            probe(tmp_path / name)
        assert str(caught.value) == f"{name}: {text}"
