"""Kernels on Kaggle: a version is pushed where something changed, once, and every refusal is an error."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelgen.built import BuiltKernel
from kernelgen.errors import KernelgenError
from kernelgen.nodes import notebook_text
from kernelgen.publishing.client import Kaggle, KernelThere
from kernelgen.publishing.records import NOTEBOOK, PushedKernel, locked, pushed_folder, read_pushed, write_pushed

if TYPE_CHECKING:
    from kernelgen.publishing.official_client import OfficialClient

logger = logging.getLogger(__name__)

# After an answer was lost, before it is taken for not arrived.
LOOK_AGAIN_SECONDS = (0, 2, 4, 8)

# Lists of a reply that name what was left out, and what to do about each.
_LEFT_OUT = {
    "dataset_sources": ("dataset", "push or share it first"),
    "competition_sources": ("competition", "correct its slug, and accept its rules"),
    "kernel_sources": ("kernel", "push it first and let it finish"),
    "model_sources": ("model", "correct its name and version, and accept its licence"),
    "tags": ("keyword", "remove it from the recipe"),
}


class SessionsFull(KernelgenError):
    """As many of the user's kernels run already as Kaggle allows at once."""


def push(
    kaggle: Kaggle, built: BuiltKernel, out: Path, attached: dict[str, int], *, force: bool, fresh: bool
) -> PushedKernel:
    """Push a version of the kernel, unless its last one has the same notebook, metadata and inputs.

    Args:
        attached: the versions of our own datasets and kernels that it will be given.
        force: push it in any case.
        fresh: whether some of these were sent by this call, so that no version that is there can have had them.
    """
    name, identity, text = built.kernel.name, built.metadata["id"], notebook_text(built.notebook)
    with locked(pushed_folder(out, name, identity), f"kernel {identity}"):
        there = kaggle.kernel(identity)
        digest = hashlib.sha256(text.encode()).hexdigest()
        wanted = PushedKernel(identity, there.version if there else 0, None, digest, built.metadata, attached)
        known = None if force else _known(out, name, there, wanted, text, fresh=fresh)
        if known and known.content == wanted.content:
            run = kaggle.run(identity, known.version)
            if run is not None and not (run.is_over and not run.is_complete):
                logger.info(f"kernel {identity}: unchanged, version {known.version} is {run.status}")
                return known
        # Noted before it is sent: a call that is killed in between is found out by the next one.
        folder = write_pushed(out, name, wanted, text)
        answer = _save(kaggle, folder, identity, text, wanted.base)
        pushed = replace(wanted, version=int(answer.version_number))
        if problems := _left_out(answer, pushed):
            write_pushed(out, name, replace(pushed, attached={**attached, "left out": 1}))  # so that it is no match
            raise KernelgenError("\n".join(problems))
        write_pushed(out, name, pushed)
        logger.info(f"kernel {identity}: pushed version {pushed.version}, {page_of(identity)}")
        return pushed


def page_of(identity: str) -> str:
    """The address of a kernel's page."""
    return f"https://www.kaggle.com/code/{identity}"


def _known(
    out: Path, name: str, there: KernelThere | None, wanted: PushedKernel, text: str, *, fresh: bool
) -> PushedKernel | None:
    """What is known of the newest version: its record, mended where an earlier call could not finish it."""
    before = read_pushed(out, name, wanted.identity)
    if there is None:
        return before if before and before.version else None
    if before and there.version == before.version:
        return before
    cells, pushed = _cells(there.source), pushed_folder(out, name, wanted.identity) / NOTEBOOK
    same = cells == _cells(text)
    if before is None:  # a clone, or a folder that was cleaned
        if fresh or not same:
            return None
        known = replace(wanted, base=0, version=there.version)
    elif before.version is None and there.version == before.base:
        return None  # it never arrived
    elif pushed.is_file() and cells == _cells(pushed.read_text(encoding="utf-8")):
        known = replace(before, version=there.version, submissions={})
    elif same:
        return None
    else:
        raise KernelgenError(
            f"kernel {wanted.identity}: was edited on Kaggle (version {there.version}); --diff shows how, "
            "--push --force pushes over it"
        )
    write_pushed(out, name, known)
    return known


def _cells(text: str) -> list[tuple[str, str]] | None:
    """Kind and source of each cell, which is all of a notebook that no editor rewrites; None if it is none."""
    try:
        return [(cell["cell_type"], "".join(cell["source"]).rstrip("\n")) for cell in json.loads(text)["cells"]]
    except (ValueError, KeyError, TypeError):
        return None


def _save(kaggle: Kaggle, folder: Path, identity: str, text: str, base: int) -> Any:
    """The client's reply to the push of a folder, or what stands for one whose answer was lost."""

    def act(client: OfficialClient) -> Any:
        answer = client.kernels_push(str(folder))
        reason = " ".join(str(answer.error or "").split()).rstrip(".")
        if re.search(r"maximum .*session", reason, re.IGNORECASE):
            raise SessionsFull(f"kernel {identity}: Kaggle refused it: {reason}; push it again later")
        if reason:
            raise KernelgenError(f"kernel {identity}: Kaggle refused it: {reason}; correct that")
        if not int(answer.version_number or 0):
            raise LookupError("neither a version nor an error")
        return answer

    def arrived() -> Any:
        # Pushed twice, it would run twice, and a GPU's hours are counted. Kaggle may take a while to show it.
        for pause in LOOK_AGAIN_SECONDS:
            time.sleep(pause)
            now = kaggle.kernel(identity)
            if now and now.version > base and _cells(now.source) == _cells(text):
                return kaggle.request("ApiSaveKernelResponse", version_number=now.version, ref=identity)
        if now is None and kaggle.run(identity) is not None:
            raise KernelgenError(
                f"kernel {identity}: the answer to the push was lost, and Kaggle does not tell whether it arrived; "
                f"look at {page_of(identity)}, and push with --force if it did not"
            )
        return None

    return kaggle.send(f"kernel {identity}", act, arrived=arrived)


def _left_out(answer: Any, pushed: PushedKernel) -> list[str]:
    """A line for everything else in a reply that is not a plain yes."""
    identity, problems = pushed.identity, []
    for key, (kind, advice) in _LEFT_OUT.items():
        if left_out := getattr(answer, f"invalid_{key}"):
            names = ", ".join(map(str, left_out))
            problems.append(
                f"kernel {identity}: version {pushed.version} was pushed without its {kind} {names}; "
                f"{advice}, then push again"
            )
    ref = str(answer.ref or identity).strip("/")
    if ref.lower().split("/")[-1] != identity.split("/")[1].lower():
        problems.append(
            f"kernel {identity}: Kaggle saved it as {ref}; give it a title that makes its slug, and delete that one"
        )
    return problems
