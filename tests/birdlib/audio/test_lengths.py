"""A header's length is a claim: what a file holds is read, all of it, whatever its header says."""

import struct

import numpy as np
import pytest
import soundfile

from birdlib.audio.recording import read
from birdlib.audio.recordings import blocks, probe, read_windows
from birdlib.errors import BirdlibError

from .conftest import RATE, decoded, encode, tone

SECONDS = 20


@pytest.fixture(scope="module")
def flac():
    return encode(tone(SECONDS), format="FLAC", subtype="PCM_16")


@pytest.fixture(scope="module")
def wav():
    return encode(tone(SECONDS), format="WAV", subtype="PCM_16")


@pytest.fixture(scope="module")
def ogg():
    return encode(tone(SECONDS), format="OGG", subtype="VORBIS")


@pytest.fixture(scope="module")
def mp3():
    """Noise, then a tone, at a variable bit rate: the first frames are large."""
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, 5 * RATE)
    wave = np.concatenate([noise, np.zeros(RATE), tone(SECONDS - 6)])
    return encode(wave, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="VARIABLE", compression_level=0.2)


def of_flac(content, samples):
    fields = int.from_bytes(content[18:26], "big") >> 36 << 36 | samples
    return content[:18] + fields.to_bytes(8, "big") + content[26:]


def of_wav(content, size, behind=b""):
    place = content.index(b"data") + 4
    return content[:place] + struct.pack("<I", size) + content[place + 4 :] + behind


def without_index(content):
    assert b"Xing" in content[:60]
    return content[content.index(content[:2], 200) :]


def check(tmp_path, content, expected, *, suffix=".any", atol=0.0):
    """The file is read as long as expected and with the expected samples, in whatever way."""
    path = tmp_path / f"recording{suffix}"
    path.write_bytes(content)
    info = probe(path)
    assert info.frames == len(expected)
    np.testing.assert_allclose(read(info, 0, info.frames), expected, atol=atol)
    np.testing.assert_allclose(np.concatenate(list(blocks(info))), expected, atol=max(atol, 1e-5))
    start = len(expected) // 2 + 777
    np.testing.assert_allclose(read(info, start, RATE), expected[start : start + RATE], atol=max(atol, 1e-5))
    return info


@pytest.mark.parametrize("claim", [0, SECONDS * RATE, SECONDS * RATE // 2, 1])
def test_a_flac_file_that_claims_less_or_nothing_is_read_whole(tmp_path, flac, claim):
    info = check(tmp_path, of_flac(flac, claim), decoded(flac))
    assert info.cut == ""


@pytest.mark.parametrize("claim", [SECONDS * RATE * 3, 2**36 - 1])
def test_a_flac_file_that_claims_more_is_read_as_far_as_it_goes_and_named(tmp_path, flac, claim):
    path = tmp_path / "a.flac"
    path.write_bytes(of_flac(flac, claim))
    info = probe(path)
    assert SECONDS - 0.2 < info.seconds <= SECONDS and "the file holds 20.0 s: cut off" in info.cut
    assert len(read(info, 0, info.frames)) == info.frames


def test_a_flac_file_that_was_cut_off_is_read_as_far_as_it_goes_and_named(tmp_path, flac):
    path = tmp_path / "a.flac"
    path.write_bytes(flac[: len(flac) // 2])
    info = probe(path)
    wave = read(info, 0, info.frames)
    assert 5 < info.seconds < 15 and len(wave) == info.frames
    np.testing.assert_array_equal(wave, decoded(flac)[: len(wave)])
    assert info.cut == f"the header says 20.0 s, the file holds {info.seconds:.1f} s: cut off"


def test_two_flac_files_in_one_are_read_both(tmp_path, flac):
    for first in (flac, of_flac(flac, 0)):
        check(tmp_path, first + flac, np.tile(decoded(flac), 2))


@pytest.mark.parametrize(
    ("size", "behind"),
    [
        (0xFFFFFFFF, b""),
        (0x7FFFFFFF, b""),
        (0, b""),
        (RATE, b""),
        (2 * SECONDS * RATE, b"LIST" + struct.pack("<I", 4) + b"INFO"),
        (2 * SECONDS * RATE, bytes(4096)),
    ],
)
def test_a_wav_file_is_read_whole_whatever_length_it_claims(tmp_path, wav, size, behind):
    info = check(tmp_path, of_wav(wav, size, behind), decoded(wav))
    assert info.cut == ""


def test_a_wav_file_that_was_cut_off_is_named(tmp_path, wav):
    path = tmp_path / "a.wav"
    path.write_bytes(wav[: len(wav) // 2])
    assert probe(path).cut == "the header says 20.0 s, the file holds 10.0 s: cut off"


@pytest.mark.parametrize("name", ["flac", "wav", "ogg"])
def test_a_tag_before_a_file_changes_nothing(tmp_path, request, name):
    content = request.getfixturevalue(name)
    tag = b"ID3\x04\0\0\0\0\x01\x02" + bytes(130)
    assert check(tmp_path, tag + content, decoded(content), atol=1e-6).cut == ""
    path = tmp_path / "cut"
    path.write_bytes(tag + content[: len(content) // 2])
    info = probe(path)
    assert 5 < info.seconds < 15 and info.cut


def test_an_mp3_file_without_an_index_is_read_whole(tmp_path, mp3):
    bare = without_index(mp3)
    path = tmp_path / "bare.mp3"
    path.write_bytes(bare)
    assert soundfile.info(path).frames < 0.9 * SECONDS * RATE  # what libsndfile says
    info = probe(path)
    assert SECONDS <= info.seconds < SECONDS + 0.1 and info.cut == ""
    wave = read(info, 0, info.frames)
    assert len(wave) == info.frames
    np.testing.assert_allclose(np.concatenate(list(blocks(info))), wave, atol=1e-5)
    # An encoder's delay of a few hundredths of a second, which the index would have told, stays.
    silent = np.flatnonzero(np.abs(wave[: 10 * RATE]) < 1e-3)
    assert 5 < np.median(silent) / RATE < 6 and np.abs(wave[-RATE // 5 :]).max() > 0.8
    windows, damage = read_windows(path, [5.0, 10.0, 15.0, 20.0], window_seconds=5, sample_rate=RATE)
    np.testing.assert_allclose(windows.ravel(), wave[: SECONDS * RATE], atol=1e-5)
    assert damage == ""


def test_an_mp3_file_with_an_index_is_read_as_it_is(tmp_path, mp3):
    assert check(tmp_path, mp3, decoded(mp3), atol=1e-6).cut == ""


def test_tags_around_an_mp3_file_cost_nothing(tmp_path, mp3):
    before = b"ID3\x04\0\0" + bytes([0, 0, 16, 0]) + b"\xff\xfb\x90\x00" * 512  # a picture that looks like frames
    path = tmp_path / "tags.mp3"
    path.write_bytes(before + without_index(mp3) + b"TAG" + bytes(125))
    assert SECONDS <= probe(path).seconds < SECONDS + 0.1


def test_two_mp3_files_in_one_are_read_both_also_at_another_rate(tmp_path, mp3):
    other = encode(tone(6, rate=22_050), 22_050, format="MP3", subtype="MPEG_LAYER_III")
    path = tmp_path / "two.mp3"
    path.write_bytes(mp3 + mp3 + other)
    info = probe(path)
    assert info.sample_rate == RATE and 2 * SECONDS + 6 <= info.seconds < 2 * SECONDS + 6.4
    assert len(read(info, 0, info.frames)) == info.frames


@pytest.mark.parametrize("indexed", [True, False])
def test_an_mp3_file_that_was_cut_off_is_named(tmp_path, mp3, indexed):
    path = tmp_path / "cut.mp3"
    path.write_bytes((mp3 if indexed else without_index(mp3))[: len(mp3) // 2])
    info = probe(path)
    assert 5 < info.seconds < 15 and info.cut.endswith(": cut off")
    assert len(read(info, 0, info.frames)) == info.frames


def with_last_place(ogg, samples):
    """An ogg file whose last page tells another place."""
    from birdlib.audio.ogg_streams import page_checksum

    last = ogg.rindex(b"OggS")
    page = bytearray(ogg[last:])
    page[6:14], page[22:26] = samples.to_bytes(8, "little", signed=True), bytes(4)
    page[22:26] = page_checksum(bytes(page)).to_bytes(4, "little")
    return ogg[:last] + bytes(page)


@pytest.mark.parametrize("place", [5 * RATE, 60 * RATE, 10**6 * RATE, 2**62, -1, 0])
def test_an_ogg_file_is_read_whole_whatever_its_last_page_claims(tmp_path, ogg, place):
    path = tmp_path / "a.ogg"
    path.write_bytes(with_last_place(ogg, place))
    info, expected = probe(path), decoded(ogg)
    # How much of its last packet an encoder wanted to be trimmed cannot be known any more.
    assert len(expected) <= info.frames < len(expected) + 2048
    for wave in (read(info, 0, info.frames), np.concatenate(list(blocks(info)))):
        assert len(wave) == info.frames
        np.testing.assert_allclose(wave[: len(expected)], expected, atol=1e-6)
    np.testing.assert_allclose(read(info, 17 * RATE, RATE), expected[17 * RATE : 18 * RATE], atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"format": "OGG", "subtype": "OPUS"}, {"format": "OGG", "subtype": "VORBIS"}], ids=["opus", "vorbis"]
)
@pytest.mark.parametrize("place", [5 * 48_000, 10**6 * 48_000])
def test_streams_of_other_rates_and_codecs_are_read_whole_too(tmp_path, options, place):
    content = encode(tone(SECONDS, rate=48_000), 48_000, **options)
    path = tmp_path / "a.ogg"
    path.write_bytes(with_last_place(content, place))
    info, expected = probe(path), decoded(content)
    assert len(expected) <= info.frames < len(expected) + 6000
    np.testing.assert_allclose(read(info, 0, info.frames)[: len(expected)], expected, atol=1e-6)


def test_an_ogg_file_that_was_cut_off_is_named_where_a_window_misses_audio(tmp_path, ogg):
    path = tmp_path / "a.ogg"
    path.write_bytes(ogg[: len(ogg) // 2])
    assert probe(path).cut == "the last page is not complete: cut off"
    _, damage = read_windows(path, [5.0], window_seconds=5, sample_rate=RATE)
    assert damage == ""
    _, damage = read_windows(path, [5.0, 10.0, 15.0], window_seconds=5, sample_rate=RATE)
    assert damage == "a.ogg: the last page is not complete: cut off"


def test_a_live_stream_is_read_from_where_it_was_joined(tmp_path, ogg):
    pages = [b"OggS" + page for page in ogg.split(b"OggS")[1:]]
    path = tmp_path / "live.ogg"
    path.write_bytes(b"".join(pages[:2] + pages[len(pages) // 2 : -1]))
    info = probe(path)
    assert 5 < info.seconds < 15 and info.cut.startswith("there is no mark of the end")
    assert len(read(info, 0, info.frames)) == info.frames


def test_a_sample_rate_that_would_fill_the_memory_is_refused(tmp_path):
    soundfile.write(tmp_path / "slow.wav", tone(1), 1)
    with pytest.raises(BirdlibError, match=r"slow\.wav: a sample rate of 1 Hz"):
        read_windows(tmp_path / "slow.wav", [5.0], window_seconds=5, sample_rate=RATE)
