#!/usr/bin/env python3
"""Builds standalone Kaggle kernels from kernel_templates/kernels.toml, runs them as Kaggle would, takes them there."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kernelgen.errors import KernelgenError

if TYPE_CHECKING:
    from kernelgen.recipe import Kernel, Project

HERE = Path(__file__).resolve().parent


def main(arguments: list[str] | None = None) -> int:
    """Does what the command line asks for; 0 only if all of it was done."""
    options = parser().parse_args(arguments)
    options.command = shlex.join(["python", "build_kernels.py", *(sys.argv[1:] if arguments is None else arguments)])
    try:
        check_together(options)
        if options.list:
            return show_list(options)
        if options.pull:
            return pull(options)
        if options.push or options.wait or options.outputs or options.submit:
            return publish(options)
        return build(options)
    except KernelgenError as error:
        for line in str(error).split("\n"):
            print(f"error: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: stopped by the keyboard", file=sys.stderr)
        if options.wait or options.submit:
            tell("note: what runs on Kaggle goes on; the same command waits for it again")
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="build_kernels.py", description=__doc__)
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="every kernel: template, needs, where it goes")
    what.add_argument(
        "--target",
        action="append",
        metavar="NAME[,NAME…]",
        help="kernels or datasets to build: names, families, globs, or all (every kernel)",
    )
    project = "the folder with kernel_templates/ and the library (default: this one)"
    add("--project", type=Path, default=HERE, metavar="DIR", help=project)
    add("--out", type=Path, metavar="DIR", help="where built kernels go (default: the project's build/)")
    several = {"action": "extend", "nargs": "+", "default": []}
    add("--set", **several, metavar="KEY=VALUE", help="replace settings for this build")
    add("--owner", help="the owner on Kaggle, where the recipe names none (default: the credentials')")
    add("--commit", help="the commit that the notebooks name (default: git's)")
    add("--run", action="store_true", help="run what was built as Kaggle does, one after another")
    add("--input", **several, metavar="SLUG=FOLDER", help="mount FOLDER for a source in a run")
    add("--layout", choices=("new", "old"), default="new", help="of /kaggle/input in a run")
    rerun = "run as the hidden rerun of a submission (KAGGLE_IS_COMPETITION_RERUN=1)"
    add("--rerun", action="store_true", help=rerun)
    resume = "let kernels go on from their own earlier output, in a run or on Kaggle"
    add("--resume", action="store_true", help=resume)
    add("--push", action="store_true", help="send kernels, and datasets that they need and that changed, to Kaggle")
    add("--dry-run", action="store_true", help="only print what --push would send")
    add("--again", action="store_true", help="push also what has not changed")
    add("--wait", action="store_true", help="follow the runs on Kaggle to their end")
    add("--outputs", action="store_true", help="bring what finished runs left on Kaggle to OUT/NAME/output")
    add("--submit", action="store_true", help="submit the finished kernel to its competition, wait for the score")
    add("--pull", action="store_true", help="show what was edited in a kernel on Kaggle")
    add("--apply", action="store_true", help="with --pull: write what was edited into the library's files")
    return parser


def check_together(options: argparse.Namespace) -> None:
    """Raises KernelgenError for options that need another one, or that exclude each other."""
    for option, needs in (("dry_run", "push"), ("again", "push"), ("apply", "pull"), ("rerun", "run")):
        if getattr(options, option) and not getattr(options, needs):
            raise KernelgenError(f"--{option.replace('_', '-')}: only together with --{needs}")
    asked = [name for name in ("run", "push", "wait", "outputs", "submit", "pull") if getattr(options, name)]
    for alone in ("run", "pull"):
        if alone in asked and len(asked) > 1:
            other = next(name for name in asked if name != alone)
            raise KernelgenError(f"--{alone} and --{other}: give them in two calls, one after the other")
    if options.list and asked:
        raise KernelgenError(f"--list and --{asked[0]}: give --target instead of --list")


def show_list(options: argparse.Namespace) -> int:
    """``--list``."""
    from kernelgen.chaining.listing import listing
    from kernelgen.recipe import load_project

    project = load_project(options.project, options.set, options.owner)
    print(listing(project))
    return 0


def build(options: argparse.Namespace) -> int:
    """``--target``, with ``--run`` or without."""
    from functools import partial

    from kernelgen.chaining.earlier import going_on
    from kernelgen.chaining.finished import newest_output
    from kernelgen.chaining.inputs import check_inputs, parse_inputs
    from kernelgen.datasets.filling import fill
    from kernelgen.datasets.folder import DatasetFolder
    from kernelgen.recipe import load_project

    project = load_project(options.project, options.set, options.owner)
    selected = project.select(options.target)
    out = (options.out or project.root / "build").absolute()
    if project.owner is None:
        tell(f"note: no owner is known, so the metadata says {project.owner_or_placeholder}; give --owner, "
             "owner in kernels.toml, or Kaggle credentials")  # fmt: skip
    kernels = [target for target in selected if not isinstance(target, DatasetFolder)]
    inputs = parse_inputs(options.input) if options.run else None
    check_inputs(kernels, inputs or {})
    kernels = going_on(kernels, out, resume=options.resume, inputs=inputs, say=tell)
    for target in selected:
        if isinstance(target, DatasetFolder):
            output_of = partial(newest_output, out)
            for path in fill(target, project.owner_or_placeholder, tell, output_of=output_of):
                print(shown(path))
    if kernels:
        from kernelgen.building import build_kernel, write_kernel
        from kernelgen.rendering.provenance import current_commit

        commit = options.commit or current_commit(project.root)
        for built in [build_kernel(project, kernel, commit=commit) for kernel in kernels]:
            notebook = write_kernel(built, out)
            print(shown(notebook))
            print(shown(notebook.with_name("kernel-metadata.json")))
    return 0 if inputs is None else run(options, project, kernels, out, inputs)


def run(
    options: argparse.Namespace, project: Project, kernels: list[Kernel], out: Path, inputs: dict[str, Path]
) -> int:
    """``--run``: each kernel after those that it feeds on; the first failure ends it."""
    from kernelgen.chaining.earlier import has_output
    from kernelgen.chaining.inputs import Command, check_mounts, mounts_for
    from kernelgen.chaining.running import run_kernel

    repeated = ["--project", str(options.project)] if options.project != HERE else []
    repeated += ["--out", str(options.out)] if options.out else []
    command = Command(tuple(repeated))
    check_mounts(project, kernels, out, inputs, command)
    environment = {"KAGGLE_IS_COMPETITION_RERUN": "1"} if options.rerun else {}
    for kernel in kernels:
        mounts = mounts_for(project, kernel, out, inputs, command, say=tell)
        given = inputs.get(kernel.earlier.name) if kernel.earlier else None
        result = run_kernel(
            kernel, out, mounts, layout=options.layout, environment=environment, earlier=given, say=tell
        )
        if not result.ok:
            tell(f"error: kernel {kernel.name}: {result.message}")
            if kernel.earlier and has_output(out, kernel.name):
                instead = f" (instead of --input {kernel.earlier.name}=FOLDER)" if given else ""
                tell(f"note: what it wrote so far is kept; the same command with --resume{instead} goes on from it")
            return 1
        print(f"{shown(result.folder)}  ({result.seconds:.0f} s)")
    return 0


def publish(options: argparse.Namespace) -> int:
    """``--push``, ``--wait``, ``--outputs`` and ``--submit``, in this order."""
    from kernelgen.recipe import load_project
    from kernelgen.rendering.provenance import current_commit

    project = load_project(options.project, options.set, options.owner)
    out = (options.out or project.root / "build").absolute()
    if options.dry_run:
        return show_what_would_be_sent(options, project, out)
    from kernelgen.publishing.client import Kaggle
    from kernelgen.publishing.publication import Publication, PushOptions

    check_submits(project, options)  # before anybody is asked
    kaggle = Kaggle(tell)
    if project.owner is None:
        project = load_project(options.project, options.set, kaggle.username)
    wanted = PushOptions(
        push=options.push,
        again=options.again,
        wait=options.wait,
        resume=options.resume,
        outputs=options.outputs,
        submit=options.submit,
        command=options.command,
    )
    commit = options.commit or current_commit(project.root)
    done = Publication(kaggle, project, out, commit, wanted, tell).carry_out(project.select(options.target))
    return 0 if done else 1


def check_submits(project: Project, options: argparse.Namespace) -> None:
    """Raises KernelgenError where ``--submit`` could not be carried out in the end."""
    from kernelgen.publishing.leaderboard import read_table
    from kernelgen.publishing.submitting import competition_of

    submitting = [target for target in project.select(options.target) if getattr(target, "submits", None)]
    if options.submit and not submitting:
        raise KernelgenError(
            'none of the selected kernels submits anything; in the recipe write submits = "submission.csv"'
        )
    for kernel in submitting if options.submit else ():
        competition_of(kernel)
        read_table(project)


def show_what_would_be_sent(options: argparse.Namespace, project: Project, out: Path) -> int:
    """``--push --dry-run``: no network, no credentials."""
    from dataclasses import replace

    from kernelgen.building import build_kernel, write_kernel
    from kernelgen.datasets.filling import is_filled
    from kernelgen.datasets.folder import DatasetFolder
    from kernelgen.publishing.preview import preview
    from kernelgen.publishing.uploads import dataset_upload, datasets_to_send
    from kernelgen.rendering.provenance import current_commit

    selected = project.select(options.target)
    commit = options.commit or current_commit(project.root)
    uploads = []
    for dataset in datasets_to_send(project, selected):
        if not is_filled(dataset):
            raise KernelgenError(f"{dataset.where}: is not filled; run it with --target {dataset.name} first")
        dataset.write_metadata(project.owner_or_placeholder)
        uploads.append(dataset_upload(dataset))
    kernels = [kernel for kernel in selected if not isinstance(kernel, DatasetFolder)]
    resumed = [replace(kernel, resumed=bool(options.resume and kernel.earlier)) for kernel in kernels]
    built = [build_kernel(project, kernel, commit=commit) for kernel in resumed]
    for kernel in built:
        write_kernel(kernel, out)
    print(preview(uploads, built))
    return 0


def pull(options: argparse.Namespace) -> int:
    """``--pull``, with ``--apply`` or without."""
    from kernelgen.datasets.folder import DatasetFolder
    from kernelgen.publishing.client import Kaggle
    from kernelgen.publishing.records import pushed_notebook
    from kernelgen.pulling import apply, compare_kernel
    from kernelgen.recipe import load_project

    project = load_project(options.project, options.set, options.owner)
    out = (options.out or project.root / "build").absolute()
    kernels = [target for target in project.select(options.target) if not isinstance(target, DatasetFolder)]
    if not kernels:
        raise KernelgenError("--pull is for kernels; --target names none")
    kaggle = Kaggle(tell)
    if project.owner is None:
        project = load_project(options.project, options.set, kaggle.username)
    all_written = True
    for kernel in kernels:
        identity = f"{project.owner}/{kernel.slug}"
        there = kaggle.kernel(identity)
        if there is None:
            raise KernelgenError(f"kernel {identity}: is not on Kaggle; push it first")
        pushed = pushed_notebook(out, kernel.name, identity)
        comparison = compare_kernel(project, kernel, there.source, pushed=pushed, out=out, say=tell)
        print(comparison.report())
        if options.apply:
            all_written &= apply(comparison, project, tell)
    return 0 if all_written else 1


def shown(path: Path) -> str:
    """A path as a user would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def tell(line: str) -> None:
    """A line for the reader that is no result."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # Syntax trees live until the end: to look for garbage among them takes a tenth of the time.
    gc.set_threshold(200_000)
    sys.exit(main())
