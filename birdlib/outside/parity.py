"""Parity: an outside model has to give on this machine what it gave when its output was stored.

The first inference of a new shape has been seen to give unfilled memory, without a word. So the model is warmed up, and
then its outputs for a synthetic wave are compared with stored ones.
"""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from birdlib.errors import BirdlibError
from birdlib.outside.outside_model import OutsideModel

KEPT = 12  # numbers of each output that are stored, spread evenly over it
TOLERANCE = 0.01  # other processors round otherwise, which changes logits by some 1e-4
_TIMED = 16


def check_wave(model: OutsideModel) -> np.ndarray:
    """The wave that parity is checked on: rising and falling whistles, float32 [samples] in [-1, 1]."""
    time_axis = np.arange(model.samples) / model.sample_rate
    wave = np.zeros(model.samples)
    for number, (start, rise) in enumerate(((2000, 700), (3500, -400), (5200, 150))):
        syllables = np.clip(np.sin(2 * np.pi * (number + 2) * time_axis), 0, None)
        wave += 0.2 * syllables * np.sin(2 * np.pi * (start + 0.5 * rise * time_axis) * time_axis)
    return wave.astype(np.float32)


def outputs_to_store(model: OutsideModel) -> dict[str, list[float]]:
    """Some numbers of each output for ``check_wave``, as a recipe stores them; {} keeps what a model does not give."""
    wave = check_wave(model)[None]
    model.predict(wave)  # warms up
    outputs = model.predict(wave)._asdict()
    return {
        name: [round(float(values[0, place]), 4) for place in _places(values.shape[1])]
        for name, values in outputs.items()
        if values.shape[1]
    }


def check_parity(model: OutsideModel, stored: Mapping[str, Sequence[float]]) -> str:
    """Compare the model's outputs with stored ones.

    Args:
        stored: by the name of the output, as ``outputs_to_store`` gives them.

    Returns:
        One line: how far apart they are; or, where nothing is stored, what to store.

    Raises:
        BirdlibError: they differ by more than ``TOLERANCE``, or are of another shape.
    """
    given = outputs_to_store(model)
    if not stored:
        return f"{model.name}: no stored outputs to compare with; write into the recipe: parity = {_toml(given)}"
    if {name: len(values) for name, values in stored.items()} != {name: len(values) for name, values in given.items()}:
        raise BirdlibError(f"{model.name}: parity stores {_shapes(stored)}, the model gives {_shapes(given)}")
    apart = {name: float(np.abs(np.subtract(given[name], values)).max()) for name, values in stored.items()}
    told = ", ".join(f"{name} by {difference:.1e} at most" for name, difference in apart.items())
    if not max(apart.values()) <= TOLERANCE:
        raise BirdlibError(
            f"{model.name}: differs from its stored outputs: {told} (allowed is {TOLERANCE}); the model's file, its "
            "runtime or this machine is another one: do not use its scores"
        )
    return f"{model.name}: compared with its stored outputs after a warm-up: differs in {told}"


def seconds_per_window(model: OutsideModel) -> float:
    """Wall time of one window on this machine, all cores busy with it."""
    waves = np.repeat(check_wave(model)[None], _TIMED, axis=0)
    model.predict(waves[:4])
    started = time.perf_counter()
    model.predict(waves)
    return (time.perf_counter() - started) / _TIMED


def _places(size: int) -> list[int]:
    return np.linspace(0, size - 1, min(size, KEPT)).astype(int).tolist()


def _shapes(stored: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{len(values)} numbers of {name}" for name, values in stored.items())


def _toml(stored: Mapping[str, Sequence[float]]) -> str:
    return "{ " + ", ".join(f"{name} = {values}" for name, values in stored.items()) + " }"
