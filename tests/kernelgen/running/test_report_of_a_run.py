"""What the user is told when a run does not end well, and that it leaves nothing behind then either."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.running.environment import HOME as REPOSITORY
from kernelgen.running.execution import run_notebook
from kernelgen.running.layouts import Mount
from kernelgen.running.report import failing_cell

pytestmark = pytest.mark.xdist_group("runs")  # they count the processes of their runs

LINGER = "86420.0"
SPAWN = f"import subprocess; subprocess.Popen(['sleep', '{LINGER}'], start_new_session=True)"


def test_a_failing_cell_is_reported_with_place_traceback_and_notebook(run) -> None:
    ended = run(
        "md:# Birds",
        "text = 'written before'\nopen('early.txt', 'w').write(text)",
        "md:## Scoring\n\nWhat is scored here.",
        "# the models one after another\ndef score():\n    raise ValueError('no class in common')\nscore()",
        "open('late.txt', 'w')",
    )
    message = ended.result.message
    assert not ended.result.ok
    assert message.startswith('cell 4 of 5 (In [2]), under "Scoring", `# the models one after another` failed\n')
    assert "ValueError: no class in common" in message
    assert "----> 3     raise ValueError" in message
    assert message.endswith(f"the notebook as far as it came: {ended.result.folder / '__notebook__.ipynb'}")
    assert "\x1b" not in message
    assert ended.file("early.txt") == "written before"
    assert not (ended.result.folder / "late.txt").exists()
    assert list(ended.scratch.iterdir()) == []


def test_a_kernel_that_dies_is_reported_with_its_cell_and_signal(run) -> None:
    ended = run("import os", "os.kill(os.getpid(), 11)")
    assert not ended.result.ok
    assert ended.result.message.startswith("the kernel died in cell 2 of 2")
    assert "signal 11" in ended.result.message


def test_the_time_limit_ends_the_run_and_keeps_what_there_is(run, tools) -> None:
    began = time.monotonic()
    ended = run(
        SPAWN + "\nprint('reached')",
        "import time\nprint('on the way', flush=True)\ntime.sleep(600)",
        time_limit_s=15,
    )
    assert not ended.result.ok
    assert ended.result.message.startswith(
        "stopped after 0.25 min: the time limit of the recipe; it was in cell 2 of 2"
    )
    assert time.monotonic() - began < 60
    assert ended.printed() == "reached\non the way\n"
    assert tools.left_of(LINGER) == []
    assert list(ended.scratch.iterdir()) == []


def test_a_kernel_that_will_not_listen_is_ended_all_the_same(run, tools, monkeypatch) -> None:
    ended = run(
        f"""
        import ctypes, signal, subprocess
        subprocess.Popen(["sh", "-c", "trap '' TERM INT HUP; sleep {LINGER}"])
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock
        """,
        time_limit_s=8,
    )
    assert ended.result.message.startswith("stopped after 0.1333 min")
    assert tools.left_of(LINGER) == []


# How the run is isolated (None: not at all), and how its command is ended.
ENDS = [
    ("bubblewrap", signal.SIGINT),
    ("bubblewrap", signal.SIGKILL),
    ("util_linux", signal.SIGTERM),
    ("util_linux", signal.SIGKILL),
    (None, signal.SIGTERM),
    (None, signal.SIGKILL),
]


@pytest.mark.parametrize(("way", "blow"), ENDS)
def test_nothing_is_left_running_when_the_command_is_ended(way, blow, tools, tmp_path: Path) -> None:
    tools.skip_without(way)
    spawn = f"{SPAWN}\nsubprocess.Popen(['sleep', '{LINGER}'], env={{}})\nopen('ready', 'w')"
    notebook = tools.write_notebook(tmp_path / "n.ipynb", spawn, "import time; time.sleep(600)")
    (tmp_path / "scratch").mkdir()
    code = f"""if True:
        import signal, sys
        from pathlib import Path
        from kernelgen.running import execution, room
        # A shell that starts its tests in the background has them ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        execution.FENCES = [getattr(room, name) for name in [{way!r}] if name]
        notebook = Path(sys.argv[1]).read_bytes()
        execution.run_notebook(notebook, [], folder=Path(sys.argv[2]), time_limit_s=600)
    """
    command = [sys.executable, "-c", code, str(notebook), str(tmp_path / "run")]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path / "scratch")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run" / "ready").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        assert tools.processes_with(LINGER)
        process.send_signal(blow)
        process.wait(60)
    assert tools.left_of(LINGER) == []
    assert process.returncode != 0
    if blow != signal.SIGKILL:  # a killed process cannot tidy up
        assert list((tmp_path / "scratch").iterdir()) == []


def test_results_of_an_earlier_run_go_when_the_next_one_starts(run, tmp_path: Path) -> None:
    (tmp_path / "run" / "locked").mkdir(parents=True)
    (tmp_path / "run" / "locked" / "old.csv").write_text("old")
    (tmp_path / "run" / "__notebook__.ipynb").write_text("old")
    (tmp_path / "run" / "locked").chmod(0o500)
    ended = run("open('new.csv', 'w').write('new')")
    assert sorted(path.name for path in ended.result.folder.iterdir()) == ["__notebook__.ipynb", "new.csv"]


def test_a_run_shows_its_parts_and_the_cells_output_while_it_goes_on(run, capfd) -> None:
    run(
        "md:# First part",
        "print('one')",
        "md:## Second part",
        """
        from tqdm import tqdm
        import time
        for _ in tqdm(range(300), mininterval=0):
            time.sleep(0.001)
        """,
        "print('two')",
    )
    out = capfd.readouterr().out
    assert re.search(r"\[\d\d:\d\d\] cell 2 of 5: First part\none\n\[\d\d:\d\d\] cell 4 of 5: Second part\n", out)
    assert out.count("it/s") < 10, "a progress bar must not fill a log"
    assert "100%" in out and "300/300" in out
    assert out.endswith("two\n")


def test_what_cannot_be_run_is_refused_in_one_line(tools, tmp_path: Path) -> None:
    notebook = tools.write_notebook(tmp_path / "n.ipynb", "1").read_bytes()
    (tmp_path / "data").mkdir()

    def refusal(notebook: bytes, *mounts: Mount, folder: Path = tmp_path / "run") -> str:
        with pytest.raises(KernelgenError) as error:
            run_notebook(notebook, mounts, folder=folder, time_limit_s=60, layout="old")
        assert "\n" not in str(error.value)
        return str(error.value)

    data = tmp_path / "data"
    same = Mount("dataset", "birds", "a", data), Mount("kernel", "birds", "b", data)
    assert "both" in refusal(notebook, *same)
    assert "is emptied" in refusal(notebook, Mount("dataset", "birds", "a", data), folder=data)
    assert data.exists()
    (data / "up").symlink_to(tmp_path)
    assert "circle" in refusal(notebook, Mount("dataset", "birds", "a", data))


def test_a_full_temporary_folder_is_named_and_not_the_runs_own(tools, tmp_path: Path) -> None:
    notebook = tools.write_notebook(tmp_path / "n.ipynb", "1")
    (tmp_path / "small").mkdir()
    code = f"""if True:
        from pathlib import Path
        from kernelgen.running.execution import run_notebook
        run_notebook(Path({str(notebook)!r}).read_bytes(), [], folder=Path({str(tmp_path)!r}, "run"), time_limit_s=60)
    """
    mount = f"mount -t tmpfs -o size=100k none {tmp_path / 'small'}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{mount} || exit 77; exec "$@"', "sh"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path / "small")}
    done = subprocess.run([*command, sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    if done.returncode == 77 or done.stderr.startswith("unshare"):
        pytest.skip(f"no disk can be made here that is full: {done.stderr.strip()}")
    last = done.stderr.strip().splitlines()[-1]
    assert re.search(r"No space left on device: '\S*small/kernelgen-run-\w+'$", last)  # the command makes a line of it


LIBRARY_FRAME_7 = """\
\x1b[0;32m/tmp/pk-x1y2z3/pk/deep/train.py\x1b[0m in \x1b[0;36mread\x1b[0;34m()\x1b[0m
      3 def read():
      4     path = "nowhere.csv"
----> 5     return pd.read_csv(path)
"""
CELL_FRAME_7 = "/tmp/ipykernel_54/123.py in <module>\n      1 from pk.deep.train import read\n----> 2 read()\n"
PANDAS_FRAME_7 = (
    "/opt/kaggle-image/lib/python3.12/site-packages/pandas/io.py in get(path)\n      9 a\n---> 10     open(a)\n"
)
LIBRARY_FRAME_8 = (
    "File /tmp/pk-x1y2z3/pk/deep/train.py:5, in read()\n      4 path\n----> 5     return pd.read_csv(path)\n"
)
CELL_FRAME_8 = "Cell In[2], line 2\n      1 import pk\n----> 2 read()\n"
IN_THE_LIBRARY = " in pk/deep/train.py:5, `return pd.read_csv(path)`"


@pytest.mark.parametrize(
    ("frames", "place"),
    [
        ((CELL_FRAME_7, LIBRARY_FRAME_7, PANDAS_FRAME_7), IN_THE_LIBRARY),
        ((CELL_FRAME_8, LIBRARY_FRAME_8, PANDAS_FRAME_7), IN_THE_LIBRARY),
        ((CELL_FRAME_7, LIBRARY_FRAME_7, CELL_FRAME_7), IN_THE_LIBRARY),  # the library calls a function of the cell
        ((CELL_FRAME_7, PANDAS_FRAME_7), ""),
        ((CELL_FRAME_8,), ""),
    ],
)
def test_the_line_in_the_notebooks_library_is_named(tmp_path: Path, frames: tuple[str, ...], place: str) -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["-----", *frames, "E: no"]}
    cell = {"cell_type": "code", "source": "read()", "execution_count": 2, "outputs": [error], "metadata": {}}
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": [cell]}))
    first, *rest = failing_cell(tmp_path / "n.ipynb", 0).splitlines()
    assert first == f"cell 1 of 1 (In [2]), `read()` failed{place}"
    assert rest[-1] == "    E: no"
