"""The ensemble: its members, their classes by name, and their compiled models."""

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pandas as pd

from birdlib.competition.editions import check_window_seconds
from birdlib.errors import BirdlibError, last_line
from birdlib.frontend.mel import FrontEnd
from birdlib.inference.requests import Requests, the_core, usable_cores
from birdlib.weights.manifest import ModelEntry, read_manifest

Blocks = Iterable[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Member:
    """One model of the ensemble and where its outputs belong.

    Attributes:
        outputs: int [known classes], those of the model's outputs that the submission has a column for.
    """

    entry: ModelEntry
    xml: Path
    outputs: np.ndarray

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of ``outputs``."""
        return tuple(self.entry.classes[output] for output in self.outputs)

    @property
    def front_ends(self) -> tuple[FrontEnd, ...]:
        """What its mel spectrograms are made by."""
        return (self.entry.front_end,)

    @property
    def hears(self) -> str:
        """Its input, for people."""
        return " x ".join(map(str, self.entry.front_end.shape[1:]))

    def compile(self, *, precision: str, batch_size: int, streams: int = 0) -> "CompiledMember":
        """The member, ready to predict; see ``CompiledMember``."""
        return CompiledMember(self, precision=precision, batch_size=batch_size, streams=streams)

    def blocks(self, windows: Any, spread: bool = False) -> Blocks:
        """Rows and their mel spectrograms, from ``birdlib.submission.windows.Windows``."""
        return windows.blocks(self.entry.front_end, spread)


def load_members(
    folder: Path,
    classes: Sequence[str],
    on_fault: Callable[[Exception], None],
    models: Sequence[str] = ("*",),
) -> list[Member]:
    """The models of a weight dataset, those of most worth first, with the classes that the submission asks for.

    Faulty models go to ``on_fault``, which may raise; the others are returned.

    Args:
        models: names or globs in the order of their worth; those that one glob means, by their score.
    """
    asked = {label.strip() for label in classes}
    members = []
    entries = []
    for entry in _by_worth(read_manifest(folder, on_fault), models, folder, on_fault):
        try:
            check_window_seconds(entry.front_end.window_seconds, entry.name)
        except BirdlibError as error:
            on_fault(error)
        else:
            entries.append(entry)
    # What is short of audio is padded in one way: that of most models, the strongest's where equally many.
    paddings = [entry.padding for entry in entries]
    usual = max(paddings, key=paddings.count, default="")
    for entry in entries:
        outputs = np.flatnonzero([label in asked for label in entry.classes])
        if not len(outputs):
            on_fault(
                BirdlibError(
                    f"{entry.name}: none of its {len(entry.classes)} classes (such as {entry.classes[0]!r}) is among "
                    f"the {len(classes)} of sample_submission.csv (such as {classes[0]!r}); "
                    "attach weights of this competition"
                )
            )
        elif entry.padding != usual:
            told = f"{entry.name}: learnt {entry.padding} padding, the ensemble {usual}; submit them apart"
            on_fault(BirdlibError(told))
        else:
            members.append(Member(entry, folder / entry.xml, outputs))
    return members


def _by_worth(
    entries: list[ModelEntry], models: Sequence[str], folder: Path, on_fault: Callable[[Exception], None]
) -> list[ModelEntry]:
    """The entries that a list of names and globs means, in its order."""
    wanted: dict[str, ModelEntry] = {}
    for pattern in models:
        meant = {entry.name: entry for entry in entries if fnmatch.fnmatchcase(entry.name, pattern)}
        if entries and not meant:
            names = ", ".join(entry.name for entry in entries[:5])
            on_fault(BirdlibError(f"MODELS: {pattern!r} means no model of {folder} (it has {names})"))
        wanted |= {name: entry for name, entry in meant.items() if name not in wanted}
    return list(wanted.values())


class CompiledMember:
    """A member, read and compiled for this machine's CPU.

    Args:
        precision: of the arithmetic, "f32", "bf16" or "f16"; the last two where the CPU has them.
        batch_size: windows of one request.
        streams: requests that run side by side; 0 is one for each usable core.

    Raises:
        BirdlibError: the model cannot be read, or is not what its manifest says.
    """

    def __init__(self, member: Member, *, precision: str, batch_size: int, streams: int = 0) -> None:
        self.member = member
        self.batch_size = batch_size
        self.streams = streams or usable_cores()
        shape = (batch_size, *member.entry.front_end.shape)
        try:
            graph = the_core().read_model(member.xml)
            taken = graph.input(0).partial_shape
            # A convolution would take mels of any size, and compute something else from them.
            fits = taken.compatible(ov.PartialShape(list(shape)))
            if fits:
                # A static batch is planned once; the last, short one is filled up with zeros.
                graph.reshape(list(shape))
        except RuntimeError as error:
            raise BirdlibError(
                f"{member.xml.name}: OpenVINO cannot read it ({last_line(error)}); export it anew"
            ) from error
        if not fits:
            raise BirdlibError(
                f"{member.name}: takes {taken}, its manifest's front end gives {shape[1:]}; export it anew"
            )
        self._requests = Requests(graph, precision=precision, streams=self.streams)
        if self._requests.classes != len(member.entry.classes):
            raise BirdlibError(
                f"{member.name}: gives {self._requests.classes} outputs, "
                f"its manifest lists {len(member.entry.classes)} classes"
            )
        self._finite = True

    @property
    def at_once(self) -> int:
        """Windows that are handed over before the first of them are scored."""
        return 2 * self.streams * self.batch_size

    def predict(self, blocks: Blocks, logits: np.ndarray) -> Iterator[int]:
        """Score windows, as they come, into the rows of ``logits``.

        Args:
            blocks: pairs of window indices, int [n], and mel spectrograms, float32 [n, 1, n_mels, frames].
            logits: float32 [windows, known classes]; gets the model's outputs. They are all in their places when the
                iteration ends or is closed.

        Yields:
            The number of windows handed over, batch by batch, so that the caller can show and stop.

        Raises:
            BirdlibError: at the end, if an output was not finite.
        """
        self._finite = True
        try:
            for indices, mels in _batches(blocks, self.batch_size):
                if len(mels) < self.batch_size:
                    mels = np.concatenate([mels, np.zeros((self.batch_size - len(mels), *mels.shape[1:]), np.float32)])
                self._requests.start(mels, partial(self._keep, indices, logits))
                yield len(indices)
        finally:
            self._requests.finish()
            if not self._finite:
                raise BirdlibError(f"{self.member.name}: gives NaN or infinity for real windows; export it anew")

    def _keep(self, rows: np.ndarray, logits: np.ndarray, outputs: np.ndarray) -> None:
        logits[rows] = outputs[: len(rows), self.member.outputs]
        self._finite &= bool(np.isfinite(logits[rows]).all())


def _batches(blocks: Blocks, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The blocks cut, and joined where one ends within a batch, to batches of ``size``; only the last may be short.

    A block's memory may be overwritten by the next one.
    """
    indices, mels = None, None
    for more, windows in blocks:
        if indices is not None:
            more, windows = np.concatenate([indices, more]), np.concatenate([mels, windows])
        whole = len(more) - len(more) % size
        for start in range(0, whole, size):
            yield more[start : start + size], windows[start : start + size]
        indices, mels = (more[whole:], windows[whole:].copy()) if whole < len(more) else (None, None)
    if indices is not None:
        yield indices, mels


def members_table(members: list[Member]) -> pd.DataFrame:
    """A row per member, strongest first, for people."""
    rows = [
        {
            "model": member.name,
            "architecture": member.entry.architecture,
            "weights": member.entry.precision,
            "score": member.entry.score,
            "score of": member.entry.score_name,
            "classes": f"{len(member.outputs)} of its {len(member.entry.classes)}",
            "input": member.hears,
        }
        for member in members
    ]
    columns = ["model", "architecture", "weights", "score", "score of", "classes", "input"]
    return pd.DataFrame(rows, columns=columns).set_index("model").round(3)


def unknown_classes(members: list[Member], classes: Sequence[str]) -> list[str]:
    """The submission's classes that no member knows."""
    known = {label for member in members for label in member.classes}
    return [label for label in classes if label.strip() not in known]
