"""Scoring recordings with an outside model, once, so that everything after it reads tables."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.class_lists import ClassJoin
from birdlib.errors import BirdlibError
from birdlib.outside.outside_model import OutsideModel
from birdlib.outside.recordings import ScoredRecording
from birdlib.outside.rows import predict_rows, read_rows
from birdlib.outside.scores import EmbeddingTable, embedding_path, load_arrays, save_arrays, score_path
from birdlib.progress import progress_bar
from birdlib.scores.score_table import ScoreTable

UNFINISHED = "unfinished.txt"  # for whoever runs kernels one session after another
_PART = 16  # recordings; a session that ends loses no more than one part
_ROWS_AT_ONCE = 24


@dataclass
class OutsideScoring:
    """Scores groups of recordings, part by part, and keeps what is done.

    Attributes:
        join: of the model's classes with those of the competition; only joined ones are kept.
        folder: that tables and parts are written to.
        earlier: the output of an earlier session, whose parts are taken over; None without one.
        time_left: seconds that this session still has; no part is begun without any.
        faults: by recording, why it or some of its rows have no scores.
        left: recordings that the session had no time for.
    """

    model: OutsideModel
    join: ClassJoin
    folder: Path
    earlier: Path | None = None
    time_left: Callable[[], float] = lambda: math.inf
    faults: dict[str, str] = field(default_factory=dict)
    left: int = 0

    def score(self, group: str, recordings: Sequence[ScoredRecording]) -> tuple[ScoreTable, EmbeddingTable] | None:
        """Score a group of recordings and write its score table and embeddings.

        A recording that cannot be read costs itself only, and is among ``faults``.

        Returns:
            None where the session had no time for all of them; what is done is in ``parts/``.

        Raises:
            BirdlibError: no recording of the group could be scored, or the model fails.
        """
        parts = [recordings[start : start + _PART] for start in range(0, len(recordings), _PART)]
        done = []
        with progress_bar(description=group, total=len(recordings), unit="recording") as progress:
            for part in parts:
                if self.time_left() > 0:
                    done.append(self._part(group, part, progress.update))
        if left := len(recordings) - sum(map(len, parts[: len(done)])):
            self.left += left
            return None
        for arrays in done:
            self.faults |= dict(zip(arrays["faulty"].tolist(), arrays["reasons"].tolist(), strict=True))
        done = [arrays for arrays in done if len(arrays["row_ids"])]
        if not done:
            reason = next(iter(self.faults.values()), "there is none")
            raise BirdlibError(f"{group}: none of {len(recordings)} recordings could be scored ({reason})")
        row_ids = [row_id for arrays in done for row_id in arrays["row_ids"].tolist()]
        logits = np.concatenate([arrays["logits"] for arrays in done])
        embedding = np.concatenate([arrays["embedding"] for arrays in done])
        scores = ScoreTable(self.model.name, tuple(row_ids), self.join.joined.labels, logits)
        embeddings = EmbeddingTable(tuple(row_ids), embedding)
        scores.save(score_path(self.folder, group))
        embeddings.save(embedding_path(self.folder, group))
        return scores, embeddings

    def faults_table(self) -> pd.DataFrame:
        """A row per recording that lacks scores."""
        return pd.DataFrame({"recording": list(self.faults), "reason": list(self.faults.values())})

    def finish(self) -> None:
        """Remove the parts, once the tables hold them; where recordings are left, say so in unfinished.txt."""
        note = self.folder / UNFINISHED
        note.unlink(missing_ok=True)
        if self.left:
            note.write_text(f"{self.left} recordings are left to score\n", encoding="utf-8")
            print(f"{self.left} recordings are left; run this kernel again with --resume", flush=True)
        else:
            shutil.rmtree(self.folder / "parts", ignore_errors=True)

    def _part(
        self, group: str, recordings: Sequence[ScoredRecording], update: Callable[[int], object]
    ) -> dict[str, np.ndarray]:
        """Score some recordings, or read what was scored of them before."""
        names = ("row_ids", "logits", "embedding", "faulty", "reasons")
        file = Path("parts", f"{group}-{self._key(recordings)}.npz")
        for folder in (self.folder, self.earlier):
            if folder is not None and (folder / file).is_file():
                try:
                    arrays = load_arrays(folder / file, *names)
                except BirdlibError:  # a damaged one is scored anew
                    continue
                save_arrays(self.folder / file, **arrays)
                update(len(recordings))
                return arrays
        row_ids: list[str] = []
        classes = len(self.join.joined)
        logits, embeddings, faults = [np.empty((0, classes), np.float32)], [], {}
        for recording, ends, audio, fault in self._read(recordings):
            audible = ~np.isnan(audio[:, 0])
            for start in range(0, int(audible.sum()), _ROWS_AT_ONCE):
                outputs = predict_rows(self.model, audio[audible][start : start + _ROWS_AT_ONCE])
                logits.append(self.join.take(outputs.logits))
                embeddings.append(outputs.embedding.astype(np.float16))
            row_ids += [f"{recording.name}_{end:g}" for end in np.array(ends)[audible]]
            if fault:
                faults[recording.name] = fault
            update(1)
        arrays = {
            "row_ids": np.array(row_ids, np.str_),
            "logits": np.concatenate(logits),
            "embedding": np.concatenate(embeddings) if embeddings else np.empty((0, 0), np.float16),
            "faulty": np.array(list(faults), np.str_),
            "reasons": np.array(list(faults.values()), np.str_),
        }
        save_arrays(self.folder / file, **arrays)
        return arrays

    def _read(
        self, recordings: Sequence[ScoredRecording]
    ) -> Iterator[tuple[ScoredRecording, list[float], np.ndarray, str]]:
        """Each recording, its rows' ends and audio, and its fault; the next one is decoded while one is scored."""
        with ThreadPoolExecutor(1) as reader:
            reading = [reader.submit(self._read_one, recording) for recording in recordings[:1]]
            for place, recording in enumerate(recordings):
                if place + 1 < len(recordings):
                    reading.append(reader.submit(self._read_one, recordings[place + 1]))
                yield recording, *reading.pop(0).result()

    def _read_one(self, recording: ScoredRecording) -> tuple[list[float], np.ndarray, str]:
        try:
            ends = recording.ends()
            audio, fault = read_rows(self.model, recording.path, ends)
        except Exception as error:  # whatever a decoder raises, it is this recording's fault
            return [], np.empty((0, 1), np.float32), str(error) if isinstance(error, BirdlibError) else repr(error)
        return ends, audio, fault

    def _key(self, recordings: Sequence[ScoredRecording]) -> str:
        """A name for what a part holds: which model, which classes, which rows of which recordings."""
        described = [
            self.model.name,
            self.model.sample_rate,
            self.model.window_seconds,
            self.join.joined.labels,
            self.join.columns,
            [(recording.name, recording.most_rows, recording.whole_rows) for recording in recordings],
        ]
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]
