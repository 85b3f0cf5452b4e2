#!/usr/bin/env python3
"""Builds standalone Kaggle kernels from kernel_templates/kernels.toml, runs them as Kaggle would, takes them there."""

import sys
from functools import partial
from pathlib import Path

from kernelgen.command import main as command

main = partial(command, project=Path(__file__).resolve().parent)

if __name__ == "__main__":
    sys.exit(main())
