"""The command line: what it may say, `main`, and one function for each verb: whether all was done."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from kernelgen.chaining.listing import listing
from kernelgen.datasets.filling import fill, is_filled
from kernelgen.datasets.folder import DatasetFolder
from kernelgen.errors import KernelgenError
from kernelgen.messages import show_messages
from kernelgen.recipe import Kernel, Project, load_project

logger = logging.getLogger(__name__)

DEBUG = "KERNELGEN_DEBUG"
PROGRAM = "python build_kernels.py"
THE_WAY = "\n".join([
    "the way:",
    f"  {PROGRAM} --list                   which kernels there are",
    f"  {PROGRAM} --target NAME            build one, to build/NAME",
    f"  {PROGRAM} --target NAME --run      run it here as Kaggle would, without network",
    "  kaggle kernels push -p build/NAME                  push it to Kaggle, and run it there",
    f"  {PROGRAM} --target NAME --push     the same, with the datasets and kernels that it needs",
    f"  {PROGRAM} --help                   all options",
])  # fmt: skip
# Options that say what to do, and the function that does it.
_VERBS = dict(run="build", push="publish", wait="publish", output="publish", submit="publish", pull="pull", diff="pull")


def main(arguments: Sequence[str] | None = None, *, project: Path) -> int:
    """Do what the command line asks for, in ``project`` unless it names another; 0 only if all of it was done."""
    show_messages()
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments, project)
        if options is None:
            print(THE_WAY)
            return 2
        is_done = globals()[options.verb](options)
        sys.stdout.flush()
        return 0 if is_done else 1
    except KeyboardInterrupt:
        logger.error("stopped by the keyboard")
        return 130
    except BrokenPipeError:  # whoever read the output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get(DEBUG):
            traceback.print_exc()
        for line in _lines(error):
            logger.error(line)
        return 1


def _lines(error: Exception) -> list[str]:
    if isinstance(error, KernelgenError):
        return str(error).split("\n")
    if isinstance(error, OSError) and error.filename is not None:
        return [f"{os.fsdecode(error.filename)}: {error.strerror or error} ({DEBUG}=1 shows where)"]
    kind, text = type(error).__name__, str(error).partition("\n")[0]
    return [f"the generator has a fault: {kind}: {text}; run it again with {DEBUG}=1, and report the traceback"]


def parse(arguments: Sequence[str], project: Path) -> argparse.Namespace | None:
    """Read the command line; None where it asks for nothing, so that the way is to be shown."""
    parser = _parser(project)
    options = parser.parse_args(arguments)
    options.command = shlex.join([*PROGRAM.split(), *arguments])
    # What another call of the command must repeat.
    repeated = ["--project", str(options.project)] if options.project != project else []
    repeated += ["--out", str(options.out)] if options.out else []
    options.other_command = shlex.join([*PROGRAM.split(), *repeated])
    asked = [verb for verb in _VERBS if getattr(options, verb)]
    if not options.target and options.list is None:
        if not asked:
            return None
        parser.error(f"--{asked[0]}: give --target NAME as well; --list shows the names")
    for option, needs in (("dry_run", "push"), ("force", "push"), ("hidden_rerun", "run")):
        if getattr(options, option) and not getattr(options, needs):
            raise KernelgenError(f"--{option.replace('_', '-')}: only together with --{needs}")
    verbs = list(dict.fromkeys(_VERBS[verb] for verb in asked)) or ["build"]
    if len(verbs) > 1:
        raise KernelgenError(f"--{asked[0]} and --{asked[-1]}: give them in two calls, one after the other")
    options.verb = "show_list" if options.list is not None else "preview" if options.dry_run else verbs[0]
    return options


def _parser(project: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage=f"{PROGRAM} --list | --target NAME [options]",
        description="Builds standalone Kaggle notebooks, runs them as Kaggle would, takes them there and back.",
        epilog=THE_WAY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_argument_group("what to build")
    what = group.add_mutually_exclusive_group().add_argument
    what(
        "--list", nargs="?", const="", metavar="NAME", help="show the kernels, those of NAME, or all: the examples too"
    )
    what(
        "--target",
        action="append",
        metavar="NAME[,NAME…]",
        help="names or globs of kernels and datasets, families, all",
    )
    group.add_argument("--set", action="extend", nargs="+", default=[], metavar="KEY=VALUE", help="replace settings")
    run = parser.add_argument_group("run here").add_argument
    run("--run", action="store_true", help="run what was built as Kaggle does, one after another")
    run("--input", action="extend", nargs="+", default=[], metavar="SLUG=FOLDER", help="mount FOLDER for a source")
    run("--hidden-rerun", action="store_true", help="run as the hidden rerun of a submission")
    run("--resume", action="store_true", help="continue from the kernel's own earlier output (also on Kaggle)")
    to = parser.add_argument_group("to Kaggle").add_argument
    to("--push", action="store_true", help="send kernels, and the datasets that they need and that changed")
    to("--dry-run", action="store_true", help="only print what --push would send")
    to("--force", action="store_true", help="push also what has not changed, and over edits on Kaggle")
    to("--wait", action="store_true", help="follow the runs on Kaggle to their end")
    to("--submit", action="store_true", help="submit the finished kernel to its competition, wait for the score")
    back = parser.add_argument_group("from Kaggle").add_argument
    back("--output", action="store_true", help="download what finished runs left, to OUT/NAME/output")
    back("--diff", action="store_true", help="show what was edited in a kernel on Kaggle")
    back("--pull", action="store_true", help="commit what was edited to the branch kaggle/NAME, for git merge")
    rarely = parser.add_argument_group("rarely needed").add_argument
    rarely("--project", type=Path, default=project, metavar="DIR", help="of kernel_templates/ (default: this one)")
    rarely("--out", type=Path, metavar="DIR", help="where built kernels go (default: the project's build/)")
    rarely("--owner", help="the owner on Kaggle, where the recipe names none (default: the credentials')")
    rarely("--commit", help="the commit that the notebooks name (default: git's)")
    rarely("--layout", choices=("new", "old"), default="new", help="of /kaggle/input in a run")
    former = {"--again": "force", "--outputs": "output", "--rerun": "hidden_rerun"}  # they work as ever
    for name, option in former.items():
        rarely(name, dest=option, action="store_true", help=argparse.SUPPRESS)
    return parser


def show_list(options: argparse.Namespace) -> bool:
    """``--list``: what there is."""
    project = load_project(options.project, options.set, options.owner)
    if options.set:
        project.select(options.list or "all")
    print(listing(project, options.list))
    return True


def build(options: argparse.Namespace) -> bool:
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
        logger.warning(f"no owner is known, so the metadata says {project.owner_or_placeholder}; give --owner")
    inputs = parse_inputs(options.input) if options.run else None
    check_inputs(kernels, inputs or {})
    kernels = going_on(kernels, out, resume=options.resume, inputs=inputs)
    for target in selected:
        if isinstance(target, DatasetFolder):
            for path in fill(target, project.owner_or_placeholder, output_of=lambda kernel: newest_output(out, kernel)):
                print(shown(path))
    notebooks = {}
    for built in [build_kernel(project, kernel, commit=options.commit) for kernel in kernels]:
        notebook = write_kernel(built, out)
        notebooks[built.kernel.name] = notebook_text(built.notebook).encode()
        print(f"{shown(notebook)}\n{shown(notebook.with_name('kernel-metadata.json'))}")
    if inputs is not None:
        from kernelgen.chaining.running import run_chain  # which needs Linux

        chain = Chain(project, kernels, out, inputs, options.other_command, notebooks, options.layout)
        before = os.environ.copy()
        if options.hidden_rerun:
            os.environ["KAGGLE_IS_COMPETITION_RERUN"] = "1"  # which runs are given
        try:
            return run_chain(chain, lambda result: print(f"{shown(result.folder)}  ({result.seconds:.0f} s)"))
        finally:
            os.environ.clear()
            os.environ.update(before)
    if notebooks:
        folder = shown(out / (next(iter(notebooks)) if len(notebooks) == 1 else "NAME"))
        logger.info(f"next: {options.command} --run    (runs it here as Kaggle would)")
        logger.info(f"      kaggle kernels push -p {folder}    (or --push instead of --run: also what it needs)")
    return True


def publish(options: argparse.Namespace) -> bool:
    """``--push``, ``--wait``, ``--output`` and ``--submit``, in this order."""
    from kernelgen.publishing.client import Kaggle
    from kernelgen.publishing.publication import Publication
    from kernelgen.publishing.submitting import competition_of

    project, selected, kernels, out = _selection(options)
    # Whether a submission can be carried out in the end, before anybody is asked.
    if options.submit and not [competition_of(kernel) for kernel in kernels if kernel.submits]:
        raise KernelgenError('none of the selected kernels submits anything; write submits = "submission.csv" for one')
    kaggle = Kaggle()
    project.owner = project.owner or kaggle.username
    return Publication(kaggle, project, out, options.commit, options).carry_out(selected)


def preview(options: argparse.Namespace) -> bool:
    """``--push --dry-run``: what would be sent, without network and credentials."""
    from kernelgen.building import build_kernel, write_kernel
    from kernelgen.chaining.earlier import going_on
    from kernelgen.publishing.uploads import dataset_upload, datasets_to_send, preview

    project, selected, kernels, out = _selection(options)
    uploads = []
    for dataset in datasets_to_send(project, selected):
        if not is_filled(dataset):
            raise KernelgenError(f"{dataset.where}: is not filled; run it with --target {dataset.name} first")
        fill(dataset, project.owner_or_placeholder)
        uploads.append(dataset_upload(dataset))
    kernels = going_on(kernels, out, resume=options.resume)
    built = [build_kernel(project, kernel, commit=options.commit) for kernel in kernels]
    for kernel in built:
        write_kernel(kernel, out)
    print(preview(uploads, built))
    return True


def pull(options: argparse.Namespace) -> bool:
    """``--pull``: what was edited on Kaggle, on a branch for each kernel; ``--diff`` only shows it."""
    from kernelgen.publishing.client import Kaggle
    from kernelgen.pulling.pull import pull_kernel

    project, _, kernels, out = _selection(options)
    if not kernels:
        raise KernelgenError("--pull and --diff are for kernels; --target names none")
    kaggle = Kaggle()
    project.owner = project.owner or kaggle.username
    is_complete = True
    for kernel in kernels:
        on_kaggle = kaggle.kernel(f"{project.owner}/{kernel.slug}")
        if on_kaggle is None:
            raise KernelgenError(f"kernel {project.owner}/{kernel.slug}: is not on Kaggle; push it first")
        pulled = pull_kernel(project, kernel, on_kaggle.source, out=Path(shown(out)), keep=options.pull)
        print(pulled.report)
        is_complete &= pulled.is_complete or options.diff
    return is_complete


def shown(path: Path) -> str:
    """A path as a user would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _selection(options: argparse.Namespace) -> tuple[Project, list[Kernel | DatasetFolder], list[Kernel], Path]:
    """The project, what ``--target`` selects of it, the kernels among that, and where built kernels go."""
    from kernelgen.building.provenance import current_commit

    project = load_project(options.project, options.set, options.owner)
    options.commit = options.commit or current_commit(project.root)
    selected = project.select(options.target)
    kernels = [target for target in selected if isinstance(target, Kernel)]
    return project, selected, kernels, Path(options.out or project.root / "build").absolute()
