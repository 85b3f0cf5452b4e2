"""Packages that Kaggle's image lacks, installed from an attached wheel dataset."""

import importlib
import subprocess
import sys
from pathlib import Path

from birdlib.errors import BirdlibError


def install_wheels(folder: Path, *packages: str) -> None:
    """Install packages from wheels alone: no network, and nothing that Kaggle's image has is replaced.

    Raises:
        BirdlibError: pip refuses; the text holds its reason and the wheels at hand.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--root-user-action=ignore", f"--find-links={folder}", *packages]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.strip()]
        wheels = ", ".join(sorted(path.name for path in folder.glob("*.whl"))) or "no wheel"
        raise BirdlibError(
            f"installing {' '.join(packages)} from {folder} failed: {reasons[-1] if reasons else 'pip gave no reason'} "
            f"(Python {sys.version_info.major}.{sys.version_info.minor}; the dataset holds {wheels})"
        )
    importlib.invalidate_caches()
