"""Soundscapes whose birds are known: what validation on clips cannot tell, they can."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from birdlib.audio.padding import CYCLIC
from birdlib.audio.recordings import RecordingInfo, probe, read_windows
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import CompetitionFiles, composed, recordings_in
from birdlib.competition.rows import shown
from birdlib.data.soundscape_labels import LabelRow, read_label_rows
from birdlib.errors import BirdlibError

_FOLDER = "train_soundscapes"
_NO_BIRD = "nocall"
_SITE = re.compile(r"_([A-Z]{3}|S\d{2,3})(?=_|$)")
_NO_AUDIO = 0.1  # seconds: a window that has less of the recording has none


@dataclass(frozen=True, eq=False)
class LabelledSoundscapes:
    """Recordings with a known truth for each of their windows.

    Attributes:
        notes: what a person should know, a line each.
        recordings: by stem, the file and what its header says.
        truth: by stem, then by the window's end in seconds, float32 [classes] of 0 and 1.
    """

    classes: tuple[str, ...]
    notes: tuple[str, ...]
    recordings: Mapping[str, tuple[Path, RecordingInfo]]
    truth: Mapping[str, Mapping[int, np.ndarray]]
    _faults: dict[str, str] = field(default_factory=dict)  # stem -> what decoding found

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
        return cls(tuple(classes), tuple(notes), {stem: recordings[stem] for stem in sorted(truth)}, truth)

    def fold_of(self, stem: str, n_folds: int) -> int:
        """The fold that a soundscape is held back in: whole sites, or recordings, are held back together."""
        groups = sorted({group_of(other) for other in self.recordings})
        return groups.index(group_of(stem)) % n_folds

    def only(self, stems: Collection[str]) -> "LabelledSoundscapes | None":
        """Some of the soundscapes; None where there is none among them."""
        kept = {stem: recording for stem, recording in self.recordings.items() if stem in stems}
        return replace(self, recordings=kept) if kept else None

    def without(self, stems: Collection[str]) -> "LabelledSoundscapes | None":
        """The others: those that a model has not learnt from; None where there is none."""
        return self.only(self.recordings.keys() - set(stems))

    @property
    def soundscapes(self) -> tuple[str, ...]:
        """The recordings' stems, in order."""
        return tuple(self.recordings)

    @property
    def row_ids(self) -> tuple[str, ...]:
        """All windows, in the order of ``windows``, also those that decoding finds to be without audio."""
        return tuple(f"{stem}_{end}" for stem in self.recordings for end in sorted(self.truth[stem]))

    def windows(
        self, sample_rate: int, window_seconds: float, padding: str = CYCLIC
    ) -> Iterator[tuple[tuple[str, ...], np.ndarray, np.ndarray]]:
        """Row ids, waves float32 [windows, samples] and truth float32 [windows, classes], a soundscape at a time.

        What is short of audio is padded as the model learnt it. A window without any is left out, and so is a
        recording that cannot be decoded: what is damaged is printed when it is met first.
        """
        for stem, (path, _) in self.recordings.items():
            ends = sorted(self.truth[stem])
            try:
                waves, damage = read_windows(
                    path,
                    [float(end) for end in ends],
                    window_seconds=window_seconds,
                    row_seconds=WINDOW_SECONDS,
                    sample_rate=sample_rate,
                    padding=padding,
                )
            except Exception as error:  # whatever a decoder raises, it is this recording's fault
                self._tell(stem, f"{error!r}" if not isinstance(error, BirdlibError) else str(error), len(ends))
                continue
            audible = ~np.isnan(waves[:, 0])
            if damage:
                self._tell(stem, damage, int((~audible).sum()))
            if audible.any():
                ends = np.array(ends)[audible].tolist()
                truth = np.stack([self.truth[stem][end] for end in ends])
                yield tuple(f"{stem}_{end}" for end in ends), waves[audible], truth

    def _tell(self, stem: str, damage: str, windows: int) -> None:
        if stem not in self._faults:
            self._faults[stem] = damage
            print(f"{_FOLDER}: {damage}; {windows} of its {len(self.truth[stem])} windows left out", flush=True)


def group_of(stem: str) -> str:
    """The site that a soundscape's name tells (`_COL_` in 2021, `_S05_` in 2026); else the name without its count."""
    site = _SITE.search(stem)
    return site[1] if site else re.sub(r"_\d{1,2}$", "", stem)


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
