"""The arithmetic that a device is good at."""

import os

import torch

from birdlib.errors import BirdlibError

PRECISIONS = ("auto", "bf16", "fp16", "fp32")


def mixed_precision(wanted: str, capability: tuple[int, int] | None) -> str:
    """What Accelerate calls it: "bf16", "fp16" or "no".

    "auto" is bf16 where the chip computes it, fp16 with loss scaling on older ones, float32 on a CPU. Torch's own
    ``is_bf16_supported`` says yes on a T4, which only emulates bf16, slowly: the chip's generation decides here.

    Args:
        wanted: one of PRECISIONS.
        capability: of the GPU (``torch.cuda.get_device_capability``), None on a CPU.

    Raises:
        BirdlibError: there is no such precision, or the device does not compute it.
    """
    if wanted not in PRECISIONS:
        raise BirdlibError(f"PRECISION = {wanted!r}: expected one of {', '.join(PRECISIONS)}")
    if wanted == "auto":
        return "no" if capability is None else "bf16" if capability >= (8, 0) else "fp16"
    if wanted == "fp16" and capability is None:
        raise BirdlibError("PRECISION = 'fp16': a CPU trains in float32; say 'auto' or 'fp32'")
    return "no" if wanted == "fp32" else wanted


def capability_here() -> tuple[int, int] | None:
    """Of this process's GPU. Initialises CUDA: only for processes that train."""
    if not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_capability(int(os.environ.get("LOCAL_RANK", "0")))
