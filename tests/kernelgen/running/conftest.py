import json
import os
import subprocess
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kernelgen.running import execution, room
from kernelgen.running.execution import RunResult, run_notebook

PROBES = {
    "bubblewrap": "bwrap --unshare-all --unshare-user --ro-bind / / true",
    "util_linux": "unshare --user --map-root-user --mount --net --pid --fork setpriv --no-new-privs true",
}


def skip_without(way: str | None) -> None:
    """Skips a test of a way to isolate runs that this machine has not."""
    try:
        probe = subprocess.run(PROBES[way].split() if way else ["true"], capture_output=True, text=True)
        reason = probe.stderr.strip() if probe.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        pytest.skip(f"no isolation by {way} here: {reason}")


@pytest.fixture(scope="module", params=PROBES)
def fence(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each way to isolate a run in turn, and no other."""
    skip_without(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "FENCES", (getattr(room, request.param),))
        yield request.param


@dataclass
class Run:
    """A run that a test looks at, and what the notebook wrote about what it saw."""

    result: RunResult
    facts: dict[str, Any]
    scratch: Path

    def file(self, name: str) -> str:
        return (self.result.folder / name).read_text(encoding="utf-8")

    def printed(self) -> str:
        notebook = json.loads(self.file("__notebook__.ipynb"))
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        return "".join("".join(output.get("text", [])) for output in outputs)


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of these cells; one that starts with "md:" is markdown."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    for number, cell in enumerate(cells):
        new = nbformat.v4.new_markdown_cell if cell.startswith("md:") else nbformat.v4.new_code_cell
        source = textwrap.dedent(cell.removeprefix("md:")).strip()
        notebook.cells.append(new(source, id=f"cell-{number}"))
    nbformat.write(notebook, path)
    return path


def run_cells(place: Path, *cells: str, time_limit_s: float = 300, **options: Any) -> Run:
    """Runs these cells with `place` for everything; scratch goes to a folder that a test can look into."""
    scratch = place / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(scratch)
    try:
        result = run_notebook(
            write_notebook(place / "notebook.ipynb", *cells).read_bytes(),
            options.pop("mounts", []),
            folder=place / "run",
            time_limit_s=time_limit_s,
            **options,
        )
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before
    facts = place / "run" / "facts.json"
    return Run(result, json.loads(facts.read_text()) if facts.exists() else {}, scratch)


def write_wheel(folder: Path, name: str, version: str = "1.0") -> Path:
    """The smallest wheel there is: one module that knows its version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    information = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{information}/WHEEL", tags)
        wheel.writestr(f"{information}/RECORD", f"{name}.py,,\n{information}/RECORD,,\n")
    return path


def processes_with(words: str) -> list[str]:
    """The command lines of this machine's processes that hold these words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if words in line:
                found.append(line)
    return found


def left_of(words: str) -> list[str]:
    """The same of what outlives its end: on a busy machine, a process that was killed takes a moment to go."""
    deadline = time.monotonic() + 10
    while (found := processes_with(words)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


class Tools:
    """What the tests of this room share."""

    run_cells = staticmethod(run_cells)
    write_notebook = staticmethod(write_notebook)
    write_wheel = staticmethod(write_wheel)
    processes_with = staticmethod(processes_with)
    left_of = staticmethod(left_of)
    skip_without = staticmethod(skip_without)


@pytest.fixture(scope="session")
def tools() -> type[Tools]:
    return Tools


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    return lambda *cells, **options: run_cells(tmp_path, *cells, **options)
