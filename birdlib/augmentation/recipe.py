"""The augmentations of a recipe, in its order and with its probabilities."""

from dataclasses import MISSING, dataclass, fields

import torch

from birdlib.augmentation.batch import Batch
from birdlib.augmentation.mels import CutMix, MixUp
from birdlib.augmentation.parameters import checked_number
from birdlib.augmentation.waves import ConcatMix, SumIx, SumUp
from birdlib.errors import BirdlibError

WaveMixing = SumUp | SumIx | ConcatMix
MelMixing = MixUp | CutMix
WAVE_MIXINGS = {mixing.name: mixing for mixing in (SumUp, SumIx, ConcatMix)}
MEL_MIXINGS = {mixing.name: mixing for mixing in (MixUp, CutMix)}


@dataclass(frozen=True)
class Step:
    """One augmentation and the probability that a batch, as a whole, goes through it."""

    mixing: WaveMixing | MelMixing
    p: float


class Augmentation:
    """Steps on whole batches, first those on waves, then those on mel spectrograms.

    Args:
        steps: tables with ``name``, ``p`` (the probability that a batch as a whole goes through the step) and the
            parameters of the augmentation, as ``{"name": "mixup", "p": 1.0, "alpha": 1.5}``.

    Raises:
        BirdlibError: a name or parameter is unknown, missing or out of range, or a step on mels stands before one on
            waves.
    """

    def __init__(self, steps: list[dict]) -> None:
        self.wave_steps: list[Step] = []
        self.mel_steps: list[Step] = []
        for number, table in enumerate(steps, 1):
            step = _step(table, f"augmentation, step {number}")
            if step.mixing.name in MEL_MIXINGS:
                self.mel_steps.append(step)
            elif self.mel_steps:
                raise BirdlibError(
                    f"augmentation, step {number}: {step.mixing.name} mixes waves and cannot come after "
                    f"{self.mel_steps[-1].mixing.name}, which mixes mel spectrograms; put it before"
                )
            else:
                self.wave_steps.append(step)

    def waves(self, batch: Batch, generator: torch.Generator, decisions: torch.Generator | None = None) -> Batch:
        """The steps on waves, float [batch, samples]; clips are twice as long where ``parts`` comes back doubled.

        Args:
            generator: of partners and coefficients; on the CPU, whatever the batch's device.
            decisions: of whether each step happens, one that processes share so that none waits while another's
                clips are twice as long; None for ``generator``.
        """
        _check_axes(batch, 2, "waves [batch, samples]")
        return _through(self.wave_steps, batch, generator, decisions or generator)

    def mels(self, batch: Batch, generator: torch.Generator, decisions: torch.Generator | None = None) -> Batch:
        """The steps on mel spectrograms, float [batch, 1, n_mels, frames] (the frames of all parts of a clip)."""
        _check_axes(batch, 4, "mel spectrograms [batch, 1, n_mels, frames]")
        return _through(self.mel_steps, batch, generator, decisions or generator)


def mixed(mixing: WaveMixing | MelMixing, batch: Batch, generator: torch.Generator) -> tuple[Batch, torch.Tensor]:
    """The batch after one augmentation, and each clip's partner in it, int64 [batch]."""
    if generator.device.type != "cpu":
        raise BirdlibError(f"augmentation: the generator is on {generator.device}; every device draws from a CPU's")
    drawn = mixing.draw(batch, generator)
    on_device = {name: values.to(batch.input.device, non_blocking=True) for name, values in drawn.items()}
    return mixing.mix(batch, **on_device), drawn["partner"]


def _through(steps: list[Step], batch: Batch, generator: torch.Generator, decisions: torch.Generator) -> Batch:
    for step in steps:
        if torch.rand((), generator=decisions).item() < step.p:
            batch, _ = mixed(step.mixing, batch, generator)
    return batch


def _check_axes(batch: Batch, axes: int, expected: str) -> None:
    if batch.input.dim() != axes:
        raise BirdlibError(f"augmentation: input {list(batch.input.shape)}; expected {expected}")


def _step(table: dict, where: str) -> Step:
    if not isinstance(table, dict) or "name" not in table:
        raise BirdlibError(f'{where}: {table!r}; expected a table as {{"name": "mixup", "p": 1.0, "alpha": 1.5}}')
    known = WAVE_MIXINGS | MEL_MIXINGS
    name = table["name"]
    if not isinstance(name, str) or name not in known:
        raise BirdlibError(f"{where}: unknown name {name!r}; expected one of {sorted(known)}")
    parameters = {key: value for key, value in table.items() if key not in ("name", "p")}
    allowed = {field.name: field.default is MISSING for field in fields(known[name])}
    if unknown := sorted(set(parameters) - set(allowed)):
        raise BirdlibError(f"{where}: {name} has no parameter {unknown[0]!r}; expected {['p', *allowed]}")
    needed = ["p", *(key for key, required in allowed.items() if required)]
    if missing := [key for key in needed if key not in table]:
        raise BirdlibError(f"{where}: {name} needs {missing[0]!r}; add it")
    return Step(known[name](**parameters), checked_number(name, "p", table["p"], 0, 1))
