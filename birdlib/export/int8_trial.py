"""The trial of INT8: what a model loses by it, what it gains, and whether it is taken."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.errors import BirdlibError, last_line
from birdlib.export.checkpoints import TrainedModel
from birdlib.export.int8_audio import TrialAudio
from birdlib.export.int8_ir import NotQuantised, quantize_ir
from birdlib.export.openvino_ir import probabilities, speedup
from birdlib.metrics.of_years import METRICS, metric_of, watched
from birdlib.metrics.validation import validation_metrics
from birdlib.weights.manifest import Int8Verdict, ModelEntry

_TITLES = {metric.key: metric.title for metric in METRICS}


class Int8Trials:
    """Tries models in INT8, each by itself.

    Args:
        metric: the competition's, as ``birdlib.competition.editions`` names it.
        max_loss: the most of it that a model may lose.
        calibration_windows: on which NNCF sees what each layer holds.
        measured_seconds: of each of the rounds in which the speeds are compared.

    Raises:
        BirdlibError: a value is out of range, or the metric is not known.
    """

    def __init__(
        self,
        audio: TrialAudio,
        *,
        metric: str,
        max_loss: float,
        calibration_windows: int,
        measured_seconds: float = 0.5,
    ) -> None:
        if not 0 <= max_loss < 1:
            raise BirdlibError(f"INT8_MAX_LOSS = {max_loss!r}: expected a loss from 0 to 1, such as 0.005")
        if calibration_windows < 1:
            raise BirdlibError(f"INT8_CALIBRATION = {calibration_windows!r}: expected at least one window")
        self.audio, self.max_loss, self.calibration_windows = audio, max_loss, calibration_windows
        self.metric, self.metrics = metric_of(metric).key, watched(metric_of(metric))
        self.measured_seconds = measured_seconds

    def of(self, model: TrainedModel) -> Callable[[Path, Path], Int8Verdict | None]:
        """A model's trial, as ``WeightDataset.add`` takes it: from its float IR to an INT8 IR and the verdict.

        It is taken if the metric's loss keeps to the bound and it is faster at all. Where the metric is undefined,
        nothing is known of the loss, and it is not taken. None, and a line that says why, where NNCF cannot quantise
        the model or OpenVINO not run what it made.
        """

        def trial(float_xml: Path, int8_xml: Path) -> Int8Verdict | None:
            calibration = self.audio.calibration(model.checkpoint, self.calibration_windows).numpy()
            heard = self.audio.judging(model.checkpoint)
            before = probabilities(float_xml, heard.mels.numpy())
            try:
                quantize_ir(float_xml, calibration, int8_xml)
                after = probabilities(int8_xml, heard.mels.numpy())
            except (NotQuantised, RuntimeError) as error:
                print(f"{model.checkpoint.name} stays float: {last_line(error)}")
                return None
            scores = validation_metrics(heard.truth, before, heard.weights, self.metrics)
            loss = dict.fromkeys(metric.key for metric in self.metrics)
            calls = heard.truth > 0
            if not (calls.any(axis=0) & ~calls.all(axis=0)).any():
                scores = dict.fromkeys(scores)  # padding gives cmAP a value, which no model could change
            elif np.isfinite(after).all():
                int8_scores = validation_metrics(heard.truth, after, heard.weights, self.metrics)
                loss |= {key: scores[key] - int8_scores[key] for key in loss if scores[key] is not None}
            gain = speedup(float_xml, int8_xml, calibration, self.measured_seconds)
            return Int8Verdict(
                taken=loss[self.metric] is not None and loss[self.metric] <= self.max_loss and gain > 1,
                metric=self.metric,
                max_loss=self.max_loss,
                heard=heard.what,
                windows=len(heard.mels),
                float_scores={key: scores[key] for key in loss},
                loss=loss,
                difference=float(np.abs(after - before).max()) if np.isfinite(after).all() else 1.0,
                speedup=gain,
                calibration_windows=len(calibration),
            )

        return trial


def int8_table(entries: Iterable[ModelEntry]) -> pd.DataFrame:
    """A row per model that was tried, for people: its scores in both, the losses, the speed-up, what was kept."""
    rows = []
    for entry in entries:
        if (tried := entry.int8) is None:
            continue
        other = next(key for key in reversed(tried.loss) if key != tried.metric)
        before, loss = tried.float_scores[tried.metric], tried.loss[tried.metric]
        rows.append(
            {
                "model": entry.name,
                f"{_TITLES[tried.metric]}, float": _shown(before, "{:.4f}"),
                "INT8": _shown(None if loss is None else before - loss, "{:.4f}"),
                "loss": _shown(loss, "{:+.4f}"),
                f"loss of {_TITLES[other]}": _shown(tried.loss[other], "{:+.4f}"),
                "heard on": f"{tried.windows:,} {tried.heard}",
                "speed-up": f"{tried.speedup:.2f} x",
                "kept": _decision(tried),
            }
        )
    return pd.DataFrame(rows).set_index("model") if rows else pd.DataFrame()


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _decision(tried: Int8Verdict) -> str:
    loss = tried.loss[tried.metric]
    if tried.taken:
        return "INT8"
    if tried.float_scores[tried.metric] is None:
        return "float: nothing to judge it by"
    if loss is None:
        return "float: INT8 gives no numbers"
    if loss > tried.max_loss:
        return f"float: it loses more than {tried.max_loss:g}"
    return "float: INT8 is no faster"
