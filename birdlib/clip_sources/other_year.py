"""Another year's competition as training data, its classes joined to this year's."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from birdlib.audio.recording import RecordingInfo
from birdlib.audio.recordings import probe
from birdlib.clip_sources.clip_context import ClipContext
from birdlib.competition.class_lists import LABEL, SCIENTIFIC_NAME, SYNONYM, ClassList, join_classes, read_class_list
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.authors import people
from birdlib.data.clip_table import ClipTable
from birdlib.data.decoding import decode
from birdlib.data.metadata import Metadata, read_metadata
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError

_DIGITS = 5  # of a second, to which lengths of the same audio agree: recordings.csv has microseconds


@dataclass(frozen=True)
class OtherYear:
    """The recordings of another year's competition whose label is a class here.

    A class of that year is one here by its label, else by its scientific name or a synonym of that, where only one
    class here has it. Left out is what would let a fold learn from what it holds back: recordings that this year's
    data holds too, in whatever fold (the same file name, which is xeno-canto's number, or the same audio of the same
    class), and those of people of whom the fold holds back all recordings.

    Attributes:
        folder: which of the attached folders, a competition's by its slug.
        all_classes: whether the year's other classes are learnt, too.
        weight: for samplers that draw by it.
    """

    folder: str
    all_classes: bool = False
    weight: float = 1.0

    def classes(self, context: ClipContext) -> tuple[str, ...]:
        """The context's classes, and with ``all_classes`` those of the year that are none of them.

        Prints how many classes and recordings join in which way.

        Raises:
            BirdlibError: the folder is missing, or is not of the competition that it is called by.
        """
        metadata = read_metadata(self._files(context))
        joined = self._joined(context, metadata)
        ways = [joined.get(label, ("", "no class here"))[1] for label in metadata.classes]
        way_of = dict(zip(metadata.classes, ways, strict=True))
        counts = {"classes": pd.Series(ways), "recordings": metadata.table["primary_label"].map(way_of)}
        table = pd.DataFrame({name: way.value_counts() for name, way in counts.items()})
        table = table.reindex([LABEL, SCIENTIFIC_NAME, SYNONYM, "no class here"]).fillna(0).astype(int)
        renamed = [f"{label} = {here}" for label, (here, how) in joined.items() if how != LABEL]
        new = tuple(label for label in metadata.classes if label not in joined) if self.all_classes else ()
        print(f"{self.folder}: how its classes join; new ones to learn: {len(new)}\n{table.to_string()}")
        if renamed:
            print(f"{self.folder}: under another label: {', '.join(renamed)}")
        return context.prepared.classes + new

    def table(self, context: ClipContext, fold: int | str) -> ClipTable:
        """What a model of this fold may learn from; prints what is left out, and why.

        Raises:
            BirdlibError: the folder is missing, or is not of the competition that it is called by.
        """
        files = self._files(context)
        metadata = read_metadata(files)
        here = {label: name for label, (name, _) in self._joined(context, metadata).items()}
        recordings = metadata.table[metadata.table["primary_label"].isin(here)].reset_index(drop=True)
        left_out = {"of no class here": len(metadata.table) - len(recordings)}
        recordings["primary_label"] = recordings["primary_label"].map(here)
        pairs = zip(recordings["secondary_labels"], recordings["primary_label"], strict=True)
        recordings["secondary_labels"] = [_secondary(labels, primary, here) for labels, primary in pairs]
        readable = _with_lengths(recordings, files.train_audio)
        left_out["that cannot be read"] = len(recordings) - len(readable)
        is_ours = _of_this_year(readable, context.prepared, files.train_audio)
        held_back = _held_back(readable, context.prepared, fold) & ~is_ours
        left_out |= {
            "that are this year's, too": is_ours.sum(),
            f"by people whom fold {fold} holds back": held_back.sum(),
        }
        recordings = readable[~is_ours & ~held_back].reset_index(drop=True)
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count)
        print(
            f"{self.folder}: {len(recordings):,} of {len(metadata.table):,} recordings to learn from"
            + (f"; left out: {reasons}" if reasons else ""),
            flush=True,
        )
        year = replace(context.prepared, audio=files.train_audio, recordings=recordings, cache=None)
        table = year.clip_table(np.arange(len(recordings)))
        return replace(table, rows=table.rows.assign(source=self.folder, weight=self.weight), look_again=probe)

    def _files(self, context: ClipContext) -> CompetitionFiles:
        return CompetitionFiles(context.folder(self.folder), edition(self.folder))

    def _joined(self, context: ClipContext, metadata: Metadata) -> dict[str, tuple[str, str]]:
        """The year's labels that are classes here: which, and how it was found."""
        classes = context.prepared.classes
        # A class that another year brought has its name from there.
        folders = [folder for folder in (context.competition, *context.folders.values()) if folder]
        names = zip(*(read_class_list(folder, classes).scientific_names for folder in folders), strict=True)
        ours = ClassList(classes, tuple(next(filter(None, of_class), "") for of_class in names))
        join = join_classes(read_class_list(context.folder(self.folder), metadata.classes), ours)
        places = zip(join.wanted.labels, join.columns, join.how, strict=True)
        return {label: (classes[columns[0]], how) for label, columns, how in places if len(set(columns)) == 1}


def _secondary(labels: str, primary: str, here: dict[str, str]) -> str:
    names = dict.fromkeys(here[label] for label in labels.split() if label in here)
    return " ".join(name for name in names if name != primary)


def _with_lengths(recordings: pd.DataFrame, audio: Path) -> pd.DataFrame:
    """The recordings that can be read, with their lengths, sample rates and channels."""
    with ThreadPoolExecutor() as pool:
        infos = list(pool.map(_probe, [audio / filename for filename in recordings["filename"]]))
    readable = [info for info in infos if info]
    return recordings[np.array([info is not None for info in infos], bool)].assign(
        seconds=np.array([info.seconds for info in readable], np.float64),
        sample_rate=np.array([info.sample_rate for info in readable], np.int64),
        channels=np.array([info.channels for info in readable], np.int64),
        copy="",
    )


def _of_this_year(recordings: pd.DataFrame, prepared: Prepared, audio: Path) -> np.ndarray:
    """Which recordings this year's data holds, too, bool: by their name, or by their audio.

    Only those are decoded that have the class and the length of one of this year's: another year's data is large.
    """
    ours = prepared.recordings
    names = {PurePath(filename).stem for filename in ours["filename"]}
    hashes: dict[tuple[str, float], set[str]] = {}
    for label, seconds, sha256 in zip(ours["primary_label"], ours["seconds"], ours["audio_sha256"], strict=True):
        hashes.setdefault((label, round(seconds, _DIGITS)), set()).add(sha256)
    is_ours = []
    for row in recordings.itertuples():
        likely = hashes.get((row.primary_label, round(row.seconds, _DIGITS)))
        same_name = PurePath(row.filename).stem in names
        is_ours.append(same_name or (likely is not None and _sha256(audio / row.filename) in likely))
    return np.array(is_ours, bool)


def _held_back(recordings: pd.DataFrame, prepared: Prepared, fold: int | str) -> np.ndarray:
    """Which recordings are by people of whom the fold holds back all recordings: bool."""
    both = pd.concat([prepared.recordings[["author", "filename"]], recordings[["author", "filename"]]])
    persons = people(both["author"].tolist(), both["filename"].tolist())
    held_back = np.setdiff1d(persons[prepared.validation_rows(fold)], persons[prepared.training_rows(fold)])
    return np.isin(persons[len(prepared.recordings) :], held_back)


@cache  # asked again for each fold and stage
def _probe(path: Path) -> RecordingInfo | None:
    try:
        return probe(path)
    except BirdlibError:
        return None


@cache
def _sha256(path: Path) -> str:
    try:
        return decode(path).sha256
    except BirdlibError:
        return "not readable"
