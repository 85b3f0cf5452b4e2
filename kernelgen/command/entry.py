"""The command's beginning and its end: what goes wrong is one line, and an exit status."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from kernelgen.command.arguments import THE_WAY, parse
from kernelgen.errors import KernelgenError
from kernelgen.messages import show_messages

DEBUG = "KERNELGEN_DEBUG"
logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, *, project: Path) -> int:
    """Do what the command line asks for; 0 only if all of it was done.

    Args:
        project: the folder that is meant where ``--project`` names none.
    """
    show_messages()
    options = None
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments, project)
        if options is None:
            print(THE_WAY)
            return 2
        # --list and --target need neither Kaggle's client nor what runs notebooks: each verb imports what it needs.
        from kernelgen.command import verbs

        status: int = getattr(verbs, options.verb)(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        logger.error("stopped by the keyboard")
        if options and (options.wait or options.submit):
            logger.warning("what runs on Kaggle goes on; the same command waits for it again")
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
