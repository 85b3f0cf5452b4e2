#!/usr/bin/env python3
"""What building every kernel costs, against importing the packages that it stands on: CPU time, one after the other.

    python benchmarks/building.py [--repeats 7] [--target all]

Prints a Markdown table: medians with the smallest and largest of all repeats. Byte code is compiled before the first
measurement, so that what is measured is the second call and all later ones, as for any installed program.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = "import jinja2, nbformat, jupytext, pydantic"


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of a command and of all that it starts."""
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    process = os.posix_spawn(command[0], command, environment, file_actions=silent)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: failed; run it by hand to see why")
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--target", default="all")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats: at least 1")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        out = Path(folder, "build")
        commands = {
            f"`{IMPORTS}`": [sys.executable, "-c", IMPORTS],
            "every kernel": [
                *(sys.executable, str(ROOT / "build_kernels.py")),
                *("--target", options.target, "--out", str(out)),
            ],
        }
        for command in commands.values():
            cpu_seconds(command, environment)
        kernels = len(list(out.glob("*/*.ipynb")))
        # Turn by turn: other work on the machine then slows both alike.
        spent = [[cpu_seconds(command, environment) for command in commands.values()] for _ in range(options.repeats)]
    ratios = [build / imports for imports, build in spent]
    print("| CPU seconds | median | of all repeats |\n| --- | ---: | ---: |")
    for name, seconds in zip(commands, zip(*spent, strict=True), strict=True):
        title = f"{name}, {kernels} of them" if name == "every kernel" else name
        print(f"| {title} | {statistics.median(seconds):.2f} | {min(seconds):.2f} to {max(seconds):.2f} |")
    print(f"| times the imports | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
