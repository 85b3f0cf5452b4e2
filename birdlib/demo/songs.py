"""Birds that do not exist, and their songs."""

import math
from dataclasses import dataclass

import numpy as np

from birdlib.errors import BirdlibError

SAMPLE_RATE = 32_000  # Hz

_ADJECTIVES = (
    "Amber Birch Cedar Dusky Elfin Frost Golden Hazel Indigo Jade Kelp Lunar "
    "Marsh Night Ochre Pine Quartz Rusty Silver Tidal Umber Violet Willow Zephyr"
).split()


@dataclass(frozen=True)
class Species:
    """A species and what makes up its song: notes of one form, repeated in a melody."""

    label: str
    common_name: str
    scientific_name: str
    pitch: float  # Hz, at the start of the first note
    bend: float  # octaves that a note rises (or falls) while it sounds
    note_seconds: float
    notes_per_second: float
    harmonics: int  # partials of a note, the first among them
    tremolo: float  # Hz; 0 for none
    melody: tuple[float, ...]  # pitches of successive notes, relative to the first


def make_species(count: int) -> tuple[Species, ...]:
    """The first `count` of 24 species; always the same ones. BirdlibError for another count."""
    if not 2 <= count <= len(_ADJECTIVES):
        raise BirdlibError(f"the demo has 2 to {len(_ADJECTIVES)} species; {count} were asked for")
    return tuple(_species(number) for number in range(count))


def sing(species: Species, seconds: float, random: np.random.Generator) -> np.ndarray:
    """One song by one individual: float32 [samples] at 32 kHz, peak 1.

    Individuals differ in pitch, tempo, and the stress of their notes.
    """
    pitch = species.pitch * 2 ** random.normal(0, 0.05)
    tempo = 2 ** random.normal(0, 0.12)
    note = int(species.note_seconds / tempo * SAMPLE_RATE)
    step = int(SAMPLE_RATE / species.notes_per_second / tempo)
    wave = np.zeros(max(round(seconds * SAMPLE_RATE), note), dtype=np.float32)
    for number, start in enumerate(range(0, len(wave) - note + 1, step)):
        interval = species.melody[number % len(species.melody)]
        wave[start : start + note] += random.uniform(0.6, 1) * _note(species, pitch * interval, note)
    return wave[: round(seconds * SAMPLE_RATE)] / np.abs(wave).max()


def coloured_noise(seconds: float, random: np.random.Generator) -> np.ndarray:
    """Background between white and brown whose level comes and goes: float32 [samples], RMS 1."""
    whole = SAMPLE_RATE * math.ceil(seconds)  # a length of small prime factors, or the transform takes ages
    spectrum = np.fft.rfft(random.standard_normal(whole, dtype=np.float32))
    frequency = np.maximum(np.fft.rfftfreq(whole, 1 / SAMPLE_RATE), 50).astype(np.float32)
    wave = np.fft.irfft(spectrum * frequency ** np.float32(-random.uniform(0.1, 0.6)), whole)
    swell = random.uniform(0.6, 1.4, size=math.ceil(seconds) + 1)  # a level for each second
    wave *= np.interp(np.arange(whole) / SAMPLE_RATE, np.arange(len(swell)), swell).astype(np.float32)
    wave = wave[: round(seconds * SAMPLE_RATE)]
    return wave / np.sqrt(np.mean(wave**2))


def _species(number: int) -> Species:
    # Species of one form stand at least a fifth of the range apart in pitch, and in tempo.
    rank, form = divmod(number, 5)
    height, pace = (0.4 * rank + 0.13 * form) % 1, (0.6 * rank + 0.27 * form) % 1
    bend = 1.0 if number % 2 else -1.0
    # name, pitch, bend, note_seconds, notes_per_second, harmonics, tremolo, melody
    forms = (
        (
            "Whistler",
            1500 * 3**height,
            0.05 * bend,
            0.35,
            2 + pace,
            1,
            0,
            (1.0, 1.26 if bend > 0 else 0.8, 1.0),
        ),
        ("Triller", 2500 * 2.4**height, -0.1, 0.035, 13 + 9 * pace, 1, 0, (1.0,)),
        ("Chirper", 2000 * 2.8**height, 0.5 * bend, 0.08, 4 + 3 * pace, 2, 0, (1.0, 1.0, 1.12)),
        ("Rasper", 900 * 2.2**height, -0.2, 0.3, 2 + pace, 4, 35 + 40 * pace, (1.0,)),
        ("Slider", 1300 * 3.2**height, 0.6 * bend, 0.6, 1.2 + 0.3 * pace, 2, 0, (1.0,)),
    )
    adjective, (noun, *traits) = _ADJECTIVES[number], forms[form]
    label = f"{adjective[:3]}{noun[:3]}1".lower()
    return Species(label, f"{adjective} {noun}", f"Ficta {adjective.lower()}i{noun.lower()}a", *traits)


def _note(species: Species, pitch: float, samples: int) -> np.ndarray:
    done = np.arange(samples) / samples
    phase = 2 * np.pi * np.cumsum(pitch * 2 ** (species.bend * done)) / SAMPLE_RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, species.harmonics + 1) if 2 * k * pitch < SAMPLE_RATE)
    if species.tremolo:
        wave = wave * (0.55 + 0.45 * np.sin(2 * np.pi * species.tremolo * done * samples / SAMPLE_RATE))
    return wave * np.sqrt(np.sin(np.pi * done))
