#!/usr/bin/env python3
"""One contestant of benchmarks/submission.py in a process of its own: the bare loop, or what most notebooks do.

    python benchmarks/usual_notebooks.py FOLDER CONTESTANT SOUNDSCAPES RESULT.json

The notebooks are written as they are usually written, and fairly: recording after recording, each decoded once, a
mel spectrogram of librosa for each window, then all models one after another in batches of a dozen, on all cores.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # eager models are pickled with their classes' names

BATCH = 12
Model = Callable[[np.ndarray], np.ndarray]


def clock() -> np.ndarray:
    """Wall and CPU seconds, of which differences mean something."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([time.perf_counter(), used.ru_utime + used.ru_stime])


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


# ---------------------------------------------------------------- what most notebooks do


def librosa_mel(wave: np.ndarray, front_end: dict) -> np.ndarray:
    """One window as the models were trained on it: float32 [1, n_mels, frames]."""
    import librosa

    mel = librosa.feature.melspectrogram(
        y=wave,
        sr=front_end["sample_rate"],
        n_fft=front_end["n_fft"],
        hop_length=front_end["hop_length"],
        n_mels=front_end["n_mels"],
        fmin=front_end["f_min"],
        fmax=front_end["f_max"],
        pad_mode="constant",
    )
    decibels = librosa.power_to_db(mel, ref=1.0, top_db=80)
    return ((decibels - decibels.mean()) / (decibels.std() + 1e-3)).astype(np.float32)[None]


def run_notebook(models: list[Model], soundscapes: list[Path], front_end: dict) -> np.ndarray:
    """Recording after recording; the mean probability of all models, float32 [windows, classes]."""
    import soundfile

    rate = front_end["sample_rate"]
    size = int(rate * front_end["window_seconds"])
    rows = []
    for path in soundscapes:
        wave, _ = soundfile.read(str(path), dtype="float32")
        windows = [wave[start : start + size] for start in range(0, len(wave) - size + 1, size)]
        mels = np.stack([librosa_mel(window, front_end) for window in windows])
        scores = []
        for model in models:
            logits = [model(mels[start : start + BATCH]) for start in range(0, len(mels), BATCH)]
            scores.append(sigmoid(np.concatenate(logits)))
        rows.append(np.mean(scores, axis=0))
    return np.concatenate(rows)


def openvino_models(folder: Path, names: list[str]) -> list[Model]:
    from birdlib.inference.requests import compile_for_cpu

    # In f32 as the others compute: in bf16, the default of processors that have it, scores differ by up to 0.004.
    compiled = [compile_for_cpu(folder / "weights" / f"{name}.xml", "f32") for name in names]
    return [lambda mels, one=one: one(mels)[0] for one in compiled]


def onnxruntime_models(folder: Path, names: list[str]) -> list[Model]:
    import onnxruntime

    sessions = [
        onnxruntime.InferenceSession(folder / "peers" / f"{name}.onnx", providers=["CPUExecutionProvider"])
        for name in names
    ]
    return [lambda mels, one=one: one.run(None, {"mel": mels})[0] for one in sessions]


def torchscript_models(folder: Path, names: list[str]) -> list[Model]:
    import torch

    loaded = (torch.jit.load(str(folder / "peers" / f"{name}.torchscript")).eval() for name in names)
    return [_in_torch(torch.jit.optimize_for_inference(torch.jit.freeze(one))) for one in loaded]


def eager_models(folder: Path, names: list[str]) -> list[Model]:
    import torch

    return [_in_torch(torch.load(folder / "peers" / f"{name}.pt", weights_only=False).eval()) for name in names]


def _in_torch(model) -> Model:
    import torch

    def run(mels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(mels)).numpy()

    return run


LOADERS = {
    "openvino": openvino_models,
    "onnxruntime": onnxruntime_models,
    "torchscript": torchscript_models,
    "eager": eager_models,
}


# ---------------------------------------------------------------- the ceiling


class BareLoop:
    """The same windows through the same IRs, and nothing else: mels in memory, no clock, no file."""

    def __init__(self, folder: Path, names: list[str], shape: tuple[int, ...], streams: int, threads: int, batch: int):
        import openvino as ov

        from birdlib.inference.requests import compile_for_cpu, the_core

        self.batch = batch
        self.queues = []
        for name in names:
            graph = the_core().read_model(folder / f"{name}.xml")
            graph.reshape([batch, *shape])
            settings = {
                "NUM_STREAMS": str(streams),
                "INFERENCE_NUM_THREADS": str(threads),
                "ENABLE_CPU_PINNING": False,
            }
            self.queues.append(ov.AsyncInferQueue(compile_for_cpu(graph, "f32", settings), 2 * streams))

    def run(self, mels: np.ndarray) -> np.ndarray:
        """Logits, float32 [models, windows, classes]; the next model begins before the one before has ended."""
        padded = -len(mels) % self.batch
        mels = np.concatenate([mels, np.zeros((padded, *mels.shape[1:]), np.float32)]) if padded else mels
        logits = [[None] * (len(mels) // self.batch) for _ in self.queues]
        for queue, mine in zip(self.queues, logits, strict=True):
            queue.set_callback(
                lambda request, place, mine=mine: mine.__setitem__(place, request.get_output_tensor(0).data.copy())
            )
            for place in range(len(mine)):
                queue.start_async({0: mels[place * self.batch : (place + 1) * self.batch]}, place)
        for queue in self.queues:
            queue.wait_all()
        return np.stack([np.concatenate(mine) for mine in logits])[:, : len(mels) - padded]


def arrangements(cores: int) -> list[tuple[int, int, int]]:
    """Streams, threads and windows of a batch that may be the best."""
    tried = [(cores, cores, batch) for batch in (1, 4, 12, 24)]
    tried += [(1, cores, batch) for batch in (1, 4, 12)]
    if cores > 3:
        tried += [(cores // 2, cores, batch) for batch in (1, 4, 12)]
    return list(dict.fromkeys(tried))


def try_arrangements(folder: Path, names: list[str], mels: np.ndarray, rounds: int = 6) -> list[dict]:
    """The first model in every arrangement, by turns; the best of the rounds, since other work only slows."""
    cores = len(os.sched_getaffinity(0))
    loops = {one: BareLoop(folder, names[:1], mels.shape[1:], *one) for one in arrangements(cores)}
    taken = {one: [] for one in loops}
    for number in range(rounds + 1):
        for one, loop in loops.items():
            before = clock()
            loop.run(mels)
            if number:  # the first round allocates
                taken[one].append(clock() - before)
    rows = []
    for (streams, threads, batch), spent in taken.items():
        wall, cpu = np.min(spent, axis=0)
        rows.append(
            {
                "streams": streams,
                "threads": threads,
                "windows in a batch": batch,
                "windows per second": len(mels) / wall,
                "CPU seconds per window": cpu / len(mels),
            }
        )
    return rows


# ---------------------------------------------------------------- each model in each runtime


def time_models(folder: Path, architectures: dict[str, str], count: int, rounds: int = 3) -> list[dict]:
    """Every architecture in every runtime by turns, CPU seconds of one window; OpenVINO as this house runs it."""
    mels = np.load(folder / "peers" / "mels.npy")[:count]
    cores = len(os.sched_getaffinity(0))
    rows = []
    for architecture, name in architectures.items():
        runtimes: dict[str, Model] = {
            runtime: load(folder, [name])[0] for runtime, load in LOADERS.items() if runtime != "openvino"
        }
        for runtime, weights in (
            ("openvino", ("weights", "weights-others")),
            ("openvino int8", ("int8", "int8-others")),
        ):
            for room in weights:
                if (folder / room / f"{name}.xml").exists():
                    runtimes[runtime] = BareLoop(folder / room, [name], mels.shape[1:], cores, cores, 4).run
        taken = {runtime: [] for runtime in runtimes}
        for number in range(rounds + 1):
            for runtime, model in runtimes.items():
                # torch takes several times as long, and one batch tells as much of it.
                some = mels[:BATCH] if number == 0 or runtime in ("torchscript", "eager") else mels
                before = clock()
                if runtime.startswith("openvino"):
                    model(some)
                else:
                    for start in range(0, len(some), BATCH):
                        model(some[start : start + BATCH])
                if number:
                    taken[runtime].append((clock() - before) / len(some))
        for runtime, spent in taken.items():
            wall, cpu = np.median(spent, axis=0)
            rows.append(
                {"architecture": architecture, "runtime": runtime, "seconds": wall, "CPU seconds": cpu, "cores": cores}
            )
    return rows


def main() -> None:
    folder, contestant, count, result = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    about = json.loads((folder / "about.json").read_text())
    soundscapes = [Path(path) for path in about["soundscapes"]][:count]
    if contestant == "arrangements":
        mels = np.load(folder / "peers" / "mels.npy")[:48]
        found = {"rows": try_arrangements(folder / "weights", about["names"], mels)}
    elif contestant == "models":
        found = {"rows": time_models(folder, about["architectures"], count=24)}
    else:
        before = clock()
        if contestant == "bare loop":
            mels = np.load(folder / "peers" / "mels.npy")[: count * 120]
            loop = BareLoop(folder / "weights", about["names"], mels.shape[1:], *about["arrangement"])
            loop.run(mels[: 2 * about["arrangement"][0] * about["arrangement"][2]])
            loaded = clock()
            scores = sigmoid(loop.run(mels)).mean(axis=0)
        else:
            models = LOADERS[contestant](folder, about["names"])
            front_end = about["front_end"]
            silence = np.zeros((BATCH, 1, front_end["n_mels"], about["frames"]), np.float32)
            for model in models:
                for _ in range(2):  # torch compiles at the second call
                    model(silence)
            librosa_mel(np.zeros(160_000, np.float32), front_end)
            loaded = clock()
            scores = run_notebook(models, soundscapes, front_end)
        seconds, cpu_seconds = clock() - loaded
        np.save(result.with_suffix(".npy"), scores.astype(np.float32))
        found = {
            "seconds": seconds,
            "CPU seconds": cpu_seconds,
            "windows": len(scores),
            "apart": (loaded - before).tolist(),
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
    result.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
