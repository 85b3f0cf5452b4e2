"""Running a built notebook as Kaggle does: fresh root, no network, the image's packages, a time limit."""

from __future__ import annotations

import sys

from kernelgen.errors import KernelgenError


def check_platform() -> None:
    """Raises `KernelgenError` where notebooks cannot be run; building and pushing work everywhere."""
    if sys.platform != "linux":
        raise KernelgenError(
            "--run: needs Linux; use WSL 2 on Windows, a virtual machine on macOS (building and --push work here)"
        )
