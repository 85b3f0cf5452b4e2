"""Birds to make competitions of: real recordings where ``shared/`` is at hand, else the demo's synthetic songs."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

RATE = 32_000
CLIP_SECONDS = 6
RECORDINGS_EACH = 3


@dataclass(frozen=True)
class Bird:
    """A species under the label of a competition. clips: float32 [samples] at 32 kHz."""

    label: str
    scientific_name: str
    common_name: str
    clips: tuple[np.ndarray, ...]

    def called(self, label: str) -> "Bird":
        return replace(self, label=label)


def birds(collection: str, count: int) -> list[Bird]:
    """Some species of ``shared/audio/<collection>``; synthetic ones where that folder is absent."""
    for parent in Path(__file__).resolve().parents:
        if (folder := parent / "shared" / "audio" / collection).is_dir():
            return _real_birds(folder, count)
    return _synthetic_birds(count)


def _real_birds(folder: Path, count: int) -> list[Bird]:
    table = next(path for path in (folder / "train.csv", folder / "train_metadata.csv") if path.exists())
    recordings: dict[str, list[dict[str, str]]] = {}
    with open(table, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if "-nd" not in (text := row["license"].lower()) and "noderiv" not in text:  # which nobody may cut or mix
                recordings.setdefault(row["primary_label"], []).append(row)
    many = [rows for rows in recordings.values() if len(rows) >= RECORDINGS_EACH]
    fewer = [rows for rows in recordings.values() if len(rows) < RECORDINGS_EACH]
    chosen = [rows[:RECORDINGS_EACH] for rows in (many + fewer)[:count]]
    return [
        Bird(
            rows[0]["primary_label"],
            rows[0]["scientific_name"],
            rows[0]["common_name"],
            tuple(_beginning(folder / "train_audio" / row["filename"]) for row in rows),
        )
        for rows in sorted(chosen, key=lambda rows: rows[0]["primary_label"])
    ]


def _beginning(path: Path) -> np.ndarray:
    wave, rate = soundfile.read(path, frames=CLIP_SECONDS * RATE, dtype="float32")
    assert rate == RATE and wave.ndim == 1, path
    return 0.5 * wave / max(float(np.abs(wave).max()), 1e-3)


def _synthetic_birds(count: int) -> list[Bird]:
    from birdlib.demo.songs import make_species, sing

    random = np.random.default_rng(0)
    return [
        Bird(
            species.label,
            species.scientific_name,
            species.common_name,
            tuple(0.5 * sing(species, 5 + number / 2, random) for number in range(RECORDINGS_EACH)),
        )
        for species in make_species(count)
    ]


def write_ogg(path: Path, wave: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", RATE, 1, format="OGG", subtype="VORBIS") as file:
        for start in range(0, len(wave), RATE):  # in pieces: libsndfile may crash on very long ones
            file.write(wave[start : start + RATE])


def soundscape(
    birds: list[Bird], seconds: float, random: np.random.Generator
) -> tuple[np.ndarray, dict[int, set[str]]]:
    """A soundscape float32 [samples], and the labels of each whole window of 5 s by its end in seconds.

    A song lies well within its window, so that the truth is certain. Every third window is without a bird.
    """
    wave = 0.01 * random.standard_normal(round(seconds * RATE)).astype(np.float32)
    truth: dict[int, set[str]] = {}
    for number in range(int(seconds + 0.1) // 5):
        end = 5 * (number + 1)
        truth[end] = set()
        for bird in random.permutation(len(birds))[: number % 3]:
            song = birds[bird].clips[number % len(birds[bird].clips)][: 4 * RATE]
            first = round((end - 4.5) * RATE)
            wave[first : first + len(song)] += song
            truth[end].add(birds[bird].label)
    return np.clip(wave, -1, 1), truth
