"""Export: a torch model becomes an OpenVINO IR, checked against torch on real audio."""

import os
import time
from pathlib import Path

import numpy as np
import openvino as ov
import torch

from birdlib.errors import BirdlibError
from birdlib.models.architectures import BirdModel
from birdlib.models.scaled_convolutions import plain_convolutions
from birdlib.weights.manifest import sha256

# The largest difference in probability from torch that an IR may show, by precision of its weights.
PARITY_BOUNDS = {"f32": 1e-4, "f16": 5e-3}


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
        expected = torch.cat([model(batch) for batch in mels.split(8)]).sigmoid().numpy()
        graph = ov.convert_model(plain, example_input=mels[:2], input=[-1, *mels.shape[1:]])
    graph.inputs[0].get_tensor().set_names({"mel"})
    graph.outputs[0].get_tensor().set_names({"logits"})

    drafts = folder / f".{name}.part"
    drafts.mkdir(parents=True, exist_ok=True)
    draft = drafts / f"{name}.xml"
    ov.save_model(graph, draft, compress_to_fp16=precision == "f16")
    difference = float(np.abs(_probabilities(draft, mels.numpy()) - expected).max())
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
    compiled = ov.Core().compile_model(
        xml, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    )
    queue = ov.AsyncInferQueue(compiled)
    batches = [mels[start : start + 4] for start in range(0, len(mels), 4)]
    done, started = 0, time.perf_counter()
    for timed in (False, True):
        done, started = 0, time.perf_counter()
        while not done or (timed and time.perf_counter() - started < seconds):
            for batch in batches:
                queue.start_async({0: batch})
                done += len(batch)
            queue.wait_all()
    return (time.perf_counter() - started) / done


def _probabilities(xml: Path, mels: np.ndarray) -> np.ndarray:
    core = ov.Core()
    # The graph stays in memory until its files have been moved: nothing may be mapped from them.
    core.set_property({"ENABLE_MMAP": False})
    compiled = core.compile_model(xml, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    logits = np.concatenate([compiled({0: mels[start : start + 8]})[0] for start in range(0, len(mels), 8)])
    return 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
