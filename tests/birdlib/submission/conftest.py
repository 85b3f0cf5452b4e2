"""A small ensemble and small soundscapes for the tests of the submission."""

import numpy as np
import openvino as ov
import pytest
import soundfile
import torch

from birdlib.frontend.mel import FrontEnd
from birdlib.submission.run import Run
from birdlib.weights.manifest import ModelEntry, sha256, write_manifest

FRONT_END = FrontEnd(32000, 5, 1024, 1024, 32, 50, 14000)
COARSE = FrontEnd(32000, 5, 1024, 1024, 16, 50, 14000)
CLASSES = tuple("abcdef")


def small_model(seed, channels=8, n_classes=6):
    """A network of one convolution, float32 [batch, 1, n_mels, frames] to logits [batch, classes]."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, channels, 5, 4),
        torch.nn.SiLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(channels, n_classes),
    ).eval()
    with torch.no_grad():
        model[-1].weight *= 5
    return model


_CONVERTED = {}


def save_ir(model, front_end, xml):
    """Write a model's IR; a model that was converted before is not converted again, which takes half a second."""
    key = repr(model), front_end, tuple(values.numpy().tobytes() for values in model.state_dict().values())
    if key not in _CONVERTED:
        example = torch.zeros(2, *front_end.shape)
        graph = ov.convert_model(model, example_input=example, input=[-1, *front_end.shape])
        ov.save_model(graph, xml, compress_to_fp16=False)
        _CONVERTED[key] = xml.read_bytes(), xml.with_suffix(".bin").read_bytes()
    for suffix, content in zip((".xml", ".bin"), _CONVERTED[key], strict=True):
        xml.with_suffix(suffix).write_bytes(content)


def write_weights(folder, models, classes=CLASSES, front_end=FRONT_END):
    """models: {name: (torch model, score)}; returns the weight dataset's folder."""
    folder.mkdir(exist_ok=True)
    entries = []
    for name, (model, score) in models.items():
        save_ir(model, front_end, folder / f"{name}.xml")
        entries.append(
            ModelEntry(
                name=name,
                architecture="small",
                front_end=front_end,
                classes=tuple(classes),
                precision="f32",
                files={file: sha256(folder / file) for file in (f"{name}.xml", f"{name}.bin")},
                seed=1,
                fold=0,
                score=score,
                score_name="out-of-fold",
                seconds_per_window=0.01,
                parity=0.0,
                recipe={},
                commit="c0ffee",
            )
        )
    write_manifest(folder, entries)
    return folder


def write_soundscape(path, seconds, seed):
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * 32000)) / 32000
    tone = np.sin(2 * np.pi * np.repeat(random.uniform(500, 9000, int(seconds) + 1), 32000)[: len(time)] * time)
    with soundfile.SoundFile(path, "w", 32000, 1) as file:
        wave = 0.3 * tone + random.normal(0, 0.05, len(time))
        for start in range(0, len(wave), 32000):
            file.write(wave[start : start + 32000])


@pytest.fixture
def competition(tmp_path):
    """Three soundscapes of half a minute, every full window asked for, in an order of its own."""
    folder = tmp_path / "competition"
    (folder / "test_soundscapes").mkdir(parents=True)
    rows = []
    for number in range(3):
        write_soundscape(folder / "test_soundscapes" / f"soundscape_{number}.ogg", 30, number)
        rows += [f"soundscape_{number}_{end}" for end in range(5, 31, 5)]
    rows = rows[::-1]
    lines = ["row_id," + ",".join(CLASSES)] + [row + ",0.5" * len(CLASSES) for row in rows]
    (folder / "sample_submission.csv").write_text("\n".join(lines) + "\n")
    return folder


class SteppedRun(Run):
    """A run whose clock moves only when a test moves it."""

    now = 0.0
    closing_seconds = 0.0

    def elapsed(self):
        return self.now


@pytest.fixture
def run():
    run = SteppedRun()
    run.set_limit(60, 0.0)
    return run
