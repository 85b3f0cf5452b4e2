"""Clips: the right audio, the same each time it is asked for, from the cache as from the files."""

import pickle

import numpy as np
import pytest
import torch

from birdlib.data import clips as clips_module
from birdlib.data.clips import Clips
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError

RATE = 32_000
WINDOW = 0.1  # seconds: the recordings of these tests are 0.05 and 0.3 s long


def make(prepared, rows=None, **options):
    usual = {"sample_rate": RATE, "window_seconds": WINDOW, "crop": "random", "padding": "cyclic", "seed": 1}
    rows = prepared.training_rows("full") if rows is None else rows
    return Clips(prepared.clip_table(rows), **usual | options)


@pytest.fixture
def prepared(ordinary, prepare, tmp_path):
    prepare(ordinary, tmp_path, n_folds=3)
    return Prepared.read(tmp_path, ordinary)


@pytest.fixture
def with_cache(ordinary, prepare, tmp_path):
    """The same with the first 0.15 s of every recording in a cache."""
    out = tmp_path / "cached"
    out.mkdir()
    prepare(ordinary, out, n_folds=3, cache_gigabytes=1e-3, cache_seconds=0.15)
    return Prepared.read(out, ordinary)


@pytest.fixture
def no_decoder(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a file was opened")

    monkeypatch.setattr(clips_module, "read_clip", refuse)


def whole(clips, row):
    """The recording as the fixtures wrote it: noise whose seed is its number."""
    seconds = 0.05 + 0.25 * (row % 2)
    noise = np.random.default_rng(row).uniform(-0.9, 0.9, (round(seconds * RATE), 1))
    return (np.rint(noise * 32767) / 32768).astype(np.float32)[:, 0]


def test_an_item_is_wave_targets_weights_and_row(prepared):
    rows = np.array([7, 2, 3])
    clips = make(prepared, rows)
    assert len(clips) == 3
    wave, targets, weights, row, extra = clips[0, 1]
    assert row == 1 and wave.shape == (3200,) and wave.dtype == targets.dtype == weights.dtype == np.float32
    assert extra == {}
    np.testing.assert_array_equal(targets, prepared.targets([2])[0][0])
    np.testing.assert_array_equal(weights, prepared.targets([2])[1][0])
    assert clips.table.rows["path"][1] == prepared.audio / prepared.recordings["filename"][2]


def test_the_first_clip_is_the_recordings_start(prepared):
    clips = make(prepared, crop="first")
    for position in range(4):
        wave, *_, row, _ = clips[5, position]
        recording = whole(clips, row)
        np.testing.assert_array_equal(wave[: len(recording)], recording[:3200])


def test_short_recordings_are_padded_by_name(prepared):
    recording = whole(None, 0)  # half a window
    np.testing.assert_array_equal(make(prepared)[0, 0][0], np.concatenate([recording, recording]))
    np.testing.assert_array_equal(make(prepared, padding="zeros")[0, 0][0][1600:], 0)
    np.testing.assert_array_equal(make(prepared, padding="reflect")[0, 0][0][1600:-1], recording[-2::-1])


def test_random_clips_are_pieces_from_anywhere_in_the_recording(prepared):
    clips = make(prepared, np.array([1]))
    recording = whole(clips, 1)
    windows = np.lib.stride_tricks.sliding_window_view(recording, 3200)
    starts = []
    for epoch in range(60):
        wave = clips[epoch, 0][0]
        starts += np.flatnonzero((windows[:, :3] == wave[:3]).all(axis=1)).tolist()
        np.testing.assert_array_equal(windows[starts[-1]], wave)
    assert len(starts) == 60 and len(set(starts)) > 50
    assert min(starts) < 800 and max(starts) > 5600  # of 6400
    assert np.mean(starts) == pytest.approx(3200, abs=900)


def test_recordings_are_not_all_cut_at_the_same_place(prepared):
    clips = make(prepared, np.arange(1, 30, 2))  # all of the same length
    places = set()
    for position in range(len(clips)):
        wave = clips[0, position][0]
        windows = np.lib.stride_tricks.sliding_window_view(whole(clips, 2 * position + 1), 3200)
        places |= set(np.flatnonzero((windows[:, :3] == wave[:3]).all(axis=1)).tolist())
    assert len(places) > 10


def test_a_clip_depends_on_seed_epoch_and_recording_alone(prepared):
    clips = make(prepared)
    assert not np.array_equal(clips[0, 1][0], clips[1, 1][0])
    assert not np.array_equal(clips[0, 1][0], make(prepared, seed=2)[0, 1][0])
    # Asked for in another order, among other rows, by another instance.
    clips[3, 5], clips[0, 3]
    np.testing.assert_array_equal(make(prepared, np.array([9, 1]))[4, 1][0], clips[4, 1][0])


def test_the_cache_gives_the_same_clips(prepared, with_cache):
    for crop in ("first", "random"):
        files, cached = make(prepared, crop=crop), make(with_cache, crop=crop)
        for position in range(30):
            for epoch in range(3):
                np.testing.assert_array_equal(files[epoch, position][0], cached[epoch, position][0])


def test_what_the_cache_covers_needs_no_decoder(with_cache, no_decoder):
    clips = make(with_cache, crop="first")
    for position in range(30):
        clips[0, position]
    with pytest.raises(AssertionError, match="a file was opened"):  # what lies behind it does
        [make(with_cache)[epoch, 1] for epoch in range(20)]


def test_a_cache_at_another_rate_is_not_used(with_cache):
    half = make(with_cache, sample_rate=16_000, crop="first")
    assert half[0, 1][0].shape == (1600,)
    # As loud as before: it was resampled, not read as if it were at that rate.
    assert np.std(half[0, 1][0]) == pytest.approx(np.std(whole(None, 1)) * np.sqrt(0.5), rel=0.05)


def test_recordings_of_other_rates_are_resampled(competition, prepare, tmp_path):
    for number in range(8):
        competition.add(f"a/XC{number}.ogg", author=f"P{number}", seconds=0.3, rate=(22_050, 48_000)[number % 2])
    files = competition.write()
    prepare(files, tmp_path, n_folds=2, cache_gigabytes=1e-3)
    prepared = Prepared.read(tmp_path, files)
    for window in (0.1, 0.3, 0.4):
        clips = make(prepared, window_seconds=window)
        for position in range(8):
            wave = clips[0, position][0]
            assert wave.shape == (round(window * RATE),) and np.std(wave) > 0.3


def test_loader_workers_give_the_same_clips(with_cache):
    clips = make(with_cache)
    keys = [(2, position) for position in range(30)]
    loader = torch.utils.data.DataLoader(clips, batch_size=6, sampler=keys, num_workers=2)
    waves, targets, weights, rows = (torch.cat(values) for values in list(zip(*loader, strict=True))[:4])
    assert waves.dtype == targets.dtype == weights.dtype == torch.float32 and rows.dtype == torch.int64
    np.testing.assert_array_equal(waves, np.stack([clips[key][0] for key in keys]))
    np.testing.assert_array_equal(rows, np.arange(30))


def test_a_spawned_worker_gets_all_that_it_needs(with_cache):
    clips = make(with_cache)
    wave = clips[1, 3][0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clips))[1, 3][0], wave)


def test_a_recording_that_went_missing_or_was_replaced_is_named(prepared, write_audio):
    clips = make(prepared, crop="first")
    paths = clips.table.rows["path"]
    write_audio(paths[1], 0.05, seed=1)
    with pytest.raises(BirdlibError, match=r"b/XC1\.ogg: cannot be read at 0\.0 s \(1600 frames instead of 9600\)"):
        clips[0, 1]
    paths[3].unlink()
    with pytest.raises(BirdlibError, match=r"d/XC3\.ogg: cannot be read"):
        clips[0, 3]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"crop": "middle"}, "crop = 'middle': expected one of random, first"),
        ({"padding": "wrap"}, "padding = 'wrap'"),
        ({"rows": np.array([30])}, "rows 30 to 30 of 30 recordings"),
        ({"rows": np.array([-1])}, "rows -1 to -1 of 30 recordings"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_read(prepared, wrong, message):
    with pytest.raises(BirdlibError, match=message):
        make(prepared, **wrong)
