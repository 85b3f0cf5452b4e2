"""From a kernel's declared sources to the folders that a run mounts for them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kernelgen.chaining.earlier import earlier_folder
from kernelgen.chaining.finished import newest_output, run_folder
from kernelgen.datasets.filling import can_be_fetched, fill, is_filled
from kernelgen.errors import KernelgenError, near
from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.sources import Source
from kernelgen.running.layouts import Mount

logger = logging.getLogger(__name__)

# Under which a source of ours is mounted where no owner is known; notebooks never name it.
NOBODY = "owner"


@dataclass(frozen=True)
class Chain:
    """What is run, and with what.

    Attributes:
        kernels: in the order in which they run.
        inputs: folders by the names that ``--input`` gives.
        command: the beginning of the command line, for messages that name another call of it.
        notebooks: what was built, by the kernels' names. A run takes these bytes and not what lies in ``out``: there,
            another command may build meanwhile.
    """

    project: Project
    kernels: Sequence[Kernel]
    out: Path
    inputs: Mapping[str, Path]
    command: str = "python build_kernels.py"
    notebooks: Mapping[str, bytes] = field(default_factory=dict)
    layout: str = "new"


def parse_inputs(texts: Iterable[str]) -> dict[str, Path]:
    """``SLUG=FOLDER`` texts; raises KernelgenError for a malformed one or a folder that is not there."""
    inputs: dict[str, Path] = {}
    for text in texts:
        slug, _, folder = text.partition("=")
        if not slug or not folder:
            raise KernelgenError(f"--input {text}: not of the form SLUG=FOLDER")
        inputs[slug] = Path(folder).expanduser().absolute()
        if not inputs[slug].is_dir():
            raise KernelgenError(f"--input {text}: there is no folder {folder}; check the path")
    return inputs


def check_inputs(kernels: Iterable[Kernel], inputs: Mapping[str, Path]) -> None:
    """Raises KernelgenError for an ``--input`` that no source of the kernels answers to."""
    pairs = [(kernel, source) for kernel in kernels for source in {*kernel.attached, kernel.earlier} if source]
    known = {name for kernel, source in pairs for name in _answers(kernel, source)}
    shown = [source.name if source == kernel.earlier else source.slug for kernel, source in pairs]
    for slug, folder in inputs.items():
        if slug not in known:
            raise KernelgenError(f"--input {slug}={folder}: no selected kernel has such a source{near(slug, shown)}")


def given_for(kernel: Kernel, source: Source, inputs: Mapping[str, Path]) -> Path | None:
    """The folder that ``--input`` gives for this source, if it does."""
    return next((inputs[name] for name in sorted(_answers(kernel, source)) if name in inputs), None)


def _answers(kernel: Kernel, source: Source) -> set[str]:
    """Every name by which ``--input`` may mean this source of ``kernel``."""
    if source.kernel == kernel.name:  # its own earlier output: all other names mean what it gives to others
        return {source.name}
    names = {source.name, source.slug, source.slug.split("/")[0], source.reference, source.literal}
    return names | {name for name in (source.kernel, source.dataset) if name}


def mounts_for(chain: Chain, kernel: Kernel) -> list[Mount]:
    """The mounts for a run of ``kernel``, after those before it in the chain.

    A kernel's output is mounted from OUT/NAME/run or, where that is newer, OUT/NAME/output, its own earlier one
    from OUT/NAME/earlier (made when the run begins), a dataset from its folder, anything from what ``--input`` says.
    Raises KernelgenError for a source that is not there.
    """
    mounts = []
    ours = {dataset.folder.resolve(): dataset for dataset in chain.project.datasets.values()}
    for source in kernel.attached:
        folder = _folder_of(chain, kernel, source)
        dataset = ours.get(folder.resolve())
        mount = Mount(
            kind=source.kind,
            slug=source.slug,
            owner=source.owner or chain.project.owner or NOBODY,
            folder=folder,
            uploaded=tuple(dataset.entries()) if dataset else None,
            links_lead_out=not folder.resolve().is_relative_to(chain.out.resolve()),
        )
        if mount not in mounts:  # two names may stand for one source
            mounts.append(mount)
    return mounts


def check_mounts(chain: Chain) -> None:
    """Before the first of the kernels runs: whether all that they attach is there, or will be by then.

    Raises:
        KernelgenError: one line for each source that is not there, with the command that makes it.
    """
    problems: list[str] = []
    pairs = [(kernel, source) for kernel in chain.kernels for source in kernel.attached]
    for kernel, source in pairs:
        try:
            _folder_of(chain, kernel, source)
        except KernelgenError as error:
            problems.append(str(error))
    if problems:
        raise KernelgenError("\n".join(problems))


def fill_datasets(chain: Chain) -> None:
    """Fetches the datasets of wheels and downloads that the kernels attach and that are not there yet."""
    pairs = [(kernel, source) for kernel in chain.kernels for source in kernel.attached if source.dataset]
    needed = {source.dataset for kernel, source in pairs if not given_for(kernel, source, chain.inputs)}
    for name, dataset in chain.project.datasets.items():
        if name in needed and can_be_fetched(dataset) and not is_filled(dataset):
            logger.warning(f"dataset {name} is not filled; fetching it")
            fill(dataset, chain.project.owner_or_placeholder)


def _folder_of(chain: Chain, kernel: Kernel, source: Source) -> Path:
    if source.kernel == kernel.name:
        return earlier_folder(chain.out, kernel.name)
    if given := given_for(kernel, source, chain.inputs):
        return given
    missing = f"kernel {kernel.name}: {source.name} = {source.kind}:{source.reference}"
    by_hand = f"give --input {source.slug.split('/')[0]}=FOLDER"
    if source.kernel in {other.name for other in chain.kernels}:
        return run_folder(chain.out, source.kernel)
    if source.kernel:
        folder = newest_output(chain.out, source.kernel)
        if folder is None:
            command = f"`{chain.command} --target {source.kernel} --run`"
            raise KernelgenError(f"{missing} has no finished run; run {command}, or {by_hand}")
        return folder
    if source.dataset:
        dataset = chain.project.datasets[source.dataset]
        if not is_filled(dataset) and not can_be_fetched(dataset):
            command = f"`{chain.command} --target {source.dataset}`"
            raise KernelgenError(f"{missing} is not filled; run {command}, or {by_hand}")
        return dataset.folder
    raise KernelgenError(f"{missing} is not on this machine; {by_hand}")
