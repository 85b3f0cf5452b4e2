"""The labelled soundscapes of a competition, in the form of each year that has some."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdlib.audio.recording import RecordingInfo
from birdlib.audio.recordings import probe
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import CompetitionFiles, composed, recordings_in
from birdlib.competition.rows import shown
from birdlib.data.known_soundscapes import KnownSoundscapes
from birdlib.data.soundscape_labels import LabelRow, read_label_rows
from birdlib.errors import BirdlibError

_FOLDER = "train_soundscapes"
_NO_BIRD = "nocall"
_NO_AUDIO = 0.1  # seconds: a window that has less of the recording has none


@dataclass(frozen=True, eq=False)
class LabelledSoundscapes(KnownSoundscapes):
    """Soundscapes as the competition labels them.

    Attributes:
        notes: what a person should know, a line each.
    """

    notes: tuple[str, ...] = ()

    @classmethod
    def find(cls, files: CompetitionFiles, classes: tuple[str, ...]) -> "LabelledSoundscapes | None":
        """Those that the competition brings along; None if it brings no labels, or no audio to them.

        Where none of what it brings can be used, that is printed: a training goes on without them.
        """
        if files.soundscape_labels and recordings_in(files.root / _FOLDER):
            try:
                return cls.read(files.soundscape_labels, files.root / _FOLDER, classes)
            except BirdlibError as error:
                print(f"No labelled soundscapes: {error}", flush=True)
        return None

    @classmethod
    def read(cls, table: Path, audio: Path, classes: tuple[str, ...]) -> "LabelledSoundscapes":
        """Reads labels in any of three forms.

        A table of row_id and a column per class, 0 or 1; one of row_id (or audio_id and seconds) and ``birds``, as
        in 2021; or one of filename, start, end and ``labels``, as in 2026. Left out and noted are labels that are no
        class, rows that make no sense or have no audio, and recordings that are not in the folder or cannot be read.

        Raises:
            BirdlibError: the table has none of these forms, or nothing is left.
        """
        rows, wrong = read_label_rows(table, classes)
        total = len(rows) + len(wrong)
        recordings, missing = _recordings({row.recording for row in rows}, audio)
        place = {label: position for position, label in enumerate(classes)}
        truth: dict[str, dict[int, np.ndarray]] = {}
        strangers: Counter[str] = Counter()
        for row in rows:
            if row.recording not in recordings:
                continue
            seconds = recordings[row.recording][1].seconds
            ends = _ends(row, seconds)
            if len(ends) * WINDOW_SECONDS < row.end - row.start:
                wrong.append(f"line {row.line}: {row.start:g} to {row.end:g} s of a recording of {seconds:.1f} s")
            for end in ends:
                # A window may stand in several rows, for several birds or by mistake.
                known = truth.setdefault(row.recording, {}).setdefault(end, np.zeros(len(classes), np.float32))
                known[[place[label] for label in row.labels if label in place]] = 1
            strangers.update(label for label in row.labels if label not in place and label != _NO_BIRD)
        notes = []
        if strangers:
            notes.append(f"{table.name}: {shown(sorted(strangers), 'label')} of no class: left out")
        for lines, what in (
            (wrong, f"{len(wrong)} of {total} rows, which have no audio or make no sense"),
            (missing, f"{len(missing)} of {len(recordings) + len(missing)} soundscapes, which cannot be read"),
        ):
            if lines:
                notes += [f"{table.name}: left out: {what}", *lines]
        if not truth:
            raise BirdlibError(f"{audio}: no window of {table.name} can be used ({'; '.join([*missing, *wrong][:3])})")
        known = {stem: recordings[stem] for stem in sorted(truth)}
        return cls(tuple(classes), known, truth, notes=tuple(notes))


def _ends(row: LabelRow, seconds: float) -> list[int]:
    """The ends of the row's windows that a recording of this length has audio for."""
    last = min(row.end, math.ceil(seconds - _NO_AUDIO) + WINDOW_SECONDS - 1)
    ends = range(row.start + WINDOW_SECONDS, last + 1, WINDOW_SECONDS)
    return list(ends[max(0, math.ceil(-row.start / WINDOW_SECONDS)) :])


def _recordings(stems: set[str], audio: Path) -> tuple[dict[str, tuple[Path, RecordingInfo]], list[str]]:
    """The readable recordings by the table's stems, and a line about each stem that has none."""
    there: dict[str, list[Path]] = {}
    for path in recordings_in(audio):
        there.setdefault(composed(path.stem), []).append(path)
    recordings, missing = {}, []
    for stem in sorted(stems):
        # In 2021 the rows are <audio_id>_<site>_<end> and the files <audio_id>_<site>_<date>.
        plain = composed(stem)
        fitting = there.get(plain) or [path for name in there if name.startswith(plain + "_") for path in there[name]]
        if len(fitting) != 1:
            names = " and ".join(path.name for path in fitting)
            missing.append(f"{stem}: " + (f"there are {names}" if fitting else "no such recording"))
            continue
        try:
            recordings[stem] = fitting[0], probe(fitting[0])
        except BirdlibError as error:
            missing.append(str(error))
    return recordings, missing
