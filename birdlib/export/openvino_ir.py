"""Export: a torch model becomes an OpenVINO IR, checked against torch on real audio."""

import os
import re
import statistics
import time
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from scipy.special import expit

from birdlib.errors import BirdlibError
from birdlib.inference.requests import Requests, the_core, usable_cores
from birdlib.models.architectures import BirdModel
from birdlib.models.scaled_convolutions import plain_convolutions
from birdlib.weights.manifest import sha256

# The largest difference in probability from torch that an IR may show, by precision of its weights.
PARITY_BOUNDS = {"f32": 1e-4, "f16": 5e-3}
BATCH = 4  # windows of one request


def export_ir(
    model: BirdModel, mels: torch.Tensor, folder: Path, name: str, precision: str
) -> tuple[dict[str, str], float]:
    """Write ``folder/name.xml`` and ``.bin``, unless their probabilities differ from torch's.

    The IR takes float32 [batch, 1, n_mels, frames] with any batch and gives float32 logits [batch, classes].

    Args:
        mels: mel spectrograms of real audio, float32 [windows, 1, n_mels, frames]: the measure of parity.
        precision: of the stored weights, "f32" or "f16".

    Returns:
        SHA-256 by file name, and the largest difference in probability.

    Raises:
        BirdlibError: the precision is unknown, or the bound is exceeded; then nothing is written.
    """
    if precision not in PARITY_BOUNDS:
        raise BirdlibError(f"precision {precision!r}: expected one of {sorted(PARITY_BOUNDS)}")
    flush_denormals(model)
    model.eval()
    plain = plain_convolutions(model)
    flush_denormals(plain)
    with torch.no_grad():
        expected = torch.cat([model.scores(batch) for batch in mels.split(8)]).sigmoid().numpy()
        graph = ov.convert_model(Scores(plain), example_input=mels[:2], input=[-1, *mels.shape[1:]])
    graph.inputs[0].get_tensor().set_names({"mel"})
    graph.outputs[0].get_tensor().set_names({"logits"})
    settle_names(graph, name)

    drafts = folder / f".{name}.part"
    drafts.mkdir(parents=True, exist_ok=True)
    draft = drafts / f"{name}.xml"
    ov.save_model(graph, draft, compress_to_fp16=precision == "f16")
    difference = float(np.abs(probabilities(draft, mels.numpy()) - expected).max())
    files = [draft, draft.with_suffix(".bin")]
    if not difference <= PARITY_BOUNDS[precision]:
        for file in files:
            file.unlink()
        drafts.rmdir()
        raise BirdlibError(
            f"{name}: the IR's probabilities differ from torch's by {difference:.1e} on real audio, more than "
            f"{PARITY_BOUNDS[precision]:.0e} ({precision} weights); nothing was written"
        )
    for file in files:
        os.replace(file, folder / file.name)
    drafts.rmdir()
    return {file.name: sha256(folder / file.name) for file in files}, difference


class Scores(torch.nn.Module):
    """What a submission needs of a model."""

    def __init__(self, model: BirdModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        return self.model.scores(mel)


def settle_names(graph: ov.Model, name: str) -> None:
    """Name a graph, and number its layers by their order, in place.

    OpenVINO numbers them by what else the process has made, so that the same model would never give the same bytes.
    """
    graph.set_friendly_name(name)
    for place, layer in enumerate(graph.get_ordered_ops()):
        if numbered := re.fullmatch(r"([A-Za-z]+)[._]\d+", layer.get_friendly_name()):
            layer.set_friendly_name(f"{numbered[1]}.{place}")


def flush_denormals(model: torch.nn.Module) -> int:
    """Set weights too small for normal float32 to zero, in place: they slow CPUs down many times over.

    Returns:
        How many there were.
    """
    smallest = torch.finfo(torch.float32).tiny
    integers = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    flushed = 0
    with torch.no_grad():
        for values in (*model.parameters(), *model.buffers()):
            if values.is_floating_point():
                # By their bits: OpenVINO may have set this thread to take them for zeros already.
                not_zero = values.view(integers[values.element_size()]) * 2 != 0
                tiny = (values.abs() < smallest) & not_zero
                flushed += int(tiny.sum())
                values[tiny] = 0.0
    return flushed


def seconds_per_window(xml: Path, mels: np.ndarray, seconds: float = 1.0) -> float:
    """Wall time of one window with all cores busy, over about the given time, after a first warm round."""
    requests, batches = _requests(xml, mels), _batches(mels)
    _work(requests, batches, 0.0)
    done, _, wall = _work(requests, batches, seconds)
    return wall / done


def speedup(before: Path, after: Path, mels: np.ndarray, seconds: float = 0.5, rounds: int = 5) -> float:
    """Windows per CPU second of one IR over those of another, the median of rounds in turns.

    CPU time, since other work on the machine would tell more about itself than about the models.

    Args:
        mels: of real audio, float32 [windows, 1, n_mels, frames].
        seconds: of each round, for each of the two.
    """
    both, batches = [_requests(before, mels), _requests(after, mels)], _batches(mels)
    ratios = []
    for round_ in range(rounds + 1):
        (slow, slow_cpu, _), (fast, fast_cpu, _) = (_work(model, batches, seconds * (round_ > 0)) for model in both)
        ratios.append(fast / fast_cpu / (slow / slow_cpu))
    return statistics.median(ratios[1:])  # in the first one memory is allocated


def probabilities(xml: Path, mels: np.ndarray) -> np.ndarray:
    """What an IR hears: float64 [windows, classes], of mels float32 [windows, 1, n_mels, frames]."""
    requests, logits = _requests(xml, mels), []
    for batch in _batches(mels):
        requests.start(batch, lambda some: logits.append(some.astype(np.float64)))
    requests.finish()
    return expit(np.concatenate(logits)[: len(mels)])


def read_unmapped(xml: Path) -> ov.Model:
    """The graph of an IR whose files may be moved or replaced meanwhile: nothing is mapped from them."""
    return the_core().read_model(xml, config={"ENABLE_MMAP": False})


def _requests(xml: Path, mels: np.ndarray) -> Requests:
    """Of an IR compiled as a submission does it: static batches, a stream for each core."""
    graph = read_unmapped(xml)
    graph.reshape([BATCH, *mels.shape[1:]])
    return Requests(graph, precision="f32", streams=usable_cores())


def _batches(mels: np.ndarray) -> np.ndarray:
    """float32 [batches, BATCH, 1, n_mels, frames], some windows twice where there are too few."""
    count = -(-len(mels) // BATCH)
    return np.resize(mels, (count, BATCH, *mels.shape[1:]))


def _work(requests: Requests, batches: np.ndarray, seconds: float) -> tuple[int, float, float]:
    """Windows done in about the given time, once all batches at least; CPU seconds; wall seconds."""
    done, cpu, wall = 0, time.process_time(), time.perf_counter()
    while not done or time.perf_counter() - wall < seconds:
        for batch in batches:
            requests.start(batch, lambda logits: None)
        requests.finish()
        done += BATCH * len(batches)
    return done, time.process_time() - cpu, time.perf_counter() - wall
