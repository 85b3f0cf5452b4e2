"""Windows: decoded once, kept on disk, broken recordings costing their own rows only."""

import numpy as np
import pytest
import soundfile
import torch

from birdlib.audio.recordings import read_windows
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.submission import windows as windows_module
from birdlib.submission.preparation import prepare
from birdlib.submission.windows import Windows

from .conftest import COARSE, FRONT_END


def stop(error):
    raise error


def collect(windows, front_end=FRONT_END):
    blocks = [(rows, mels.copy()) for rows, mels in windows.blocks(front_end)]
    rows = np.concatenate([rows for rows, _ in blocks])
    return rows, np.concatenate([mels for _, mels in blocks])[np.argsort(rows)]


def test_the_second_model_gets_the_same_mels_without_decoding_again(competition, tmp_path, monkeypatch):
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END], tmp_path, stop)
    rows, first = collect(windows)
    assert sorted(rows) == list(range(18)) and len(windows) == 18
    monkeypatch.setattr(windows_module, "read_windows", stop)
    _, second = collect(windows)
    np.testing.assert_array_equal(first, second)
    windows.close()
    assert not list(tmp_path.glob("mels-*"))


def test_stopping_early_leaves_nothing_running_and_the_next_model_gets_everything(competition, tmp_path):
    import threading

    before = threading.active_count()
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END], tmp_path, stop)
    blocks = windows.blocks(FRONT_END)
    next(blocks)
    blocks.close()
    assert threading.active_count() == before
    rows, _ = collect(windows)
    assert sorted(rows) == list(range(18))


@pytest.mark.parametrize("error", [RuntimeError("soxr fell over"), MemoryError(), SystemExit(1)])
def test_whatever_a_decoder_raises_costs_only_its_recordings_rows(competition, tmp_path, monkeypatch, error):
    def read(path, *arguments, **options):
        if path.stem == "soundscape_1":
            raise error
        return read_windows(path, *arguments, **options)

    faults = []
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END], tmp_path, faults.append)
    monkeypatch.setattr(windows_module, "read_windows", read)
    rows, _ = collect(windows)
    assert len(rows) == 12 and "soundscape_1.ogg: " in str(faults[0])


@pytest.mark.parametrize("samples", [1e30, -3e38, 1e20], ids=str)
def test_samples_that_overflow_cost_only_their_windows_rows(competition, tmp_path, monkeypatch, samples):
    path = competition / "test_soundscapes" / "soundscape_1.ogg"
    wave, rate = soundfile.read(path, dtype="float32")
    path.unlink()
    wave[7 * rate : 8 * rate] *= samples
    soundfile.write(path.with_suffix(".wav"), wave, rate, subtype="FLOAT")
    faults = []
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END, COARSE], tmp_path, faults.append)
    for front_end in (FRONT_END, COARSE, FRONT_END):
        rows, mels = collect(windows, front_end)
        assert len(rows) == 17 and np.isfinite(mels).all()
        assert task.plan.row_ids.index("soundscape_1_10") not in rows
    assert [str(fault) for fault in faults] == ["soundscape_1.wav: 1 windows give no finite mel spectrogram"]


def test_a_scratch_folder_that_takes_nothing_costs_time_but_no_rows(competition, tmp_path):
    faults = []
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END], tmp_path / "absent", faults.append)
    for _ in range(2):
        rows, _ = collect(windows)
        assert sorted(rows) == list(range(18))
    assert "cannot keep the mels" in str(faults[0])


def test_a_full_scratch_disk_costs_time_but_no_rows(competition, tmp_path):
    faults = []
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END], tmp_path, faults.append)
    (tmp_path / "mels-0.f32").symlink_to("/dev/full")
    first, second = collect(windows), collect(windows)
    assert "cannot keep the mels" in str(faults[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert sorted(second[0]) == list(range(18))


def break_recordings(competition):
    soundscapes = competition / "test_soundscapes"
    (soundscapes / "soundscape_0.ogg").write_bytes(b"")
    cut = soundscapes / "soundscape_1.ogg"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])


def test_broken_recordings_cost_their_own_rows_only(competition, tmp_path):
    whole = Windows(
        prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "s.csv", 5).soundscapes,
        [FRONT_END],
        tmp_path,
        stop,
    )
    all_rows, all_mels = collect(whole)
    break_recordings(competition)
    faults = []
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "s.csv", 5)
    empty, short = sorted(task.problems)
    assert empty == "soundscape_0.ogg: the file is empty (0 bytes)"
    assert short.startswith("soundscape_1.ogg: ") and "rows up to 30 s are asked for" in short
    rows, mels = collect(Windows(task.soundscapes, [FRONT_END], tmp_path, faults.append))
    third = set(range(6))  # soundscape_2 comes first in the sample, which is in reverse order
    assert third < set(rows) and not set(rows) & set(range(12, 18))
    np.testing.assert_array_equal(mels[:6], all_mels[:6])


def test_models_of_other_windows_each_hear_their_own_cut_of_the_same_rows(competition, tmp_path):
    longer, slower = FrontEnd(32000, 10, 1024, 1024, 32, 50, 14000), FrontEnd(16000, 5, 512, 512, 32, 50, 7000)
    task = prepare(CompetitionFiles(competition, edition("demo")), tmp_path / "submission.csv", 5)
    windows = Windows(task.soundscapes, [FRONT_END, longer, slower], tmp_path, stop)
    for front_end in (FRONT_END, longer, slower, longer):
        rows, mels = collect(windows, front_end)
        for soundscape in task.soundscapes:
            waves, _ = read_windows(
                soundscape.path,
                soundscape.ends,
                window_seconds=front_end.window_seconds,
                row_seconds=5,
                sample_rate=front_end.sample_rate,
                padding="cyclic",
            )
            expected = MelSpectrogram(front_end)(torch.from_numpy(waves))
            np.testing.assert_allclose(mels[soundscape.rows], expected, atol=1e-4)
        assert sorted(rows) == list(range(18))
