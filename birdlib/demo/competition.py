"""The demo competition: a small BirdCLEF of synthetic birds, made on the spot."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.competition.rows import ROW_ID
from birdlib.competition.table import write_table
from birdlib.demo.ogg import write_ogg
from birdlib.demo.songs import SAMPLE_RATE, Species, coloured_noise, make_species
from birdlib.demo.soundscapes import (
    Soundscape,
    add_song,
    at_level,
    plan_soundscapes,
    soundscape_row_ids,
    soundscape_wave,
    window_labels,
)
from birdlib.errors import BirdlibError

_FIRST_ID, _FIRST_BROKEN_ID = 100_001, 900_001


@dataclass(frozen=True)
class DemoCompetition:
    """What was made.

    Attributes:
        soundscapes: the stems of those to be scored.
        labelled: the stems of those that come with their labels.
        broken: filename (as in the metadata) -> what is wrong with the file.
    """

    folder: Path
    classes: tuple[str, ...]
    recordings: int
    soundscapes: tuple[str, ...]
    labelled: tuple[str, ...]
    broken: dict[str, str]


def make_competition(
    folder: Path | str,
    *,
    seed: int = 0,
    species: int = 12,
    recordings_per_species: int = 8,
    soundscapes: int = 3,
    soundscape_seconds: int = 60,
    broken_files: int = 3,
    labelled_soundscapes: int = 0,
) -> DemoCompetition:
    """Writes a competition in the shape of BirdCLEF 2023, without its truth; same arguments, same bytes.

    broken_files: training files beyond `recordings_per_species` that no decoder reads.
    labelled_soundscapes: more soundscapes, in `train_soundscapes/`, with `train_soundscape_labels.csv`: what is
        found on them is known before anything is submitted. They are others than those of the test.
    Raises BirdlibError for settings that make no competition.
    """
    if recordings_per_species < 1 or broken_files < 0 or labelled_soundscapes < 0:
        raise BirdlibError(
            f"the demo needs a recording per species and not less than 0 broken files and labelled soundscapes; "
            f"got recordings_per_species={recordings_per_species}, broken_files={broken_files}, "
            f"labelled_soundscapes={labelled_soundscapes}"
        )
    folder, birds = Path(folder), make_species(species)
    plans = plan_soundscapes(seed, birds, soundscapes, soundscape_seconds)
    labelled: tuple[Soundscape, ...] = ()
    if labelled_soundscapes:
        labelled = plan_soundscapes(seed, birds, labelled_soundscapes, soundscape_seconds, labelled=True)
    folders = ["test_soundscapes", *(f"train_audio/{bird.label}" for bird in birds)]
    for name in [*folders, "train_soundscapes"] if labelled else folders:
        (folder / name).mkdir(parents=True, exist_ok=True)
    recordings = [
        _Recording(seed, birds, position, number, _FIRST_ID + position * recordings_per_species + number)
        for position in range(species)
        for number in range(recordings_per_species)
    ]

    def write_recording(recording: _Recording) -> dict[str, object]:
        wave, row = recording.make()
        write_ogg(folder / "train_audio" / str(row["filename"]), wave, SAMPLE_RATE)
        return row

    def write_soundscape(plan: Soundscape) -> None:
        name = "train_soundscapes" if plan in labelled else "test_soundscapes"
        write_ogg(folder / name / f"{plan.stem}.ogg", soundscape_wave(plan), SAMPLE_RATE)

    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(write_recording, recordings))
        list(pool.map(write_soundscape, [*plans, *labelled]))
    broken = _write_broken_files(folder, rows, broken_files)
    metadata = pd.DataFrame(rows).sort_values("filename", kind="stable")
    write_table(metadata, folder / "train_metadata.csv")
    write_table(_taxonomy(birds), folder / "eBird_Taxonomy_v2021.csv")
    classes = tuple(sorted(bird.label for bird in birds))
    write_table(_sample(soundscape_row_ids(plans), classes), folder / "sample_submission.csv")
    if labelled:
        write_table(window_labels(labelled, birds), folder / "train_soundscape_labels.csv")
    stems, labelled_stems = (tuple(plan.stem for plan in some) for some in (plans, labelled))
    return DemoCompetition(folder, classes, len(recordings), stems, labelled_stems, broken)


@dataclass(frozen=True)
class _Recording:
    """A training recording: one species sings again and again, sometimes another with it."""

    seed: int
    birds: tuple[Species, ...]
    position: int  # of the species
    number: int  # among the species' recordings
    id: int

    def make(self) -> tuple[np.ndarray, dict[str, object]]:
        """The audio, float32 [samples] at 32 kHz, and its row of the metadata."""
        random = np.random.default_rng([self.seed, 1, self.position, self.number])
        bird = self.birds[self.position]
        seconds = 5 + 15 * random.random() ** 3
        wave = coloured_noise(seconds, random)
        loudness = random.uniform(10, 24)
        start = random.uniform(0.2, 1.0)
        while start < seconds - 1:
            length = random.uniform(1.5, 3.0)
            add_song(wave, bird, start, length, loudness, random)
            start += length + random.uniform(0.4, 1.5)
        secondary = []
        if random.random() < 0.4:
            other = self.birds[(self.position + random.integers(1, len(self.birds))) % len(self.birds)]
            add_song(wave, other, random.uniform(0, seconds - 3), 2.5, loudness - 3, random)
            secondary.append(other.label)
        filename = f"{bird.label}/XC{self.id}.ogg"
        return at_level(wave, random), {
            "primary_label": bird.label,
            "secondary_labels": str(secondary),
            "type": "['song']",
            "latitude": round(random.uniform(-60, 70), 4),
            "longitude": round(random.uniform(-180, 180), 4),
            "scientific_name": bird.scientific_name,
            "common_name": bird.common_name,
            "author": f"Synthetic Recordist {random.integers(1, 13)}",
            "license": "CC0 1.0",
            "rating": random.integers(2, 11) / 2,
            "url": f"https://example.org/demo/XC{self.id}",
            "filename": filename,
        }


def _write_broken_files(folder: Path, rows: list[dict[str, object]], count: int) -> dict[str, str]:
    """Adds unreadable copies of recordings to the folder and their rows to `rows`."""
    whole = list(rows)
    broken = {}
    for number in range(count):
        row = dict(whole[number * len(whole) // count])
        data = (folder / "train_audio" / str(row["filename"])).read_bytes()
        wrong, content = (
            ("zero bytes", b""),
            ("cut off in its header", data[:2000]),
            ("text, not audio", b"This is not the recording you are looking for.\n"),
        )[number % 3]
        name = f"XC{_FIRST_BROKEN_ID + number}"
        row["filename"], row["url"] = f"{row['primary_label']}/{name}.ogg", f"https://example.org/demo/{name}"
        (folder / "train_audio" / row["filename"]).write_bytes(content)
        broken[row["filename"]] = wrong
        rows.append(row)
    return broken


def _sample(row_ids: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    sample = pd.DataFrame(1 / len(classes), index=range(len(row_ids)), columns=list(classes))
    sample.insert(0, ROW_ID, row_ids)
    return sample


def _taxonomy(birds: Sequence[Species]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "TAXON_ORDER": range(1, len(birds) + 1),
            "CATEGORY": "species",
            "SPECIES_CODE": [bird.label for bird in birds],
            "PRIMARY_COM_NAME": [bird.common_name for bird in birds],
            "SCI_NAME": [bird.scientific_name for bird in birds],
            "ORDER1": "Fictiformes",
            "FAMILY": "Fictidae (Synthetic Birds)",
            "SPECIES_GROUP": "",
            "REPORT_AS": "",
        }
    )
