"""A training step on a batch that stays on the device, and how much of it benchmarks/gpu.py measures."""

import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from timm.utils import ModelEmaV3
from trainings import front_end_of

from birdlib.models.architectures import build_model
from birdlib.training.optimiser import build_optimiser
from birdlib.training.precision import capability_here, mixed_precision

ROOT = Path(__file__).resolve().parents[1]
CLASSES = 264
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16, "no": None}


@dataclass(frozen=True)
class Scale:
    """How much is measured. settings: of the kernel `train`, with those changed that a single card needs."""

    architectures: tuple[str, ...]
    settings: dict
    seconds: float  # of one measurement
    precisions: tuple[str, ...]
    workers: tuple[int, ...]

    @property
    def batch(self) -> int:
        """Clips that the device holds at a time."""
        return self.settings["device_batch"]


def scale_of(tiny: bool) -> Scale:
    """The recipe's sizes, or ones that a CPU carries in seconds."""
    recipe = tomllib.loads((ROOT / "kernel_templates" / "kernels.toml").read_text(encoding="utf-8"))
    settings = recipe["settings"] | recipe["kernels"]["train"]["settings"] | {"start": {"name": "random"}}
    if not tiny:
        settings |= {"batch_size": settings["device_batch"]}
        return Scale(("rexnet150", "efficientnet-b2"), settings, 3.0, ("bf16", "fp16"), (2, 4, 8))
    small = {"architecture": "test_resnet", "n_mels": 32, "hop_length": 2048, "batch_size": 4, "device_batch": 4}
    return Scale(("test_resnet",), settings | small | {"drop_path": 0.0}, 0.3, ("bf16",), (0, 1))


def resident_step(
    architecture: str, scale: Scale, precision: str, *, channels_last: bool, batch: int, parts: int = 1
) -> Callable[[], None]:
    """A training step on mel spectrograms that stay on the device: forward, backward, AdamW, average."""
    front_end = front_end_of(scale.settings)
    form = torch.channels_last if channels_last else torch.contiguous_format
    head = scale.settings["head"]
    model = build_model(architecture, head, CLASSES, drop_path=scale.settings["drop_path"]).to(
        DEVICE, memory_format=form
    )
    optimiser = build_optimiser(model.train(), learning_rate=1e-3, weight_decay=1e-2, betas=[0.9, 0.999])
    average = ModelEmaV3(model, decay=0.999)
    scaler = torch.amp.GradScaler(DEVICE.type, enabled=precision == "fp16")
    mels = torch.randn(batch, 1, front_end.n_mels, parts * front_end.frames, device=DEVICE)
    targets = torch.rand(batch, CLASSES, device=DEVICE).round()

    def step() -> None:
        with torch.autocast(DEVICE.type, AUTOCAST[precision], enabled=AUTOCAST[precision] is not None):
            logits = model(mels, parts).logits
        scaler.scale(F.binary_cross_entropy_with_logits(logits.float(), targets)).backward()
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad()
        average.update(model)

    step.model = model
    return step


def per_second(step: Callable[[], object], seconds: float) -> float:
    """Steps per second, after three that are not counted."""
    for _ in range(3):
        step()
    settle()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        count += 1
        if count % 5 == 0:
            settle()
    settle()
    return count / (time.perf_counter() - started)


def settle() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def best_precision() -> str:
    """What the recipe's "auto" chooses."""
    return mixed_precision("auto", capability_here())
