"""Kernels on Kaggle: a version is pushed where something changed, once, and every refusal is an error."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from pathlib import Path
from typing import Any

from filelock import FileLock

from kernelgen.built import BuiltKernel
from kernelgen.errors import KernelgenError
from kernelgen.nodes import notebook_text
from kernelgen.publishing.client import Kaggle, KernelThere
from kernelgen.publishing.records import Sent, pushed_path, read_sent
from kernelgen.writing import write_text

logger = logging.getLogger(__name__)

NOTEBOOK, METADATA = "pushed.ipynb", "kernel-metadata.json"
# Lists of a reply that name what was left out.
_LEFT_OUT = ("dataset_sources", "competition_sources", "kernel_sources", "model_sources", "tags")


class SessionsFull(KernelgenError):
    """As many of the user's kernels run already as Kaggle allows at once."""


def push(kaggle: Kaggle, built: BuiltKernel, out: Path, attached: dict[str, int], *, force: bool, fresh: bool) -> Sent:
    """Push a version of the kernel, unless its last one has the same notebook, metadata and inputs, or with ``force``.

    Args:
        attached: the versions of the datasets and kernels that it will be given.
        fresh: whether this call sent some of these, so that no version that is there can have had them.
    """
    identity, text = built.metadata["id"], notebook_text(built.notebook)
    content = hashlib.sha256(json.dumps([text, built.metadata, attached], sort_keys=True).encode()).hexdigest()
    record = pushed_path(out, built.kernel.name, identity)
    with FileLock(record.with_name(".lock")):  # two calls at once would push it twice
        there = kaggle.kernel(identity)
        wanted = Sent(identity=identity, base=there.version if there else 0, version=0, content=content)
        known = None if force else _known(record, wanted, there, text, fresh)
        if known and known.content == content:
            run = kaggle.run(identity, known.version)
            if run.status == "COMPLETE" or not run.is_over:
                logger.info(f"kernel {identity}: unchanged, version {known.version} is {run.status}")
                return known
        # Noted before it is sent: a call that is killed in between is found out by the next one.
        write_text(record.with_name(NOTEBOOK), text)
        write_text(record.with_name(METADATA), json.dumps(built.metadata | {"code_file": NOTEBOOK}, indent=2))
        wanted.write(record)
        version, problems = _save(kaggle, record.parent, identity, text, wanted.base)
        pushed = wanted.model_copy(update={"version": version, "content": "" if problems else content})
        pushed.write(record)
        if problems:
            raise KernelgenError("\n".join(problems))
        logger.info(f"kernel {identity}: pushed version {version}, https://www.kaggle.com/code/{identity}")
        return pushed


def _known(record: Path, wanted: Sent, there: KernelThere | None, text: str, fresh: bool) -> Sent | None:
    """What is known of the newest version: the record, mended where a call could not finish it."""
    before = read_sent(record, wanted.identity)
    if there is None:
        return None
    if before is None:
        # A clone, or a folder that was cleaned: the same notebook is not run again, which may cost a GPU's hours.
        same = not fresh and _cells(there.source) == _cells(text)
        return wanted.model_copy(update={"version": there.version}) if same else None
    if there.version == (before.version or before.base):
        return before if before.version else None  # without a version it never arrived
    cells, pushed = _cells(there.source), record.with_name(NOTEBOOK)
    if pushed.is_file() and cells == _cells(pushed.read_text(encoding="utf-8")):
        known = before.model_copy(update={"version": there.version})
        known.write(record)
        return known
    if cells == _cells(text):
        return None
    raise KernelgenError(
        f"kernel {wanted.identity}: was edited on Kaggle (version {there.version}); --diff shows how, "
        "--push --force pushes over it"
    )


def _cells(text: str) -> list[tuple[str, str]] | None:
    """Kind and source of each cell, which is all of a notebook that no editor rewrites; None if it is none."""
    try:
        return [(cell["cell_type"], "".join(cell["source"]).rstrip("\n")) for cell in json.loads(text)["cells"]]
    except (ValueError, KeyError, TypeError):
        return None


def _save(kaggle: Kaggle, folder: Path, identity: str, text: str, base: int) -> tuple[int, list[str]]:
    """Push a folder: the version that was made, whose answer may be lost, and a line for each thing it came without."""
    what = f"kernel {identity}"

    def act() -> tuple[int, list[str]]:
        answer = kaggle.kernels_push(str(folder))
        reason = " ".join(str(answer.error or "").split()).rstrip(".")
        if re.search(r"maximum .*session", reason, re.IGNORECASE):
            raise SessionsFull(f"{what}: Kaggle refused it: {reason}; push it again later")
        if reason:
            raise KernelgenError(f"{what}: Kaggle refused it: {reason}; correct that")
        if not (version := int(answer.version_number or 0)):
            raise LookupError("neither a version nor an error")
        return version, _problems(answer, identity, version)

    def arrived() -> tuple[int, list[str]] | None:
        # Pushed twice, it would run twice, and a GPU's hours are counted.
        now = kaggle.kernel(identity)
        return (now.version, []) if now and now.version > base and _cells(now.source) == _cells(text) else None

    return kaggle.use(what, act, arrived)


def _problems(answer: Any, identity: str, version: int) -> list[str]:
    """A line for everything else in a reply that is not a plain yes."""
    what, problems = f"kernel {identity}", []
    for field in _LEFT_OUT:
        if left_out := getattr(answer, f"invalid_{field}"):
            sources = f"{field.split('_')[0]} {', '.join(map(str, left_out))}"
            advice = "push or share it first (of a competition or model, accept the rules), then push again"
            problems.append(f"{what}: version {version} was pushed without its {sources}; {advice}")
    ref = str(answer.ref or identity).strip("/")
    if ref.lower().split("/")[-1] != identity.lower().split("/")[-1]:
        problems.append(f"{what}: Kaggle saved it as {ref}; give it a title that makes its slug, and delete that one")
    return problems
