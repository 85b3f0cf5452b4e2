"""kernel-metadata.json: every key written out, so that no default of Kaggle's client decides."""

from typing import Any

from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.schema import problem

# As Kaggle's client documents them (docs/kernels.md, 2026-09). Some need a competition or a quota of their own.
_GPUS = ("NvidiaTeslaT4", "NvidiaL4", "NvidiaL4X1", "NvidiaTeslaA100", "NvidiaH100", "NvidiaRtxPro6000")


def kernel_metadata(project: Project, kernel: Kernel) -> dict[str, Any]:
    """What `kaggle kernels push` reads beside the notebook.

    Raises:
        KernelgenError: for a machine that Kaggle does not have.
    """
    shape, place = kernel.machine_shape, f"kernels.{kernel.family}"
    # Kaggle would refuse it, or give another machine in silence.
    if shape and shape not in _GPUS:
        what = f'"{shape}" is no GPU that a pushed kernel can have; write {" or ".join(_GPUS)}, or leave it out'
        raise problem(place, "machine_shape", what)
    if shape and not kernel.gpu:
        what = f'"{shape}" is a GPU, but gpu is not true; write gpu = true, or leave machine_shape out'
        raise problem(place, "machine_shape", what)
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
