"""Reading audio: whole recordings in pieces, clips by seeking."""

import hashlib

import numpy as np
import pytest
import soundfile
import soxr

from birdlib.audio import recordings
from birdlib.audio.recording import RecordingInfo, read_clip
from birdlib.audio.recordings import probe
from birdlib.data.decoding import Resampled, as_int16, decode, write_copy
from birdlib.errors import BirdlibError

RATE = 32_000


def test_the_fingerprint_is_that_of_the_decoded_samples(tmp_path, write_audio, monkeypatch):
    monkeypatch.setattr(recordings, "_BLOCK_SECONDS", 1)
    samples = write_audio(tmp_path / "a.flac", 2.5, seed=1)
    decoded = decode(tmp_path / "a.flac")
    assert decoded.sha256 == hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
    assert (decoded.frames, decoded.sample_rate, decoded.channels, decoded.seconds) == (80_000, RATE, 1, 2.5)


def test_the_same_audio_in_another_file_has_the_same_fingerprint(tmp_path, write_audio):
    samples = write_audio(tmp_path / "a.flac", 1, seed=1)
    soundfile.write(tmp_path / "b.wav", samples, RATE, subtype="PCM_16")
    samples[5] += 1
    soundfile.write(tmp_path / "c.wav", samples, RATE, subtype="PCM_16")
    a, b, c = (decode(tmp_path / name).sha256 for name in ("a.flac", "b.wav", "c.wav"))
    assert a == b != c


def test_the_start_is_handed_over_on_the_way(tmp_path, write_audio, monkeypatch):
    monkeypatch.setattr(recordings, "_BLOCK_SECONDS", 1)
    samples = write_audio(tmp_path / "a.flac", 3, seed=1)[:, 0]
    first = Resampled(40_000, RATE)
    decode(tmp_path / "a.flac", first)
    np.testing.assert_array_equal(as_int16(np.concatenate(first.pieces)), samples[:40_000])
    assert first.left == 0


def test_the_start_comes_at_the_wanted_rate_as_if_resampled_at_once(tmp_path, write_audio, monkeypatch):
    monkeypatch.setattr(recordings, "_BLOCK_SECONDS", 1)
    write_audio(tmp_path / "a.flac", 3.3, seed=1, rate=44_100)
    whole, _ = soundfile.read(tmp_path / "a.flac", dtype="float32")
    expected = as_int16(soxr.resample(whole, 44_100, RATE))
    first = Resampled(10**9, RATE)
    decode(tmp_path / "a.flac", first)
    found = as_int16(np.concatenate(first.pieces))
    assert abs(len(found) - len(expected)) <= 1
    assert np.abs(found[: len(expected)].astype(int) - expected[: len(found)]).max() <= 1


@pytest.mark.parametrize(("start", "seconds"), [(0, 5), (1.0, 2.0), (7.25, 0.75), (7.0, 5)])
def test_a_clip_is_a_slice_of_the_recording(tmp_path, write_audio, start, seconds):
    samples = write_audio(tmp_path / "a.flac", 8, seed=2)[:, 0]
    clip = read_clip(probe(tmp_path / "a.flac"), start, seconds, RATE)
    wanted = samples[round(start * RATE) : round((start + seconds) * RATE)]
    assert clip.dtype == np.float32
    np.testing.assert_array_equal(as_int16(clip), wanted)


def test_channels_are_averaged_and_other_rates_resampled(tmp_path):
    time = np.arange(44_100 * 4) / 44_100
    tone = np.sin(2 * np.pi * 1000 * time)
    soundfile.write(tmp_path / "a.wav", np.stack([0.8 * tone, 0.2 * tone], axis=1), 44_100, subtype="FLOAT")
    clip = read_clip(probe(tmp_path / "a.wav"), 1, 2, RATE)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    assert clip.shape == (2 * RATE,)
    assert np.abs(clip - expected)[1000:-1000].max() < 1e-3


def test_samples_that_are_not_numbers_do_not_reach_a_model(tmp_path):
    wave = np.full(RATE, 0.25, np.float32)
    wave[:3] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    assert np.isfinite(read_clip(probe(tmp_path / "a.wav"), 0, 1, RATE)).all()
    assert decode(tmp_path / "a.wav").frames == RATE


def test_loud_samples_are_clipped_and_not_wrapped_around():
    wave = np.array([1.5, 1.0, -1.0, -1.5, 0.5], np.float32)
    assert as_int16(wave).tolist() == [32767, 32767, -32768, -32768, 16384]
    assert as_int16(np.arange(-32768, 32768, dtype=np.float32) / 32768).tolist() == list(range(-32768, 32768))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "there is no such file"),
        (b"", "the file is empty (0 bytes)"),
        (b"not audio\n" * 50, "cannot be read as audio (it starts with b'not audi')"),
    ],
)
def test_a_file_that_cannot_be_decoded_says_why(tmp_path, content, fault):
    if content is not None:
        (tmp_path / "a.ogg").write_bytes(content)
    with pytest.raises(BirdlibError) as caught:
        decode(tmp_path / "a.ogg")
    assert str(caught.value) == fault


def test_a_header_without_audio_is_a_fault(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    with pytest.raises(BirdlibError, match="holds no audio"):
        decode(tmp_path / "a.wav")


def test_damage_in_the_middle_is_a_fault(tmp_path):
    with soundfile.SoundFile(tmp_path / "a.ogg", "w", RATE, 1, format="OGG", subtype="VORBIS") as file:
        for _ in range(20):
            file.write(np.random.default_rng(0).uniform(-0.9, 0.9, RATE))
    data = bytearray((tmp_path / "a.ogg").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = bytes(20_000)
    (tmp_path / "a.ogg").write_bytes(bytes(data))
    with pytest.raises(BirdlibError, match=r"only \d+\.\d of 20\.0 s can be decoded"):
        decode(tmp_path / "a.ogg")


@pytest.fixture
def tagged(tmp_path):
    """A recording of 8 s that libsndfile does not open as it is, and its samples."""
    path = tmp_path / "tagged.ogg"
    soundfile.write(path, np.sin(np.linspace(0, 9000, 8 * RATE)), RATE)
    wave, _ = soundfile.read(path, dtype="float32")
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + path.read_bytes())
    with pytest.raises(soundfile.SoundFileError):
        soundfile.info(path)
    return path, wave


def test_a_file_that_libsndfile_does_not_open_is_looked_at_again_where_that_is_wanted(tagged):
    path, wave = tagged
    known = RecordingInfo.ordinary(path, 8 * RATE, RATE, 1)
    np.testing.assert_array_equal(read_clip(known, 2.0, 5.0, RATE, probe), wave[2 * RATE : 7 * RATE])
    with pytest.raises(BirdlibError, match=r"tagged\.ogg: cannot be read at 2\.0 s"):
        read_clip(known, 2.0, 5.0, RATE)


def test_a_copy_holds_the_same_samples_and_is_read_as_it_is(tagged, tmp_path):
    path, wave = tagged
    assert not decode(path).is_ordinary
    write_copy(path, tmp_path / "copies" / "a.w64")
    copied = decode(tmp_path / "copies" / "a.w64")
    assert copied.is_ordinary and copied.sha256 == decode(path).sha256
    np.testing.assert_array_equal(soundfile.read(tmp_path / "copies" / "a.w64", dtype="float32")[0], wave)


def test_a_clip_that_cannot_be_read_names_its_file(tmp_path, write_audio):
    with pytest.raises(BirdlibError, match=r"gone\.ogg: cannot be read at 2\.0 s \(there is no such file\)"):
        read_clip(RecordingInfo.ordinary(tmp_path / "gone.ogg", 8 * RATE, RATE, 1), 2, 5, RATE)
    write_audio(tmp_path / "short.flac", 1, seed=1)
    with pytest.raises(BirdlibError, match=r"short\.flac: cannot be read at 2\.0 s \(32000 frames instead of 256000\)"):
        read_clip(RecordingInfo.ordinary(tmp_path / "short.flac", 8 * RATE, RATE, 1), 2, 5, RATE)
    with pytest.raises(BirdlibError, match=r"short\.flac: there is no audio at 2\.0 s"):
        read_clip(probe(tmp_path / "short.flac"), 2, 5, RATE)
