"""Ogg files that hold several streams, one after another: all of them are read."""

import numpy as np
import pytest
import soxr

from birdlib.audio.ogg_streams import page_checksum
from birdlib.audio.recording import read
from birdlib.audio.recordings import blocks, probe, read_windows

from .conftest import RATE, decoded, encode, tone

VORBIS = {"format": "OGG", "subtype": "VORBIS"}


@pytest.fixture
def first():
    return encode(tone(12), **VORBIS)


def chained(tmp_path, *parts):
    path = tmp_path / "chained.ogg"
    path.write_bytes(b"".join(parts))
    return path


def windows_of(path, ends):
    return read_windows(path, ends, window_seconds=5, sample_rate=RATE)


def test_two_streams_are_one_recording(tmp_path, first):
    second = encode(tone(8, pitch=3000), **VORBIS)
    path = chained(tmp_path, first, second)
    assert probe(path).seconds == 20
    windows, damage = windows_of(path, [5.0, 10.0, 15.0, 20.0])
    expected = np.concatenate([decoded(first), decoded(second)])
    assert damage == ""
    np.testing.assert_array_equal(windows.ravel(), expected)
    sought, _ = windows_of(path, [15.0])
    np.testing.assert_allclose(sought[0], windows[2], atol=1e-6)
    np.testing.assert_array_equal(np.concatenate(list(blocks(probe(path)))), expected)


def test_a_stream_that_stands_in_the_file_twice_is_read_twice(tmp_path, first):
    path = chained(tmp_path, first, first)  # the header's length is the last stream's
    assert probe(path).seconds == 24
    wave = read(probe(path), 0, 24 * RATE)
    np.testing.assert_array_equal(wave[12 * RATE :], wave[: 12 * RATE])


def test_later_streams_may_have_other_rates_channels_and_codecs(tmp_path, first):
    stereo = encode(np.stack([tone(4), tone(4)], axis=1), **VORBIS)
    slow = encode(tone(6, rate=22_050), 22_050, **VORBIS)
    opus = encode(tone(5, rate=48_000), 48_000, format="OGG", subtype="OPUS")
    path = chained(tmp_path, first, stereo, slow, opus)
    info = probe(path)
    assert (info.seconds, info.sample_rate, info.channels) == (27, RATE, 1)
    wave = read(info, 0, info.frames)
    np.testing.assert_allclose(wave[12 * RATE : 16 * RATE], decoded(stereo).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(wave[16 * RATE : 22 * RATE], soxr.resample(decoded(slow), 22_050, RATE), atol=1e-6)
    in_blocks = np.concatenate(list(blocks(info)))
    assert len(in_blocks) == len(wave) == 27 * RATE
    np.testing.assert_allclose(in_blocks, wave, atol=1e-3)


def test_a_later_stream_that_cannot_be_decoded_is_named_and_costs_only_itself(tmp_path, first):
    second = bytearray(encode(tone(8), **VORBIS))
    second[40:3000] = bytes(2960)  # its headers
    path = chained(tmp_path, first, bytes(second))
    windows, damage = windows_of(path, [5.0, 10.0, 15.0, 20.0])
    assert damage.startswith("chained.ogg: 2 streams in one file, of which number 2 cannot be decoded")
    np.testing.assert_array_equal(windows[:2].ravel(), decoded(first)[: 10 * RATE])
    assert not windows[2, 2 * RATE :].any() and np.isnan(windows[3]).all()


def page(content, *, serial, number, flags):
    """An ogg page with one short packet."""
    header = b"OggS\0" + bytes([flags]) + bytes(8) + serial.to_bytes(4, "little") + number.to_bytes(4, "little")
    whole = header + bytes(4) + bytes([1, len(content)]) + content
    return whole[:22] + page_checksum(whole).to_bytes(4, "little") + whole[26:]


def test_a_stream_beside_a_skeleton_is_read(tmp_path, first):
    second_page = first.index(b"OggS", 1)
    skeleton = page(b"fishead\0".ljust(64, b"\0"), serial=7, number=0, flags=2)
    content = skeleton + first[:second_page] + page(b"", serial=7, number=1, flags=4) + first[second_page:]
    for parts, seconds in (([content], 12), ([content, first, content], 36)):
        info = probe(chained(tmp_path, *parts))
        assert info.seconds == seconds and info.cut == ""
        wave = read(info, 0, info.frames)
        np.testing.assert_array_equal(wave[-12 * RATE :], decoded(first))


def test_a_stream_that_was_cut_off_before_another_is_named(tmp_path, first):
    info = probe(chained(tmp_path, first[: len(first) // 2], first))
    assert 12 < info.seconds < 24 and info.cut == "the last page is not complete: cut off"
    np.testing.assert_array_equal(read(info, info.frames - 12 * RATE, 12 * RATE), decoded(first))
