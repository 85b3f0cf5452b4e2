"""Which recordings an outside model scores: focal ones, soundscapes, and those of other folders."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from birdlib.audio.recordings import probe
from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.layout import AUDIO_SUFFIXES, CompetitionFiles, names_on_disk
from birdlib.competition.row_plan import SHORT_BY
from birdlib.data.metadata import read_metadata
from birdlib.errors import BirdlibError

FOCAL, SOUNDSCAPES, EXTRA = "focal", "soundscapes", "extra"
_LEAST_SECONDS = 1.0  # of audio, for a last row that the recording does not fill


@dataclass(frozen=True)
class ScoredRecording:
    """A recording to be scored.

    Attributes:
        name: in row ids: of a focal recording its file's, with the folder and without the suffix, as "comrav/XC1"; of
            a soundscape the stem.
        most_rows: from its start; 0 for all.
        whole_rows: whether a row that the recording does not fill is left out.
    """

    name: str
    path: Path
    most_rows: int = 0
    whole_rows: bool = False

    def ends(self) -> list[float]:
        """The ends of its rows, in seconds.

        Raises:
            BirdlibError: the file cannot be read, or holds no whole row where only those count.
        """
        seconds = probe(self.path).seconds
        spare = SHORT_BY if self.whole_rows else WINDOW_SECONDS - _LEAST_SECONDS
        count = math.floor((seconds + spare) / WINDOW_SECONDS)
        if not self.whole_rows:
            count = max(count, 1)
        if not count:
            raise BirdlibError(f"{self.path.name}: {seconds:.1f} s long, without a whole row of {WINDOW_SECONDS} s")
        return [float(WINDOW_SECONDS * (row + 1)) for row in range(min(count, self.most_rows or count))]


def recordings_to_score(
    files: CompetitionFiles, folders: Iterable[Path] = (), *, focal_rows: int = 0
) -> dict[str, list[ScoredRecording]]:
    """The recordings by group: "focal" of the metadata, "soundscapes", and "extra" of other folders.

    Args:
        folders: whose recordings, at any depth, are "extra".
        focal_rows: of each focal and extra recording, from its start; 0 for all.
    """
    filenames = read_metadata(files).table["filename"].tolist()
    focal = [
        ScoredRecording(name.rpartition(".")[0], files.train_audio / on_disk, focal_rows)
        for name, on_disk in zip(filenames, names_on_disk(files.train_audio, filenames), strict=True)
    ]
    soundscapes = [ScoredRecording(path.stem, path, whole_rows=True) for path in files.other_soundscapes]
    extra = [
        ScoredRecording(path.relative_to(folder.parent).with_suffix("").as_posix(), path, focal_rows)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    ]
    groups = {FOCAL: focal, SOUNDSCAPES: soundscapes, EXTRA: extra}
    return {group: recordings for group, recordings in groups.items() if recordings}
