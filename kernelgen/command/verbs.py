"""One function per verb of the command line. Each returns the exit status, and imports what it alone needs."""

from __future__ import annotations

import logging
import os
import shlex
from argparse import Namespace
from dataclasses import replace
from functools import partial
from pathlib import Path

from kernelgen.datasets.filling import fill, is_filled
from kernelgen.datasets.folder import DatasetFolder
from kernelgen.errors import KernelgenError
from kernelgen.recipe import Kernel, Project, load_project

logger = logging.getLogger(__name__)


class Call:
    """What every verb begins with: the project, what ``--target`` selects of it, and where built kernels go."""

    def __init__(self, options: Namespace) -> None:
        self.project: Project = load_project(options.project, options.set, options.owner)
        self.selected = self.project.select(options.target)
        self.kernels = [target for target in self.selected if isinstance(target, Kernel)]
        self.out = Path(options.out or self.project.root / "build").absolute()
        self._commit = options.commit

    def commit(self) -> str:
        """The commit that notebooks name."""
        from kernelgen.building.provenance import current_commit

        return str(self._commit or current_commit(self.project.root))


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
    from kernelgen.chaining.inputs import check_inputs, parse_inputs
    from kernelgen.nodes import notebook_text
    from kernelgen.running import check_platform

    if options.run:
        check_platform()
    call = Call(options)
    project, out = call.project, call.out
    if project.owner is None:
        logger.warning(f"no owner is known, so the metadata says {project.owner_or_placeholder}; give --owner, "
             "owner in kernels.toml, or Kaggle credentials")  # fmt: skip
    inputs = parse_inputs(options.input) if options.run else None
    check_inputs(call.kernels, inputs or {})
    call.kernels = going_on(call.kernels, out, resume=options.resume, inputs=inputs)
    for target in call.selected:
        if isinstance(target, DatasetFolder):
            for path in fill(target, project.owner_or_placeholder, output_of=partial(newest_output, out)):
                print(shown(path))
    commit = call.commit() if call.kernels else ""
    notebooks = {}
    for built in [build_kernel(project, kernel, commit=commit) for kernel in call.kernels]:
        notebook = write_kernel(built, out)
        notebooks[built.kernel.name] = notebook_text(built.notebook).encode()
        print(f"{shown(notebook)}\n{shown(notebook.with_name('kernel-metadata.json'))}")
    if inputs is not None:
        return _run(options, call, notebooks, inputs)
    if notebooks:
        name = next(iter(notebooks)) if len(notebooks) == 1 else "NAME"
        logger.info(f"next: {options.command} --run    (runs it here as Kaggle would)")
        logger.info(
            f"      kaggle kernels push -p {shown(out / name)}    (or --push instead of --run: also what it needs)"
        )
    return 0


def _run(options: Namespace, call: Call, notebooks: dict[str, bytes], inputs: dict[str, Path]) -> int:
    """Run each kernel after those whose output it reads; the first failure ends it."""
    from kernelgen.chaining.inputs import Chain
    from kernelgen.chaining.running import run_chain

    # What another call of the command must repeat.
    repeated = ["--project", str(options.project)] if options.project != options.default_project else []
    repeated += ["--out", str(options.out)] if options.out else []
    command = shlex.join(["python", "build_kernels.py", *repeated])
    environment = {"KAGGLE_IS_COMPETITION_RERUN": "1"} if options.hidden_rerun else {}
    chain = Chain(call.project, call.kernels, call.out, inputs, command, notebooks, options.layout, environment)
    done = run_chain(chain, lambda result: print(f"{shown(result.folder)}  ({result.seconds:.0f} s)"))
    return 0 if done else 1


def publish(options: Namespace) -> int:
    """``--push``, ``--wait``, ``--output`` and ``--submit``, in this order."""
    from kernelgen.publishing.client import Kaggle
    from kernelgen.publishing.publication import Publication
    from kernelgen.publishing.submitting import competition_of, read_table

    call = Call(options)
    if options.submit:  # whether it can be carried out in the end, before anybody is asked
        submitting = [kernel for kernel in call.kernels if kernel.submits]
        if not submitting:
            raise KernelgenError(
                'none of the selected kernels submits anything; in the recipe write submits = "submission.csv"'
            )
        for kernel in submitting:
            competition_of(kernel)
            read_table(call.project)
    kaggle = Kaggle()
    call.project.owner = call.project.owner or kaggle.username
    publication = Publication(kaggle, call.project, call.out, call.commit(), options)
    return 0 if publication.carry_out(call.selected) else 1


def preview(options: Namespace) -> int:
    """``--push --dry-run``: what would be sent, without network and credentials."""
    from kernelgen.building import build_kernel, write_kernel
    from kernelgen.datasets.private_files import check_private_files
    from kernelgen.publishing.uploads import dataset_upload, datasets_to_send, preview

    call = Call(options)
    uploads = []
    for dataset in datasets_to_send(call.project, call.selected):
        if not is_filled(dataset):
            raise KernelgenError(f"{dataset.where}: is not filled; run it with --target {dataset.name} first")
        check_private_files(dataset)
        dataset.write_metadata(call.project.owner_or_placeholder)
        uploads.append(dataset_upload(dataset))
    commit = call.commit()
    resumed = [replace(kernel, resumed=bool(options.resume and kernel.earlier)) for kernel in call.kernels]
    built = [build_kernel(call.project, kernel, commit=commit) for kernel in resumed]
    for kernel in built:
        write_kernel(kernel, call.out)
    print(preview(uploads, built))
    return 0


def pull(options: Namespace) -> int:
    """``--pull``: what was edited on Kaggle, on a branch for each kernel; ``--diff`` only shows it."""
    from kernelgen.publishing.client import Kaggle
    from kernelgen.publishing.records import pushed_notebook
    from kernelgen.pulling import pull_kernel

    call = Call(options)
    if not call.kernels:
        raise KernelgenError(f"--{'pull' if options.pull else 'diff'} is for kernels; --target names none")
    kaggle = Kaggle()
    call.project.owner = call.project.owner or kaggle.username
    is_complete, out = True, Path(shown(call.out))
    for kernel in call.kernels:
        identity = f"{call.project.owner}/{kernel.slug}"
        on_kaggle = kaggle.kernel(identity)
        if on_kaggle is None:
            raise KernelgenError(f"kernel {identity}: is not on Kaggle; push it first")
        pushed = pushed_notebook(out, kernel.name, identity)
        pulled = pull_kernel(call.project, kernel, on_kaggle.source, pushed=pushed, out=out, keep=options.pull)
        print(pulled.report)
        is_complete &= pulled.is_complete or options.diff
    return 0 if is_complete else 1


def shown(path: Path) -> str:
    """A path as a user would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
