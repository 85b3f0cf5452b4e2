"""The windows to score: decoded once, their mel spectrograms kept on disk."""

import errno
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
import torch

from birdlib.audio.padding import CYCLIC
from birdlib.audio.recording import DecodingMemory
from birdlib.audio.recordings import read_windows
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram

# Windows handed over at a time.
BLOCK = 12


@dataclass(frozen=True)
class ScoredSoundscape:
    """A recording and the windows of it that are wanted.

    Attributes:
        ends: the windows' ends, in seconds.
        rows: int [len(ends)]; the submission's row of each window.
    """

    path: Path
    ends: list[float]
    rows: np.ndarray


class Windows:
    """All wanted windows of all soundscapes, as mel spectrograms, as often as one asks.

    The first time they are decoded and transformed on a thread of their own, beside the model that takes them,
    and written to a scratch file per distinct front end: all mels of 200 x 10 minutes would not fit into memory
    (6.2 GB at 501 frames). After that they are read back. What is read or written is never mapped, so it does
    not count as this process's memory; blocks lie in memory that is used again.
    """

    def __init__(
        self,
        soundscapes: list[ScoredSoundscape],
        front_ends: list[FrontEnd],
        scratch: Path,
        on_fault: Callable[[Exception], None],
        padding: str = CYCLIC,
    ) -> None:
        self.soundscapes = soundscapes
        self.padding = padding
        self.front_ends = list(dict.fromkeys(front_ends))
        # Front ends that take the same samples of a recording share its audio.
        cuts = [(front_end.sample_rate, front_end.window_seconds) for front_end in self.front_ends]
        self._cuts = list(dict.fromkeys(cuts))
        self._cut_of = [self._cuts.index(cut) for cut in cuts]
        self.on_fault = on_fault
        self.seconds_decoding = 0.0
        self.seconds_front_end = 0.0
        self.scratch = scratch
        self._files = [scratch / f"mels-{number}.f32" for number in range(len(self.front_ends))]
        self._rows: np.ndarray | None = None

    def __len__(self) -> int:
        return sum(len(soundscape.ends) for soundscape in self.soundscapes)

    def blocks(self, front_end: FrontEnd, spread: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows, int [n], and mels, float32 [n, 1, n_mels, frames], of the windows that have audio.

        The mels are overwritten by those of the next block.

        Args:
            spread: in an order in which, whenever it is broken off, the windows so far are spread evenly over all
                recordings, and in each over its length. It needs stored windows; else recordings follow one another.
        """
        which = self.front_ends.index(front_end)
        if self._rows is not None:
            yield from self._stored(which, self._spread() if spread else np.arange(len(self._rows)))
            return
        for rows, mels in self._decoded():
            yield rows, mels[which]

    def store(self, seconds: float) -> None:
        """Decode and transform all windows, unless they are stored or it takes longer than so many seconds."""
        started = time.perf_counter()
        if self._rows is None and self.front_ends:
            with closing(self._decoded()) as blocks:
                for _ in blocks:
                    if time.perf_counter() - started > seconds:
                        return

    def close(self) -> None:
        """Remove the scratch files."""
        for file in self._files:
            file.unlink(missing_ok=True)
        self._rows = None

    def _stored(self, which: int, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """order: int [stored windows], their places in the file."""
        if not len(order):  # there is no file where no recording could be decoded
            return
        memory = np.empty((BLOCK, *self.front_ends[which].shape), np.float32)
        with self._files[which].open("rb", buffering=0) as file:
            for start in range(0, len(order), BLOCK):
                places = order[start : start + BLOCK]
                for place, mels in zip(places, memory, strict=False):
                    file.seek(int(place) * mels.nbytes)
                    if file.readinto(mels.data.cast("B")) < mels.nbytes:
                        raise BirdlibError(f"{self._files[which]}: shorter than it was written")
                yield self._rows[places], memory[: len(places)]

    def _spread(self) -> np.ndarray:
        """Every recording's first window, then the middle ones, the quarters and so on; see ``blocks``."""
        turn = {}
        for soundscape in self.soundscapes:
            for number, row in enumerate(soundscape.rows.tolist()):
                turn[row] = int(f"{number:020b}"[::-1], 2)  # of the number's bits the last one is the first
        return np.argsort([turn[row] for row in self._rows.tolist()], kind="stable")

    def _decoded(self) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Blocks of a producer thread, stored on their way; the store counts only once it is whole."""
        handed_over: queue.Queue = queue.Queue(maxsize=8)
        used: queue.SimpleQueue = queue.SimpleQueue()
        stop = threading.Event()
        producer = threading.Thread(target=self._produce, args=(handed_over, used, stop), daemon=True)
        producer.start()
        all_rows = []
        store, files = True, []
        try:
            while (item := handed_over.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                rows, mels = item
                all_rows.append(rows)
                if store:
                    try:
                        self._keep(mels, files)
                    except OSError as error:
                        store = False  # a full disk: the next model decodes again
                        self.close()
                        reason = f"cannot keep the mels for the next model ({error.strerror})"
                        self.on_fault(BirdlibError(f"{self.scratch}: {reason}"))
                yield rows, mels
                if len(rows) == BLOCK:
                    used.put(mels)
            if store:
                self._rows = np.concatenate(all_rows) if all_rows else np.empty(0, int)
        finally:
            stop.set()
            while producer.is_alive():
                while not handed_over.empty():
                    handed_over.get_nowait()
                producer.join(0.05)
            for file in files:
                file.close()

    def _keep(self, mels: list[np.ndarray], files: list[FileIO]) -> None:
        """Append a block to the stores, which the first block opens; OSError where it does not fit."""
        if not files:
            files += [file.open("wb", buffering=0) for file in self._files]
        for file, values in zip(files, mels, strict=True):
            if file.write(values.data) < values.nbytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _produce(self, handed_over: queue.Queue, used: queue.SimpleQueue, stop: threading.Event) -> None:
        try:
            torch.set_flush_denormal(True)
            torch.set_num_threads(1)  # of this thread: the other cores are the models'
            front_ends = [MelSpectrogram(front_end) for front_end in self.front_ends]
            for rows, waves in self._waves():
                if stop.is_set():
                    return
                started = time.perf_counter()
                try:
                    memory = used.get_nowait()
                except queue.Empty:
                    memory = [np.empty((BLOCK, *one.shape), np.float32) for one in self.front_ends]
                mels = self._transform(waves, front_ends, memory)
                self.seconds_front_end += time.perf_counter() - started
                rows, mels = self._finite(rows, mels)
                if len(rows):
                    handed_over.put((rows, mels))
            handed_over.put(None)
        except BaseException as error:  # it belongs to the thread that waits for the blocks
            handed_over.put(error)

    def _transform(
        self, waves: list[np.ndarray], front_ends: list[MelSpectrogram], memory: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Each cut's audio, float32 [n, samples], to each front end's mels, float32 [n, 1, n_mels, frames], in memory.

        Window by window: what the front end makes of one on its way stays in the cache, and the allocator gives none
        of it back (by twos it takes a tenth longer, by fours at least a third).
        """
        with torch.inference_mode():
            heard = [torch.from_numpy(one) for one in waves]
            for place in range(len(waves[0])):
                for front_end, cut, mels in zip(front_ends, self._cut_of, memory, strict=True):
                    mels[place] = front_end(heard[cut][place][None])[0].numpy()
        return [mels[: len(waves[0])] for mels in memory]

    def _finite(self, rows: np.ndarray, mels: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        """The windows whose mels are numbers, because one window of NaN drops a whole model.

        Samples far outside of -1 to 1 overflow.
        """
        finite = np.logical_and.reduce([np.isfinite(some).all(axis=(1, 2, 3)) for some in mels])
        if finite.all():
            return rows, mels
        for soundscape in self.soundscapes:
            lost = int(np.isin(rows[~finite], soundscape.rows).sum())
            if lost:
                self.on_fault(BirdlibError(f"{soundscape.path.name}: {lost} windows give no finite mel spectrogram"))
        return rows[finite], [some[finite] for some in mels]

    def _waves(self) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Full blocks of rows and each cut's audio, float32 [n, samples], across soundscapes; the last may be short.

        The audio of a block is overwritten by the next one.
        """
        rows, memory = np.empty(0, int), [DecodingMemory() for _ in self._cuts]
        waves = [np.empty((BLOCK, round(rate * seconds)), np.float32) for rate, seconds in self._cuts]
        for soundscape in self.soundscapes:
            started = time.perf_counter()
            try:
                decoded = self._decode(soundscape, memory)
            finally:
                self.seconds_decoding += time.perf_counter() - started
            audible = np.flatnonzero(~np.any([np.isnan(windows[:, 0]) for windows in decoded], axis=0))
            while len(audible):
                taken, audible = np.split(audible, [BLOCK - len(rows)])
                for windows, block in zip(decoded, waves, strict=True):
                    np.take(windows, taken, axis=0, out=block[len(rows) : len(rows) + len(taken)], mode="clip")
                rows = np.concatenate([rows, soundscape.rows[taken]])
                if len(rows) == BLOCK:
                    yield rows, waves
                    rows = np.empty(0, int)
        if len(rows):
            yield rows, [block[: len(rows)] for block in waves]

    def _decode(self, soundscape: ScoredSoundscape, memory: list[DecodingMemory]) -> list[np.ndarray]:
        """The windows of each cut, float32 [windows, samples], NaN where there is no audio; in memory of its own."""
        decoded, damage = [], ""
        for (rate, seconds), own in zip(self._cuts, memory, strict=True):
            try:
                windows, damage = read_windows(
                    soundscape.path,
                    soundscape.ends,
                    window_seconds=seconds,
                    row_seconds=min(seconds, WINDOW_SECONDS),
                    sample_rate=rate,
                    padding=self.padding,
                    memory=own,
                )
            except (Exception, SystemExit) as error:  # whatever a decoder raises costs this recording's rows only
                windows = np.full((len(soundscape.ends), round(rate * seconds)), np.nan, np.float32)
                damage = str(error) if isinstance(error, BirdlibError) else f"{soundscape.path.name}: {error!r}"
            decoded.append(windows)
        silent = int(np.isnan(windows[:, 0]).sum())
        if silent and not damage:
            damage = f"{soundscape.path.name}: ends before {silent} of its {len(windows)} windows"
        if damage:
            cost = f"; {silent} of its {len(windows)} rows get no score" if silent else ""
            self.on_fault(BirdlibError(damage + cost))
        return decoded
