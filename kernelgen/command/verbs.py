"""One function per verb of the command line. Each returns the exit status, and imports what it alone needs."""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from dataclasses import replace
from functools import partial
from pathlib import Path

from kernelgen.datasets.filling import fill, is_filled
from kernelgen.datasets.folder import DatasetFolder
from kernelgen.errors import KernelgenError
from kernelgen.recipe import Kernel, Project, load_project

logger = logging.getLogger(__name__)


def show_list(options: Namespace) -> int:
    """``--list``: what there is."""
    from kernelgen.chaining.listing import listing

    print(listing(load_project(options.project, options.set, options.owner), options.list))
    return 0


def build(options: Namespace) -> int:
    """``--target``: fills datasets and builds kernels, and runs them with ``--run``."""
    from kernelgen.building import build_kernel, write_kernel
    from kernelgen.chaining.earlier import going_on
    from kernelgen.chaining.finished import newest_output
    from kernelgen.chaining.inputs import Chain, check_inputs, parse_inputs
    from kernelgen.nodes import notebook_text
    from kernelgen.running import check_platform

    if options.run:
        check_platform()
    project, selected, kernels, out = _selection(options)
    if project.owner is None:
        logger.warning(f"no owner is known, so the metadata says {project.owner_or_placeholder}; give --owner, "
             "owner in kernels.toml, or Kaggle credentials")  # fmt: skip
    inputs = parse_inputs(options.input) if options.run else None
    check_inputs(kernels, inputs or {})
    kernels = going_on(kernels, out, resume=options.resume, inputs=inputs)
    for target in selected:
        if isinstance(target, DatasetFolder):
            for path in fill(target, project.owner_or_placeholder, output_of=partial(newest_output, out)):
                print(shown(path))
    notebooks = {}
    for built in [build_kernel(project, kernel, commit=options.commit) for kernel in kernels]:
        notebook = write_kernel(built, out)
        notebooks[built.kernel.name] = notebook_text(built.notebook).encode()
        print(f"{shown(notebook)}\n{shown(notebook.with_name('kernel-metadata.json'))}")
    if inputs is not None:
        from kernelgen.chaining.running import run_chain

        if options.hidden_rerun:
            os.environ["KAGGLE_IS_COMPETITION_RERUN"] = "1"
        chain = Chain(project, kernels, out, inputs, options.other_command, notebooks, options.layout)
        done = run_chain(chain, lambda result: print(f"{shown(result.folder)}  ({result.seconds:.0f} s)"))
        return 0 if done else 1
    if notebooks:
        folder = shown(out / (next(iter(notebooks)) if len(notebooks) == 1 else "NAME"))
        logger.info(f"next: {options.command} --run    (runs it here as Kaggle would)")
        logger.info(f"      kaggle kernels push -p {folder}    (or --push instead of --run: also what it needs)")
    return 0


def publish(options: Namespace) -> int:
    """``--push``, ``--wait``, ``--output`` and ``--submit``, in this order."""
    from kernelgen.publishing.client import Kaggle
    from kernelgen.publishing.publication import Publication
    from kernelgen.publishing.submitting import competition_of, read_table

    project, selected, kernels, out = _selection(options)
    if options.submit:  # whether it can be carried out in the end, before anybody is asked
        submitting = [kernel for kernel in kernels if kernel.submits]
        if not submitting:
            raise KernelgenError(
                'none of the selected kernels submits anything; in the recipe write submits = "submission.csv"'
            )
        for kernel in submitting:
            competition_of(kernel)
            read_table(project)
    kaggle = Kaggle()
    project.owner = project.owner or kaggle.username
    return 0 if Publication(kaggle, project, out, options.commit, options).carry_out(selected) else 1


def preview(options: Namespace) -> int:
    """``--push --dry-run``: what would be sent, without network and credentials."""
    from kernelgen.building import build_kernel, write_kernel
    from kernelgen.datasets.private_files import check_private_files
    from kernelgen.publishing.uploads import dataset_upload, datasets_to_send, preview

    project, selected, kernels, out = _selection(options)
    uploads = []
    for dataset in datasets_to_send(project, selected):
        if not is_filled(dataset):
            raise KernelgenError(f"{dataset.where}: is not filled; run it with --target {dataset.name} first")
        check_private_files(dataset)
        dataset.write_metadata(project.owner_or_placeholder)
        uploads.append(dataset_upload(dataset))
    resumed = [replace(kernel, resumed=bool(options.resume and kernel.earlier)) for kernel in kernels]
    built = [build_kernel(project, kernel, commit=options.commit) for kernel in resumed]
    for kernel in built:
        write_kernel(kernel, out)
    print(preview(uploads, built))
    return 0


def pull(options: Namespace) -> int:
    """``--pull``: what was edited on Kaggle, on a branch for each kernel; ``--diff`` only shows it."""
    from kernelgen.publishing.client import Kaggle
    from kernelgen.pulling.pull import pull_kernel

    project, _, kernels, out = _selection(options)
    if not kernels:
        raise KernelgenError(f"--{'pull' if options.pull else 'diff'} is for kernels; --target names none")
    kaggle = Kaggle()
    project.owner = project.owner or kaggle.username
    is_complete = True
    for kernel in kernels:
        identity = f"{project.owner}/{kernel.slug}"
        on_kaggle = kaggle.kernel(identity)
        if on_kaggle is None:
            raise KernelgenError(f"kernel {identity}: is not on Kaggle; push it first")
        pulled = pull_kernel(project, kernel, on_kaggle.source, out=Path(shown(out)), keep=options.pull)
        print(pulled.report)
        is_complete &= pulled.is_complete or options.diff
    return 0 if is_complete else 1


def shown(path: Path) -> str:
    """A path as a user would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _selection(options: Namespace) -> tuple[Project, list[Kernel | DatasetFolder], list[Kernel], Path]:
    """The project, what ``--target`` selects of it, the kernels among that, and where built kernels go.

    ``options.commit`` is from then on the commit that notebooks name.
    """
    from kernelgen.building.provenance import current_commit

    project = load_project(options.project, options.set, options.owner)
    options.commit = options.commit or current_commit(project.root)
    selected = project.select(options.target)
    kernels = [target for target in selected if isinstance(target, Kernel)]
    return project, selected, kernels, Path(options.out or project.root / "build").absolute()
