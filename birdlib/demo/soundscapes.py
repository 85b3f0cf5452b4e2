"""The demo's soundscapes: who sings when, and how it sounds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.rows import ROW_ID, split_row_id
from birdlib.demo.songs import SAMPLE_RATE, Species, coloured_noise, sing
from birdlib.errors import BirdlibError

_AT_ONCE = 2  # calls that may overlap
_AUDIBLE_SECONDS = 0.5  # a shorter piece of a song does not make a window positive
_FIRST_TEST, _FIRST_LABELLED = 29201, 10007  # in the names


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


def plan_soundscapes(
    seed: int, species: Sequence[Species], count: int, seconds: int, *, labelled: bool = False
) -> tuple[Soundscape, ...]:
    """Plans soundscapes; the same arguments give the same plans.

    labelled: those that come with their labels for training, which are others than those of the test.

    Each species sings in at least one soundscape, in two if there are two and room enough.
    Raises BirdlibError unless there is at least one soundscape, of at least 10 seconds.
    """
    if count < 1 or seconds < 10:
        raise BirdlibError(f"the demo needs soundscapes of 10 s or more; got {count} of {seconds} s")
    stream, first = (3, _FIRST_LABELLED) if labelled else (2, _FIRST_TEST)
    return tuple(
        _plan(f"soundscape_{first + 37 * number}", (seed, stream, number), number, species, count, seconds)
        for number in range(count)
    )


def window_labels(plans: Sequence[Soundscape], species: Sequence[Species]) -> pd.DataFrame:
    """Who sings in each full window: row_id and a column per species, 0 or 1, as a submission is laid out."""
    row_ids = soundscape_row_ids(plans)
    labels = pd.DataFrame(0, index=range(len(row_ids)), columns=sorted(bird.label for bird in species))
    row_of = {split_row_id(row_id): row for row, row_id in enumerate(row_ids)}
    for plan in plans:
        for call in plan.calls:
            for end in range(WINDOW_SECONDS, plan.seconds + 1, WINDOW_SECONDS):
                heard = min(call.end, end) - max(call.start, end - WINDOW_SECONDS)
                if heard >= _AUDIBLE_SECONDS:
                    labels.loc[row_of[plan.stem, end], call.species.label] = 1
    labels.insert(0, ROW_ID, row_ids)
    return labels


def soundscape_row_ids(plans: Sequence[Soundscape]) -> list[str]:
    """The row ids of all full windows, soundscape by soundscape."""
    return [f"{plan.stem}_{end}" for plan in plans for end in range(WINDOW_SECONDS, plan.seconds + 1, WINDOW_SECONDS)]


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


def _plan(
    stem: str, seed: tuple[int, ...], number: int, species: Sequence[Species], count: int, seconds: int
) -> Soundscape:
    random = np.random.default_rng(seed)
    calls: list[Call] = []
    for position, one in enumerate(species):
        at_home = number in (position % count, (position + 1) % count)  # so that no species is all but absent
        if not at_home and random.random() < 0.5:
            continue
        for _ in range(max(1, random.poisson(seconds / 60))):
            calls += _bout(one, seconds, calls, random)
    calls.sort(key=lambda call: (call.start, call.species.label))
    return Soundscape(stem, seconds, tuple(calls), seed)


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
