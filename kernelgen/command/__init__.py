"""The command line: reads arguments and calls one function per verb."""

from kernelgen.command.entry import main

__all__ = ["main"]
