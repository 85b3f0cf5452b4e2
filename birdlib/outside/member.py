"""An outside model as a member of a submission: waveforms in, class logits out."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from birdlib.audio.recording import DecodingMemory
from birdlib.competition.class_lists import ClassJoin
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.outside.head import Head
from birdlib.outside.outside_model import OutsideModel
from birdlib.outside.parity import seconds_per_window
from birdlib.outside.rows import predict_rows, read_rows, window_starts
from birdlib.submission.windows import BLOCK, ScoredSoundscape, Windows
from birdlib.weights.manifest import ModelEntry

Blocks = Iterator[tuple[np.ndarray, np.ndarray]]
_PICTURES = {"n_fft": 2048, "hop_length": 1024, "n_mels": 128, "f_min": 50.0}  # of the mels that the notebook shows


@dataclass(frozen=True)
class OutsideMember:
    """An outside model, with or without a head, where the submission loop expects a ``Member``.

    Attributes:
        join: of the model's classes with those of the submission.
        head: on its embeddings; None for the model as it is.
        entry: what the plan and the tables ask of it.
    """

    model: OutsideModel
    join: ClassJoin
    head: Head | None
    entry: ModelEntry
    front_ends: tuple[FrontEnd, ...] = ()  # it needs no mel spectrograms

    @classmethod
    def of(cls, model: OutsideModel, join: ClassJoin, head: Head | None) -> "OutsideMember":
        """A member, whose cost is measured here.

        Raises:
            BirdlibError: it knows none of the submission's classes.
        """
        classes = join.joined.labels if head is None else head.classes
        known = set(join.wanted.labels) & set(classes)
        if not known:
            raise BirdlibError(f"{model.name}: knows none of the {len(join.wanted)} classes of sample_submission.csv")
        entry = ModelEntry(
            name=model.name if head is None else f"{model.name}-head",
            architecture=model.name,
            front_end=FrontEnd(
                model.sample_rate, max(5.0, model.window_seconds), f_max=model.sample_rate / 3, **_PICTURES
            ),
            classes=classes,
            precision="f32",
            files={},
            seed=0,
            fold=None,
            score=None,
            score_name="no score",
            seconds_per_window=seconds_per_window(model) * len(window_starts(model)),
            parity=0.0,
            recipe={},
            commit="",
        )
        return cls(model, join, head, entry)

    @property
    def name(self) -> str:
        """Of its tables and files."""
        return self.entry.name

    @property
    def outputs(self) -> np.ndarray:
        """Those of its logits that the submission has a column for, int [known classes]."""
        wanted = set(self.join.wanted.labels)
        return np.flatnonzero([label in wanted for label in self.entry.classes])

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of ``outputs``."""
        return tuple(self.entry.classes[output] for output in self.outputs)

    @property
    def hears(self) -> str:
        """Its input, for people."""
        return f"{self.model.window_seconds:g} s at {self.model.sample_rate / 1000:g} kHz"

    def compile(self, **options: object) -> "LoadedMember":
        """The member, ready to predict; it is loaded, and the options of OpenVINO mean nothing to it."""
        return LoadedMember(self)

    def blocks(self, windows: Windows, spread: bool = False) -> Blocks:
        """Rows, int [n], and their audio, float32 [n, samples], decoded at the model's own rate.

        Args:
            spread: in an order in which, whenever it is broken off, the rows so far are spread evenly over all
                recordings, and in each over its length.
        """
        parts = _spread(windows.soundscapes) if spread else windows.soundscapes
        memories = DecodingMemory(), DecodingMemory()
        with ThreadPoolExecutor(1) as reader:
            reading = [reader.submit(self._read, part, windows, memories[0]) for part in parts[:1]]
            for place in range(len(parts)):
                rows, audio = reading.pop().result()
                if place + 1 < len(parts):
                    reading.append(reader.submit(self._read, parts[place + 1], windows, memories[(place + 1) % 2]))
                for start in range(0, len(rows), BLOCK):
                    yield rows[start : start + BLOCK], audio[start : start + BLOCK]

    def _read(
        self, soundscape: ScoredSoundscape, windows: Windows, memory: DecodingMemory
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a soundscape that have audio, and it; what is wrong with the recording is told."""
        try:
            audio, damage = read_rows(self.model, soundscape.path, soundscape.ends, memory)
        except (Exception, SystemExit) as error:  # whatever a decoder raises costs this recording's rows only
            windows.on_fault(
                error if isinstance(error, BirdlibError) else BirdlibError(f"{soundscape.path.name}: {error!r}")
            )
            return np.empty(0, np.int64), np.empty((0, 1), np.float32)
        audible = np.isfinite(audio).all(axis=1)
        if damage or not audible.all():
            lost = f"{(~audible).sum()} of its {len(audible)} rows get no score"
            windows.on_fault(BirdlibError(f"{damage or soundscape.path.name + ': ends before its last row'}; {lost}"))
        return soundscape.rows[audible], audio[audible]


@dataclass(frozen=True)
class LoadedMember:
    """An outside member at work, where the loop expects a ``CompiledMember``.

    Attributes:
        at_once: windows that are handed over before the first of them are scored.
    """

    member: OutsideMember
    at_once: int = 0

    def predict(self, blocks: Blocks, logits: np.ndarray) -> Iterator[int]:
        """Score rows, as they come, into ``logits``, float32 [rows, known classes]; yields how many, block by block."""
        member = self.member
        for rows, audio in blocks:
            outputs = predict_rows(member.model, audio)
            values = (
                member.join.take(outputs.logits)
                if member.head is None
                else member.head.of_outputs(outputs, member.join)
            )
            logits[rows] = values[:, member.outputs]
            yield len(rows)


def _spread(soundscapes: Sequence[ScoredSoundscape]) -> list[ScoredSoundscape]:
    """Single rows: every recording's first, then the middle ones, the quarters and so on."""
    turns = []
    for place, soundscape in enumerate(soundscapes):
        for number, (end, row) in enumerate(zip(soundscape.ends, soundscape.rows, strict=True)):
            turn = int(f"{number:020b}"[::-1], 2)  # of the number's bits the last one is the first
            turns.append((turn, place, ScoredSoundscape(soundscape.path, [end], np.array([row]))))
    return [part for _, _, part in sorted(turns, key=lambda item: item[:2])]
