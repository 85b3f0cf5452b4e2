"""The metrics log: what a killed and resumed training leaves behind for machines to read."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.training.log import MetricsLog, read_metrics

CLIPS = {"loss": 0.4, "padded_cmap": 0.5, "macro_roc_auc": None}
SOUNDSCAPES = {
    "loss": 0.7,
    "padded_cmap": 0.3,
    "macro_roc_auc": 0.8,
    "macro_roc_auc_low": 0.7,
    "macro_roc_auc_high": 0.9,
}


def train(log: MetricsLog, first: int, last: int) -> None:
    """Ten steps an epoch."""
    for step in range(first, last + 1):
        log.step(step=step, epoch=step / 10, loss=1 / step, seconds=float(step))
        if step % 10 == 0:
            log.epoch(
                epoch=step // 10, step=step, train_loss=0.1, clips=CLIPS, soundscapes=SOUNDSCAPES, seconds=float(step)
            )


def test_what_was_logged_is_read_back_as_two_tables(tmp_path: Path):
    with MetricsLog(tmp_path / "a.metrics.jsonl") as log:
        log.session(step=0, commit="abc", devices=2)
        train(log, 1, 20)
    steps, epochs = read_metrics(tmp_path / "a.metrics.jsonl")
    assert steps["step"].tolist() == list(range(1, 21))
    assert steps["loss"].tolist() == [1 / step for step in range(1, 21)]
    assert epochs[["epoch", "step"]].to_numpy().tolist() == [[1, 10], [2, 20]]
    assert epochs["clips_padded_cmap"].tolist() == [0.5, 0.5]
    assert epochs["clips_macro_roc_auc"].isna().all()
    assert epochs["soundscapes_macro_roc_auc_high"].tolist() == [0.9, 0.9]


def test_each_line_is_in_the_file_at_once_and_is_json_that_any_reader_takes(tmp_path: Path):
    path = tmp_path / "a.metrics.jsonl"
    with MetricsLog(path) as log:
        log.step(step=np.int64(1), epoch=0.1, loss=np.float32("nan"), seconds=float("inf"))
        log.epoch(epoch=1, step=1, train_loss=0.2, seconds=1.0)
        lines = path.read_text().splitlines()
    refuse = pytest.fail
    first, second = (json.loads(line, parse_constant=refuse) for line in lines)
    assert first == {"event": "step", "step": 1, "epoch": 0.1, "loss": None, "seconds": None}
    assert second["event"] == "epoch" and second["clips"] is None and second["soundscapes"] is None


@pytest.mark.parametrize("resume_step", [3, 10, 14, 20, 99])
def test_a_resumed_log_is_that_of_a_training_that_was_never_stopped(tmp_path: Path, resume_step: int):
    whole, cut = tmp_path / "whole.metrics.jsonl", tmp_path / "cut.metrics.jsonl"
    with MetricsLog(whole) as log:
        train(log, 1, 30)
    with MetricsLog(cut) as log:
        train(log, 1, 20)
    with cut.open("ab") as file:
        file.write(b'{"event": "step", "step": 21, "lo')
    with MetricsLog(cut, resume_step=resume_step) as log:
        train(log, min(resume_step, 20) + 1, 30)
    assert cut.read_bytes() == whole.read_bytes()


def test_a_training_that_starts_over_starts_a_new_log(tmp_path: Path):
    path = tmp_path / "a.metrics.jsonl"
    with MetricsLog(path) as log:
        train(log, 1, 5)
    with MetricsLog(path):
        assert path.read_bytes() == b""
    steps, epochs = read_metrics(path)
    assert len(steps) == len(epochs) == 0
    assert steps.columns.tolist() == ["step", "epoch", "loss", "seconds"]
    assert "soundscapes_macro_roc_auc" in epochs


def test_an_epoch_that_was_validated_twice_counts_once(tmp_path: Path):
    with MetricsLog(tmp_path / "a.metrics.jsonl") as log:
        log.epoch(epoch=1, step=10, train_loss=0.5, seconds=1.0)
        log.epoch(epoch=1, step=10, train_loss=0.25, clips=CLIPS, seconds=2.0)
    _, epochs = read_metrics(tmp_path / "a.metrics.jsonl")
    assert epochs["train_loss"].tolist() == [0.25]


def _log_for_ever(path: Path) -> None:
    log = MetricsLog(path)
    step = 0
    while True:
        step += 1
        log.step(step=step, epoch=step / 10, loss=1 / step, seconds=float(step))


def test_a_killed_writer_leaves_a_log_that_reads_without_a_gap(tmp_path: Path):
    path = tmp_path / "a.metrics.jsonl"
    for pause in (0.01, 0.03):
        writer = multiprocessing.get_context("fork").Process(target=_log_for_ever, args=(path,))
        path.unlink(missing_ok=True)
        writer.start()
        while not path.exists() or not path.stat().st_size:
            time.sleep(0.001)
        time.sleep(pause)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        steps, _ = read_metrics(path)
        assert steps["step"].tolist() == list(range(1, len(steps) + 1)) and len(steps) > 0


def test_a_full_disk_is_told_in_one_line_and_leaves_no_half_line(tmp_path: Path):
    resource = pytest.importorskip("resource", reason="limits of file sizes are Unix's")
    path = tmp_path / "a.metrics.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with MetricsLog(path) as log:
            train(log, 1, 5)
            before = path.read_bytes()
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
            with pytest.raises(
                BirdlibError, match=r"a\.metrics\.jsonl: cannot be written .* is the disk full\?"
            ) as error:
                train(log, 6, 9)
            assert "\n" not in str(error.value)
            assert path.read_bytes() == before
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            train(log, 6, 9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert read_metrics(path)[0]["step"].tolist() == list(range(1, 10))


def test_a_file_that_is_no_log_is_refused_and_left_as_it_was(tmp_path: Path):
    path = tmp_path / "a.metrics.jsonl"
    path.write_text('{"event": "step", "step": 1, "epoch": 0.1, "loss": 1, "seconds": 1}\nnot a record\n')
    before = path.read_bytes()
    with pytest.raises(BirdlibError, match=r"a\.metrics\.jsonl, line 2: no record of a metrics log: not a record"):
        MetricsLog(path, resume_step=1)
    with pytest.raises(BirdlibError, match="line 2"):
        read_metrics(path)
    assert path.read_bytes() == before
    with pytest.raises(BirdlibError, match="cannot be read"):
        read_metrics(tmp_path / "none.metrics.jsonl")
    with pytest.raises(BirdlibError, match="cannot be written"):
        MetricsLog(tmp_path / "no folder" / "a.metrics.jsonl")
