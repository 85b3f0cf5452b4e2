"""Kernels on Kaggle: a version is pushed where something changed, once, and every refusal is an error."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.nodes import notebook_text
from kernelgen.publishing.client import Kaggle
from kernelgen.publishing.datasets import same_identity
from kernelgen.publishing.records import PushedKernel, read_pushed, write_pushed
from kernelgen.rendering.built import BuiltKernel

# Lists of a reply that name what was left out, and what to do about each.
_LEFT_OUT = {
    "invalid_dataset_sources": ("dataset", "push or share it first"),
    "invalid_competition_sources": ("competition", "correct its slug, and accept its rules"),
    "invalid_kernel_sources": ("kernel", "push it first and let it finish"),
    "invalid_model_sources": ("model", "correct its name and version, and accept its licence"),
    "invalid_tags": ("keyword", "remove it from the recipe"),
}


class SessionsFull(KernelgenError):
    """As many of the user's kernels run already as Kaggle allows at once."""


def push(
    kaggle: Kaggle,
    built: BuiltKernel,
    out: Path,
    attached: dict[str, int],
    *,
    again: bool,
    say: Callable[[str], None],
) -> PushedKernel:
    """Pushes a version of the kernel, unless its last one has the same notebook, metadata and inputs.

    Args:
        attached: the versions of our own datasets and kernels that it will be given.
        again: push it in any case.

    Raises:
        KernelgenError: Kaggle refused it, or took it without something that it needs.
    """
    name, identity = built.kernel.name, built.metadata["id"]
    text = notebook_text(built.notebook)
    digest = hashlib.sha256(text.encode()).hexdigest()
    there = kaggle.kernel(identity)
    before = read_pushed(out, name, identity)
    same = before is not None and (before.notebook_sha256, before.metadata, before.attached) == (
        digest,
        built.metadata,
        attached,
    )
    if same and not again and (there is None or there.version in (None, before.version)):
        run = kaggle.run(identity, before.version)
        if run is not None and not (run.is_over and not run.is_complete):
            say(f"kernel {identity}: unchanged, version {before.version} is {run.status}")
            return before
    answer = _save(kaggle, identity, built.metadata, text, (there.version or 0) if there else 0)
    pushed = PushedKernel(identity, answer.version_number or 0, answer.url, digest, built.metadata, attached)
    _check(answer, pushed)
    if not pushed.version and (now := kaggle.kernel(identity)):
        pushed = PushedKernel(identity, now.version or 0, answer.url, digest, built.metadata, attached)
    write_pushed(out, name, pushed, text)
    say(f"kernel {identity}: pushed version {pushed.version}, {answer.url}")
    return pushed


def _save(kaggle: Kaggle, identity: str, metadata: dict[str, Any], text: str, before: int) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest, ApiSaveKernelResponse

    request = ApiSaveKernelRequest()
    request.slug = identity
    request.new_title = metadata["title"]
    request.text = text
    request.language = metadata["language"]
    request.kernel_type = metadata["kernel_type"]
    request.is_private = metadata["is_private"]
    request.enable_gpu = metadata["enable_gpu"]
    request.enable_tpu = metadata["enable_tpu"]
    request.enable_internet = metadata["enable_internet"]
    request.dataset_data_sources = metadata["dataset_sources"]
    request.competition_data_sources = metadata["competition_sources"]
    request.kernel_data_sources = metadata["kernel_sources"]
    request.model_data_sources = metadata["model_sources"]
    request.category_ids = metadata["keywords"]
    for key in ("machine_shape", "docker_image", "docker_image_pinning_type"):
        if key in metadata:
            setattr(request, key, metadata[key])

    def arrived() -> ApiSaveKernelResponse | None:
        # Pushed twice, it would run twice, and a GPU's hours are counted.
        now = kaggle.kernel(identity)
        if now is None or (now.version or 0) <= before or now.source != text:
            return None
        answer = ApiSaveKernelResponse()
        answer.version_number, answer.ref = now.version, identity
        answer.url = f"https://www.kaggle.com/code/{identity}"
        return answer

    return kaggle.ask(
        f"kernel {identity}",
        lambda client: client.kernels.kernels_api_client.save_kernel(request),
        arrived=arrived,
    )


def _check(answer: Any, pushed: PushedKernel) -> None:
    """Raises for everything in a reply that is not a plain yes."""
    identity = pushed.identity
    if answer.error and re.search(r"maximum .*session", answer.error, re.IGNORECASE):
        raise SessionsFull(f"kernel {identity}: Kaggle refused it: {answer.error.rstrip('.')}; push it again later")
    if answer.error:
        raise KernelgenError(f"kernel {identity}: Kaggle refused it: {answer.error.rstrip('.')}; correct that")
    problems = []
    for key, (kind, advice) in _LEFT_OUT.items():
        if left_out := getattr(answer, key):
            problems.append(
                f"kernel {identity}: version {pushed.version} was pushed without its {kind} {', '.join(left_out)}; "
                f"{advice}, then push again"
            )
    if answer.ref and not same_identity(answer.ref, identity):
        problems.append(
            f"kernel {identity}: Kaggle saved it as {answer.ref.strip('/')}; give it a title that makes its slug, and "
            "delete that one"
        )
    if problems:
        raise KernelgenError("\n".join(problems))
