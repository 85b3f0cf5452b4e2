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
    attached: dict[str, set[str]] = {"competition": set(), "dataset": set(), "kernel": set(), "model": set()}
    for source in kernel.attached:
        attached[source.kind].add(source.identity(project.owner_or_placeholder))
    metadata: dict[str, Any] = {
        "code_file": f"{kernel.name}.ipynb",
        "enable_gpu": kernel.gpu,
        "enable_internet": kernel.internet,
        "enable_tpu": False,
        "id": f"{project.owner_or_placeholder}/{kernel.slug}",
        "is_private": kernel.private,
        "kernel_type": "notebook",
        "keywords": list(kernel.keywords),
        "language": "python",
        "title": kernel.title,
        **{f"{kind}_sources": sorted(identities) for kind, identities in attached.items()},
    }
    # The client refuses an empty pinning type, and an absent shape or image means Kaggle's own choice.
    for key in ("machine_shape", "docker_image", "docker_image_pinning_type"):
        if value := getattr(kernel, key):
            metadata[key] = value
    return metadata


def _shape_problem(kernel: Kernel) -> str:
    """Why Kaggle would refuse the kernel's machine, or give it another one in silence; "" if it does neither."""
    shape = kernel.machine_shape or ""
    if shape.lower().startswith("tpu"):
        return "is a TPU, for which a pushed kernel gets no TPU image; leave it out, or choose a GPU"
    if shape and shape not in _GPUS:
        return _REFUSED.get(shape, f"does not exist; write {' or '.join(_GPUS)}")
    if shape and not kernel.gpu:
        return "is a GPU, but gpu is not true; write gpu = true, or leave machine_shape out"
    return ""
