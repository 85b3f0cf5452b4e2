"""kernel-metadata.json: every key written out, so that no default of Kaggle's client decides."""

from __future__ import annotations

import json
from typing import Any

from kernelgen.recipe.project import Kernel, Project


def kernel_metadata(project: Project, kernel: Kernel) -> dict[str, Any]:
    """What `kaggle kernels push` reads beside the notebook."""
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


def metadata_text(metadata: dict[str, Any]) -> str:
    """The file's text: sorted, in ASCII."""
    return json.dumps(metadata, indent=2, sort_keys=True, ensure_ascii=True) + "\n"
