"""From a kernel's declared sources to the folders that a run mounts for them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernelgen.chaining.earlier import earlier_folder
from kernelgen.chaining.finished import is_of_another_build, newest_output, output_folder, run_folder
from kernelgen.datasets.filling import can_be_fetched, fill, is_filled
from kernelgen.errors import KernelgenError
from kernelgen.recipe.project import Kernel, Project
from kernelgen.recipe.sources import Source
from kernelgen.running.layouts import Mount

# Under which a source of ours is mounted where no owner is known; notebooks never name it.
NOBODY = "owner"


@dataclass(frozen=True)
class Command:
    """The command line that is running, as far as another call of it must repeat it."""

    arguments: tuple[str, ...] = ()

    def to(self, *arguments: str) -> str:
        """The whole line, quoted for a shell."""
        return shlex.join(["python", "build_kernels.py", *self.arguments, *arguments])


def parse_inputs(texts: Iterable[str]) -> dict[str, Path]:
    """``SLUG=FOLDER`` texts; raises KernelgenError for a malformed one or a folder that is not there."""
    inputs: dict[str, Path] = {}
    for text in texts:
        slug, equals, folder = text.partition("=")
        if not equals or not slug or not folder:
            raise KernelgenError(f"--input {text}: not of the form SLUG=FOLDER")
        path = Path(folder).expanduser().absolute()
        if not path.is_dir():
            raise KernelgenError(f"--input {text}: there is no folder {folder}; check the path")
        if slug in inputs:
            raise KernelgenError(f"--input {text}: {slug} is given twice; give it once")
        inputs[slug] = path
    return inputs


def answers(kernel: Kernel, source: Source) -> set[str]:
    """Every name by which ``--input`` may mean this source of ``kernel``.

    A kernel's own earlier output has its name in the recipe only: all others mean what it gives to others.
    """
    if source.kernel == kernel.name:
        return {source.name}
    names = {source.name, source.slug, source.reference, source.literal, source.kernel, source.dataset}
    if source.kind == "model":
        names.add(source.slug.split("/")[0])
    return {name for name in names if name}


def check_inputs(kernels: Iterable[Kernel], inputs: Mapping[str, Path]) -> None:
    """Raises KernelgenError for an ``--input`` that no source of the kernels answers to."""
    pairs = [(kernel, source) for kernel in kernels for source in {*kernel.attached, kernel.earlier} if source]
    known = {name for kernel, source in pairs for name in answers(kernel, source)}
    slugs = {source.name if source == kernel.earlier else source.slug for kernel, source in pairs}
    for slug in inputs:
        if slug not in known:
            raise KernelgenError(
                f"--input {slug}={inputs[slug]}: no source of the selected kernels has that name; "
                + (f"there is {', '.join(sorted(slugs))}" if slugs else "they attach nothing")
            )


def mounts_for(
    project: Project,
    kernel: Kernel,
    out: Path,
    inputs: Mapping[str, Path],
    command: Command,
    *,
    to_come: Collection[str] = (),
    say: Callable[[str], None] = lambda line: None,
) -> list[Mount]:
    """The mounts for a run of ``kernel``.

    A kernel's output is mounted from OUT/NAME/run or, where that is newer, OUT/NAME/output, its own earlier one
    from OUT/NAME/earlier (made when the run begins), a dataset from its folder, anything from what ``--input`` says.

    Args:
        to_come: kernels that will have run by then, so that nothing is asked of their output now.

    Raises:
        KernelgenError: one line for each source that is not there, with the command that makes it.
    """
    mounts, problems = [], []
    for source in kernel.attached:
        given = _given(kernel, source, inputs)
        if source.kernel == kernel.name:
            folder = earlier_folder(out, kernel.name)
        elif given:
            folder = given
        else:
            try:
                folder = _own_folder(project, kernel, source, out, command, to_come, say)
            except KernelgenError as error:
                problems.append(str(error))
                continue
        mount = _mount(project, source, folder, out)
        if mount not in mounts:  # two names may stand for one source
            mounts.append(mount)
    if problems:
        raise KernelgenError("\n".join(problems))
    return mounts


def _given(kernel: Kernel, source: Source, inputs: Mapping[str, Path]) -> Path | None:
    return next((inputs[name] for name in sorted(answers(kernel, source)) if name in inputs), None)


def _mount(project: Project, source: Source, folder: Path, out: Path) -> Mount:
    """A folder in a source's place: a dataset of ours as Kaggle shows it, all else as it is."""
    folders = {dataset.folder.resolve(): dataset for dataset in project.datasets.values()}
    dataset = folders.get(folder.resolve())
    return Mount(
        kind=source.kind,
        slug=source.slug,
        owner=source.owner or project.owner or NOBODY,
        folder=folder,
        uploaded=tuple(dataset.entries()) if dataset else None,
        links_lead_out=not folder.resolve().is_relative_to(out.resolve()),
    )


def fill_datasets(
    project: Project, kernels: Iterable[Kernel], inputs: Mapping[str, Path], say: Callable[[str], None]
) -> None:
    """Fetches the datasets of wheels and downloads that the kernels attach and that are not there yet.

    Raises:
        KernelgenError: one of them cannot be fetched, without network say.
    """
    sources = [source for kernel in kernels for source in kernel.attached if not _given(kernel, source, inputs)]
    for name in dict.fromkeys(source.dataset for source in sources if source.dataset):
        dataset = project.datasets[name]
        if can_be_fetched(dataset) and not is_filled(dataset):
            say(f"note: dataset {name} is not filled; fetching it")
            fill(dataset, project.owner_or_placeholder, say)


def check_mounts(
    project: Project, kernels: Iterable[Kernel], out: Path, inputs: Mapping[str, Path], command: Command
) -> None:
    """Before the first of ``kernels`` runs: whether all that they attach is there, or will be by then."""
    problems: list[str] = []
    to_come: set[str] = set()
    for kernel in kernels:
        try:
            mounts_for(project, kernel, out, inputs, command, to_come=to_come)
        except KernelgenError as error:
            problems.append(str(error))
        to_come.add(kernel.name)
    if problems:
        raise KernelgenError("\n".join(problems))


def _own_folder(
    project: Project,
    kernel: Kernel,
    source: Source,
    out: Path,
    command: Command,
    to_come: Collection[str],
    say: Callable[[str], None],
) -> Path:
    missing = f"kernel {kernel.name}: {source.name} = {source.kind}:{source.reference}"
    by_hand = f"--input {source.slug.split('/')[0] if source.kind == 'model' else source.slug}=FOLDER"
    if source.kernel and source.kernel in to_come:
        return run_folder(out, source.kernel)
    if source.kernel:
        folder = newest_output(out, source.kernel)
        if folder is None:
            raise KernelgenError(
                f"{missing} has no finished run; run `{command.to('--target', source.kernel, '--run')}`, "
                f"or give {by_hand}"
            )
        if folder == output_folder(out, source.kernel):
            say(f"note: the output of {source.kernel} is the one brought from Kaggle")
        elif is_of_another_build(out, source.kernel):
            say(f"note: the output of {source.kernel} comes from another build of it")
        return folder
    if source.dataset:
        dataset = project.datasets[source.dataset]
        if not is_filled(dataset) and not can_be_fetched(dataset):
            raise KernelgenError(
                f"{missing} is not filled; run `{command.to('--target', source.dataset)}`, or give {by_hand}"
            )
        return dataset.folder
    raise KernelgenError(f"{missing} is not on this machine; give {by_hand}")
