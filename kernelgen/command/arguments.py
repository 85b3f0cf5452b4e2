"""What the command line may say, in the words of its users."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from kernelgen.errors import KernelgenError

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
# Options that say what to do, and the function of `kernelgen.command.verbs` that does it.
_VERBS = dict(run="build", push="publish", wait="publish", output="publish", submit="publish", pull="pull", diff="pull")
# Names that options had before; they work as ever.
_FORMER = {"--again": "force", "--outputs": "output", "--rerun": "hidden_rerun"}


def parse(arguments: Sequence[str], project: Path) -> argparse.Namespace | None:
    """Read the command line; None where it asks for nothing, so that the way is to be shown.

    Args:
        project: the folder that is meant where ``--project`` names none.

    Raises:
        KernelgenError: options that exclude each other, or that need another one.
        SystemExit: with 2, for what is no command line, and with 0 for ``--help``.
    """
    parser = _parser(project)
    options = parser.parse_args(arguments)
    options.command = shlex.join([*PROGRAM.split(), *arguments])
    # What another call of the command must repeat.
    repeated = ["--project", str(options.project)] if options.project != project else []
    repeated += ["--out", str(options.out)] if options.out else []
    options.other_command = shlex.join([*PROGRAM.split(), *repeated])
    asked = [verb for verb in _VERBS if getattr(options, verb)]
    options.verb = "preview" if options.dry_run else _VERBS[asked[0]] if asked else "build"
    if options.list is not None:
        options.verb = "show_list"
    elif not options.target and not asked:
        return None
    elif not options.target:
        parser.error(f"--{asked[0]}: give --target NAME as well; --list shows the names")
    for option, needs in (("dry_run", "push"), ("force", "push"), ("hidden_rerun", "run")):
        if getattr(options, option) and not getattr(options, needs):
            raise KernelgenError(f"--{option.replace('_', '-')}: only together with --{needs}")
    alone = next((verb for verb in asked if verb in ("run", "pull", "diff")), None)
    if alone and len(asked) > 1:
        other = next(verb for verb in asked if verb != alone)
        raise KernelgenError(f"--{alone} and --{other}: give them in two calls, one after the other")
    return options


def _parser(project: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage=f"{PROGRAM} --list | --target NAME [options]",
        description="Builds standalone Kaggle notebooks, runs them as Kaggle would, takes them there and back.",
        epilog=THE_WAY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_argument_group("what to build")
    what = group.add_mutually_exclusive_group()
    listed = "show kernels, their templates and needs: those of NAME, or all, the examples too"
    what.add_argument("--list", nargs="?", const="", metavar="NAME", help=listed)
    names = "kernels or datasets to build: names, families, globs, or all (every kernel)"
    what.add_argument("--target", action="append", metavar="NAME[,NAME…]", help=names)
    group.add_argument("--set", action="extend", nargs="+", default=[], metavar="KEY=VALUE", help="replace settings")
    run = parser.add_argument_group("run here").add_argument
    run("--run", action="store_true", help="run what was built as Kaggle does, one after another")
    mount = "mount FOLDER for a source"
    run("--input", action="extend", nargs="+", default=[], metavar="SLUG=FOLDER", help=mount)
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
    folder = "the folder with kernel_templates/ and the library (default: this one)"
    rarely("--project", type=Path, default=project, metavar="DIR", help=folder)
    rarely("--out", type=Path, metavar="DIR", help="where built kernels go (default: the project's build/)")
    rarely("--owner", help="the owner on Kaggle, where the recipe names none (default: the credentials')")
    rarely("--commit", help="the commit that the notebooks name (default: git's)")
    rarely("--layout", choices=("new", "old"), default="new", help="of /kaggle/input in a run")
    for name, option in _FORMER.items():
        rarely(name, dest=option, action="store_true", help=argparse.SUPPRESS)
    return parser
