"""The metrics log of a training: one JSON object a line, for machines and for the curves."""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from birdlib.errors import BirdlibError

SUFFIX = ".metrics.jsonl"
_NESTED = ("event", "clips", "soundscapes", "faults")
STEP_COLUMNS = ("step", "epoch", "loss", "seconds")
EPOCH_COLUMNS = ("epoch", "step", "train_loss", "seconds") + tuple(
    f"{where}_{metric}" for where in ("clips", "soundscapes") for metric in ("loss", "padded_cmap", "macro_roc_auc")
)


class MetricsLog:
    """Appends records to a log; each line is in the file, whole, when the call returns.

    A killed session leaves records behind that its last checkpoint does not know of: on resume those after
    ``resume_step`` and ``resume_epoch`` are dropped, and so is a line that was being written. With
    ``resume_step = 0`` the log starts anew. Only one process may write to a log (the main one).
    """

    def __init__(self, path: Path | str, resume_step: int = 0, resume_epoch: int | None = None) -> None:
        """Open a log at the step that the training continues from, of as many epochs validated (None: any).

        Raises:
            BirdlibError: the log cannot be read or written.
        """
        self.path = Path(path)
        kept = b""
        if resume_step > 0 and self.path.exists():
            kept = b"".join(
                _line(record)
                for record in _records(self.path)
                if record["step"] <= resume_step
                and not (resume_epoch is not None and record["event"] == "epoch" and record["epoch"] > resume_epoch)
            )
        temporary = self.path.with_name(f".{self.path.name}.part")
        try:
            temporary.write_bytes(kept)
            os.replace(temporary, self.path)
            # Unbuffered: a process that is forked from here must not hold lines to write a second time.
            self._file = open(self.path, "ab", buffering=0)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise BirdlibError(f"{self.path}: cannot be written ({error.strerror})") from error

    def step(self, *, step: int, epoch: float, loss: float, seconds: float) -> None:
        """A step of the optimiser. epoch: passes over the data so far, with its fraction; seconds: of training
        so far, those of earlier sessions included."""
        self.write("step", step=step, epoch=epoch, loss=loss, seconds=seconds)

    def epoch(self, *, epoch: int, step: int, train_loss: float, seconds: float, **validated: Any) -> None:
        """The end of an epoch (counted from 1) and its validation: see ``birdlib.metrics.validation``.

        validated: scores on ``clips`` and ``soundscapes``, ``faults``, why there are none of them, and ``waiting``,
            the share of the steps' time that was spent waiting for clips to be read.
        """
        validated = {"clips": None, "soundscapes": None} | validated
        self.write("epoch", epoch=epoch, step=step, train_loss=train_loss, seconds=seconds, **validated)

    def session(self, *, step: int, **facts: Any) -> None:
        """The start of a session: the step that it goes on from, and whatever else is worth keeping."""
        self.write("session", step=step, **facts)

    def write(self, event: str, *, step: int, **values: Any) -> None:
        """Append any other record. NaN and infinities become null, which JSON has and they are not.

        Raises:
            BirdlibError: the disk is full, or the file cannot be written for another reason. The log stays whole.
        """
        line = _line({"event": event, "step": int(step), **values})
        end = os.fstat(self._file.fileno()).st_size
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(0, f"{written} of {len(line)} bytes written")
        except OSError as error:
            os.ftruncate(self._file.fileno(), end)
            raise BirdlibError(f"{self.path}: cannot be written ({error.strerror}); is the disk full?") from error

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_metrics(path: Path | str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A log's steps and epochs, a row each, in order.

    Returns:
        steps: step, epoch (float), loss, seconds.
        epochs: epoch (from 1), step, train_loss, seconds, and a float column for each metric of the validation:
        clips_loss, clips_padded_cmap, clips_macro_roc_auc, soundscapes_loss and so on (soundscapes_padded_cmap_low
        and the like where there are intervals). NaN where there is none. Of records that stand twice the last counts.

    Raises:
        BirdlibError: the file cannot be read, or a line is no record. A last line that is not finished is left out.
    """
    return metrics_tables(_records(Path(path)))


def metrics_tables(records: Iterable[Mapping[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The steps and epochs among a log's records, as ``read_metrics`` gives them."""
    steps: dict[int, dict] = {}
    epochs: dict[int, dict] = {}
    for record in records:
        if record["event"] == "step":
            steps[record["step"]] = {name: record.get(name) for name in STEP_COLUMNS}
        elif record["event"] == "epoch":
            row = {name: value for name, value in record.items() if name not in _NESTED}
            for where in ("clips", "soundscapes"):
                row |= {f"{where}_{name}": value for name, value in (record.get(where) or {}).items()}
            epochs[record["epoch"]] = row
    return _table(steps, STEP_COLUMNS, whole=("step",)), _table(epochs, EPOCH_COLUMNS, whole=("epoch", "step"))


def _table(rows: dict[int, dict], columns: tuple[str, ...], whole: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame([rows[key] for key in sorted(rows)])
    table = table.reindex(columns=[*columns, *(name for name in table.columns if name not in columns)])
    numeric = {name: "int64" if name in whole else "float64" for name in columns}
    numeric |= {name: "float64" for name in table.columns if name.startswith(("clips_", "soundscapes_"))}
    return table.astype(numeric)


def _records(path: Path) -> Iterator[dict]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BirdlibError(f"{path}: cannot be read ({error.strerror})") from error
    # What follows the last line's end was being written when the session was killed.
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        record = parse_record(line)
        if record is None:
            raise BirdlibError(
                f"{path}, line {number}: no record of a metrics log: {line[:60].decode(errors='replace')}"
            )
        yield record


def parse_record(line: bytes) -> dict | None:
    """One line of a log; None if it is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or not isinstance(record.get("event"), str):
        return None
    whole = ("step", "epoch") if record["event"] == "epoch" else ("step",)
    return record if all(type(record.get(name)) is int for name in whole) else None


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(_plain(record), allow_nan=False, ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """A value as JSON has it: numbers of numpy and torch as Python's, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
