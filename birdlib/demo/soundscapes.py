"""The demo's soundscapes: who sings when, and how it sounds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdlib.demo.songs import SAMPLE_RATE, Species, coloured_noise, sing
from birdlib.errors import BirdlibError

_AT_ONCE = 2  # calls that may overlap


@dataclass(frozen=True)
class Call:
    """One song in a soundscape. start, end: seconds from its beginning; snr_db: against the background."""

    start: float
    end: float
    species: Species
    snr_db: float


@dataclass(frozen=True)
class Soundscape:
    """The plan of a soundscape, from which both its audio and its truth are made."""

    stem: str
    seconds: int
    calls: tuple[Call, ...]
    seed: tuple[int, ...]


def plan_soundscapes(seed: int, species: Sequence[Species], count: int, seconds: int) -> tuple[Soundscape, ...]:
    """Plans soundscapes; the same arguments give the same plans.

    Each species sings in at least one soundscape, in two if there are two and room enough.
    Raises BirdlibError unless there is at least one soundscape, of at least 10 seconds.
    """
    if count < 1 or seconds < 10:
        raise BirdlibError(f"the demo needs soundscapes of 10 s or more; got {count} of {seconds} s")
    return tuple(_plan((seed, 2, number), number, species, count, seconds) for number in range(count))


def soundscape_wave(soundscape: Soundscape) -> np.ndarray:
    """A soundscape's audio: float32 [samples] at 32 kHz, within -1 to 1."""
    random = np.random.default_rng([*soundscape.seed, 1])
    wave = coloured_noise(soundscape.seconds, random)
    for call in soundscape.calls:
        add_song(wave, call.species, call.start, call.end - call.start, call.snr_db, random)
    return at_level(wave, random)


def add_song(
    wave: np.ndarray,
    species: Species,
    start: float,
    seconds: float,
    snr_db: float,
    random: np.random.Generator,
) -> None:
    """Mixes one song into a background float32 [samples] of RMS 1, in place."""
    song = sing(species, seconds, random)
    first = round(start * SAMPLE_RATE)
    wave[first : first + len(song)] += 10 ** (snr_db / 20) * song[: len(wave) - first]


def at_level(wave: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The wave with a peak somewhere between loud and faint, as recordists set their gain."""
    return wave * np.float32(random.uniform(0.2, 0.9) / np.abs(wave).max())


def _plan(seed: tuple[int, ...], number: int, species: Sequence[Species], count: int, seconds: int) -> Soundscape:
    random = np.random.default_rng(seed)
    calls: list[Call] = []
    for position, one in enumerate(species):
        at_home = number in (position % count, (position + 1) % count)  # so that no species is all but absent
        if not at_home and random.random() < 0.5:
            continue
        for _ in range(max(1, random.poisson(seconds / 60))):
            calls += _bout(one, seconds, calls, random)
    calls.sort(key=lambda call: (call.start, call.species.label))
    return Soundscape(f"soundscape_{29201 + 37 * number}", seconds, tuple(calls), seed)


def _bout(species: Species, seconds: int, others: Sequence[Call], random: np.random.Generator) -> list[Call]:
    """A few songs of one bird in a row, where not too many others sing; none if there is no such place."""
    for _ in range(20):
        start, bout = random.uniform(0, seconds - 7), []
        for _ in range(random.integers(2, 4)):
            length = random.uniform(1.5, 3.0)
            snr_db = round(random.uniform(12, 20), 1)
            bout.append(Call(round(start, 2), round(start + length, 2), species, snr_db))
            start += length + random.uniform(0.3, 1.0)
        bout = [call for call in bout if call.end <= seconds]
        if all(_overlapping(call, others) < _AT_ONCE for call in bout):
            return bout
    return []


def _overlapping(call: Call, calls: Sequence[Call]) -> int:
    return sum(other.start < call.end and call.start < other.end for other in calls)
