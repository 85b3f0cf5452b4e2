"""kernel-metadata.json: every key written out, so that no default of Kaggle's client decides."""

from __future__ import annotations

from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.recipe.project import RECIPE, Kernel, Project

# As Kaggle's client documents them (docs/kernels.md, 2026-09). Some need a competition or a quota of their own.
_GPUS = ("NvidiaTeslaT4", "NvidiaL4", "NvidiaL4X1", "NvidiaTeslaA100", "NvidiaH100", "NvidiaRtxPro6000")
_T4 = 'write "NvidiaTeslaT4", which is two T4s'
# Shapes that people ask for and Kaggle does not give, with the reason.
_REFUSED = {
    "NvidiaTeslaP100": f"is retired; {_T4}",
    "NvidiaTeslaT4Highmem": f"is for Kaggle's own use; {_T4}",
    "NvidiaTeslaT4x2": f"does not exist; {_T4}",
    "None": "is no machine; leave machine_shape out",
}


def kernel_metadata(project: Project, kernel: Kernel) -> dict[str, Any]:
    """What `kaggle kernels push` reads beside the notebook.

    Raises:
        KernelgenError: for a machine that Kaggle does not have.
    """
    if problem := _shape_problem(kernel):
        raise KernelgenError(
            f'{RECIPE}: [kernels.{kernel.family or kernel.name}] machine_shape: "{kernel.machine_shape}" {problem}'
        )
    owner = project.owner_or_placeholder

    def attached(kind: str) -> list[str]:
        return sorted({source.identity(owner) for source in kernel.attached if source.kind == kind})

    metadata: dict[str, Any] = {
        "code_file": f"{kernel.name}.ipynb",
        "competition_sources": attached("competition"),
        "dataset_sources": attached("dataset"),
        "enable_gpu": kernel.gpu,
        "enable_internet": kernel.internet,
        "enable_tpu": False,
        "id": f"{owner}/{kernel.slug}",
        "is_private": kernel.private,
        "kernel_sources": attached("kernel"),
        "kernel_type": "notebook",
        "keywords": list(kernel.keywords),
        "language": "python",
        "model_sources": attached("model"),
        "title": kernel.title,
    }
    # The client refuses an empty pinning type, and an absent shape or image means Kaggle's own choice.
    for key in ("machine_shape", "docker_image", "docker_image_pinning_type"):
        if value := getattr(kernel, key):
            metadata[key] = value
    return metadata


def _shape_problem(kernel: Kernel) -> str | None:
    """Why Kaggle would refuse the kernel's machine, or give it another one in silence."""
    shape = kernel.machine_shape
    if not shape:
        return None
    if shape in _REFUSED:
        return _REFUSED[shape]
    if shape.lower().startswith("tpu"):
        return "is a TPU, for which a pushed kernel gets no TPU image; leave it out, or choose a GPU"
    if shape not in _GPUS:
        hint = next((gpu for gpu in _GPUS if gpu.lower() == shape.lower()), None)
        return f"does not exist; write {hint or ' or '.join(_GPUS)}"
    if not kernel.gpu:
        return "is a GPU, but gpu is not true; write gpu = true, or leave machine_shape out"
    return None
