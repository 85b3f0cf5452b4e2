"""Pictures of a training: they show what the log and the predictions hold, and drawing never stops a training."""

import base64
import os
import threading
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import birdlib
import birdlib.plots.live as live_pictures
import birdlib.plots.training as pictures
from birdlib.plots.live import LiveCurves
from birdlib.progress import progress_bar  # noqa: F401  (the notebook's)
from birdlib.training.log import SUFFIX, MetricsLog, read_metrics


def log_training(folder: Path, name: str, epochs: int = 6, clips: bool = True, soundscapes: bool = True) -> None:
    random = np.random.default_rng(len(name))
    with MetricsLog(folder / f"{name}.metrics.jsonl") as log:
        log.session(step=0)
        for step in range(1, 10 * epochs + 1):
            log.step(step=step, epoch=step / 10, loss=1 / step, seconds=60.0 * step)
            if step % 10:
                continue
            cmap, area = random.random(), random.random()
            found = {"loss": 2 / step, "padded_cmap": cmap, "macro_roc_auc": area}
            heard = found | {"padded_cmap_low": cmap - 0.1, "padded_cmap_high": cmap + 0.1}
            log.epoch(
                epoch=step // 10,
                step=step,
                train_loss=0.1,
                seconds=60.0 * step,
                clips=found if clips else None,
                soundscapes=heard if soundscapes else None,
            )


def curves(folder: Path) -> Figure:
    """The picture of a folder's trainings, as it is drawn live."""
    figure = Figure(figsize=pictures.SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    logs = {path.name.removesuffix(SUFFIX): read_metrics(path) for path in sorted(folder.glob(f"*{SUFFIX}"))}
    pictures.draw_curves(figure, logs)
    return figure


def panels(figure) -> dict:
    return {axis.get_title(loc="left"): axis for axis in figure.axes}


def words(figure) -> str:
    every = [figure.get_suptitle()] + [text.get_text() for axis in figure.axes for text in axis.texts]
    return "\n".join(every)


# ---- curves


def test_one_training_has_a_panel_per_measure_with_the_values_of_its_log(tmp_path: Path):
    log_training(tmp_path, "rx-wdfbn-ema-6-fold0-seed1")
    figure = curves(tmp_path)
    assert list(panels(figure)) == ["loss", "padded cmAP", "macro ROC-AUC"]
    _, epochs = read_metrics(tmp_path / "rx-wdfbn-ema-6-fold0-seed1.metrics.jsonl")
    drawn = {
        line.get_color(): line.get_ydata() for line in panels(figure)["padded cmAP"].lines if len(line.get_xdata()) > 1
    }
    np.testing.assert_array_equal(drawn[pictures.CLIPS], epochs["clips_padded_cmap"])
    np.testing.assert_array_equal(drawn[pictures.SOUNDSCAPES], epochs["soundscapes_padded_cmap"])
    assert "rx-wdfbn-ema-6-fold0-seed1    epoch 6, step 60, 1 h 00 min" in words(figure)
    best = epochs["clips_padded_cmap"].max()
    assert f"{best:.3f}" in words(figure)


def test_a_model_of_all_data_has_its_loss_alone(tmp_path: Path):
    log_training(tmp_path, "full", clips=False, soundscapes=False)
    assert list(panels(curves(tmp_path))) == ["loss"]


def test_several_trainings_are_told_apart_by_what_differs_in_their_names(tmp_path: Path):
    for seed in (1, 2, 3):
        log_training(tmp_path, f"rkl-rx-wdfbn-rx-ema-200-full-seed{seed}")
    figure = curves(tmp_path)
    assert "3 trainings of rkl-rx-wdfbn-rx-ema-200-full, 6.0 epochs" in words(figure)
    for axis in figure.axes:
        assert sorted(text.get_text().split(" ")[0] for text in axis.texts) == ["seed1", "seed2", "seed3"]


@pytest.mark.parametrize("count", [1, 5, 10])
def test_labels_neither_meet_nor_leave_their_panel(tmp_path: Path, count: int):
    for seed in range(count):
        log_training(tmp_path, f"rx-seed{seed}", soundscapes=count < 10)
    figure = curves(tmp_path)
    figure.canvas.draw()
    for axis in figure.axes:
        boxes = sorted((text.get_window_extent() for text in axis.texts), key=lambda box: box.y0)
        assert all(below.y1 <= above.y0 + 3 for below, above in zip(boxes, boxes[1:], strict=False))
        assert all(
            figure.bbox.x1 >= box.x1 and box.y0 >= axis.bbox.y0 - 4 and box.y1 <= axis.bbox.y1 + 4 for box in boxes
        )


def test_many_steps_are_averaged_not_thrown_away():
    steps = live_pictures.metrics_tables(
        {"event": "step", "step": step, "epoch": step / 100, "loss": float(step % 2), "seconds": 0.0}
        for step in range(1, 10_001)
    )[0]
    x, y = pictures._thinned(steps)
    assert len(x) <= 150 and x.min() > 0 and x.max() <= 100
    np.testing.assert_allclose(y, 0.5, atol=0.02)


def test_a_training_that_has_just_begun_can_be_drawn(tmp_path: Path):
    with MetricsLog(tmp_path / "a.metrics.jsonl") as log:
        log.session(step=0)
        curves(tmp_path).canvas.draw()
        log.step(step=1, epoch=0.01, loss=float("nan"), seconds=1.0)
        curves(tmp_path).canvas.draw()
        log.epoch(epoch=1, step=1, train_loss=0.7, seconds=1.0, clips={"loss": 0.0, "padded_cmap": None})
        curves(tmp_path).canvas.draw()


# ---- live


class Place:
    """A place in a notebook that remembers what was shown in it."""

    def __init__(self) -> None:
        self.shown: list[dict] = []
        self.threads: set[str] = set()

    def update(self, data: dict, **_: object) -> None:
        self.shown.append(data)
        self.threads.add(threading.current_thread().name)

    def wait_for(self, count: int) -> None:
        until = time.monotonic() + 20
        while len(self.shown) < count:
            assert time.monotonic() < until, f"{len(self.shown)} of {count} pictures"
            time.sleep(0.01)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place()
    monkeypatch.setattr(live_pictures, "_notebook_place", lambda: place)
    monkeypatch.setattr(LiveCurves, "share", 1.0)
    return place


def watchers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "live curves"]


def test_the_picture_follows_the_log_also_when_a_resumed_training_rewrites_it(tmp_path: Path, place: Place):
    with LiveCurves(tmp_path, every_seconds=0.05) as live:
        log_training(tmp_path, "a", epochs=3)
        place.wait_for(1)
        with MetricsLog(tmp_path / "a.metrics.jsonl", resume_step=10) as log:
            log.step(step=11, epoch=1.1, loss=0.5, seconds=1.0)
    (records,) = live._records.values()
    steps, epochs = live_pictures.metrics_tables(records)
    assert steps["step"].tolist() == list(range(1, 12)) and epochs["epoch"].tolist() == [1]
    assert place.shown[-1]["image/png"].startswith(b"\x89PNG")
    assert not watchers()


def test_nothing_new_draws_nothing_and_pyplot_is_left_alone(tmp_path: Path, place: Place):
    log_training(tmp_path, "a", epochs=1)
    with LiveCurves(tmp_path, every_seconds=0.02):
        place.wait_for(1)
        time.sleep(0.3)
    assert len(place.shown) == 1
    assert place.threads == {"live curves"}
    assert plt.get_fignums() == []


def test_a_picture_that_fails_is_told_in_one_line_and_stops_nothing(tmp_path: Path, place: Place, monkeypatch, capsys):
    monkeypatch.setattr(live_pictures, "draw_curves", lambda *_: 1 / 0)
    with LiveCurves(tmp_path, every_seconds=0.02):
        log_training(tmp_path, "a", epochs=1)
        time.sleep(0.2)
    out, err = capsys.readouterr()
    assert out == "The live curves were not drawn to the end: ZeroDivisionError: division by zero\n"
    assert err == "" and not watchers()
    assert [*place.shown[-1]] == ["text/html"]


def test_a_training_that_raises_raises_and_its_last_picture_is_drawn(tmp_path: Path, place: Place):
    with pytest.raises(KeyboardInterrupt), LiveCurves(tmp_path, every_seconds=60):
        log_training(tmp_path, "a", epochs=1)
        raise KeyboardInterrupt
    assert len(place.shown) == 1 and "image/png" in place.shown[0]
    assert not watchers()


class Clock:
    """A session with an hour left."""

    def left(self) -> float:
        return 3600.0


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What each line of the notebook has said, one after another."""
    lines: list[list[str]] = []

    class Line:
        def __init__(self) -> None:
            self.said: list[str] = []
            lines.append(self.said)

        def show(self, text: str) -> None:
            self.said.append(text)

    monkeypatch.setattr(live_pictures, "NotebookLine", Line)
    return lines


def test_each_training_of_this_session_has_a_line_that_says_how_far_it_is(tmp_path: Path, place: Place, lines):
    log_training(tmp_path, "a-finished-earlier", epochs=6)
    log_training(tmp_path, "b-goes-on", epochs=2)
    with LiveCurves(tmp_path, every_seconds=60, epochs=6, clock=Clock()):
        with MetricsLog(tmp_path / "b-goes-on.metrics.jsonl", resume_step=20) as log:
            log.session(step=20)
            log.step(step=21, epoch=2.1, loss=0.25, seconds=60.0 * 20 + 5)
    ((text,),) = lines
    assert text.startswith("train:  35%|") and "21/60" in text
    assert "[00:05<03:15,  5.00s/step, epoch 2/6, loss 0.2500, 60 min left]" in text
    assert len(text) == 110


def test_a_finished_training_does_not_speak_of_time_left(tmp_path: Path, place: Place, lines):
    with LiveCurves(tmp_path, every_seconds=60, epochs=6, clock=Clock()):
        log_training(tmp_path, "a", epochs=6)
    assert lines[0][-1].startswith("train: 100%|") and "left" not in lines[0][-1]


def test_the_printed_log_of_a_long_session_says_now_and_then_where_it_is(
    tmp_path: Path, place: Place, lines, monkeypatch, capsys
):
    monkeypatch.setattr(LiveCurves, "minutes_between_prints", 0.0)
    with LiveCurves(tmp_path, every_seconds=0.02, epochs=6, clock=Clock()):
        log_training(tmp_path, "a", epochs=3)
        place.wait_for(1)
        time.sleep(0.1)
    assert "a: epoch 3.0 of 6, loss 0.0" in capsys.readouterr().out


def test_outside_of_a_notebook_nothing_is_drawn_or_printed(tmp_path: Path, capsys):
    with LiveCurves(tmp_path):
        assert not watchers()
        log_training(tmp_path, "a", epochs=1)
    assert capsys.readouterr() == ("", "")


NOTEBOOK = """
import subprocess, sys
import tests_of_the_picture as the

for _ in the.progress_bar(range(3), "read", unit="file", mininterval=0):
    pass

TRAIN = "import sys, pathlib, tests_of_the_picture as the; the.log_training(pathlib.Path('.'), sys.argv[1])"
with the.LiveCurves(".", every_seconds=0.05, epochs=6) as live:
    live.share = 1.0
    for seed in range(2):
        subprocess.run([sys.executable, "-c", TRAIN, f"rx-fold0-seed{seed}"], check=True)
assert not the.watchers()
"""


def test_a_notebook_by_papermill_holds_one_picture_and_a_line_for_each_bar_of_trainings_in_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    papermill = pytest.importorskip("papermill")
    pytest.importorskip("ipykernel")
    import nbformat

    (tmp_path / "tests_of_the_picture.py").write_text(Path(__file__).read_text())
    library = Path(birdlib.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tmp_path, library))))
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(NOTEBOOK)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, tmp_path / "in.ipynb")
    with (tmp_path / "out.txt").open("w") as out, (tmp_path / "err.txt").open("w") as err:
        papermill.execute_notebook(
            str(tmp_path / "in.ipynb"),
            str(tmp_path / "out.ipynb"),
            cwd=str(tmp_path),
            progress_bar=False,
            log_output=True,
            stdout_file=out,
            stderr_file=err,
        )
    bar, picture, *lines = nbformat.read(tmp_path / "out.ipynb", 4).cells[0].outputs
    assert {output.output_type for output in (bar, picture, *lines)} == {"display_data"}
    assert bar.data["text/plain"].startswith("read: 100%|█") and "3/3" in bar.data["text/plain"]
    assert [*picture.data] == ["image/png"]
    assert base64.b64decode(picture.data["image/png"]).startswith(b"\x89PNG")
    assert len(lines) == 2
    for line in lines:
        assert line.data["text/plain"].startswith("train: 100%|█") and "60/60" in line.data["text/plain"]
    assert (tmp_path / "out.txt").read_text() == (tmp_path / "err.txt").read_text() == ""
