"""What the user is told when a run does not end well, and that it leaves nothing behind then either."""

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
from kernelgen.running.inputs import Mount

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
    assert message.endswith(f"the notebook as far as it came: {ended.result.notebook}")
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
    assert ended.result.message.startswith("stopped after 15 s: the time limit of the recipe; it was in cell 2 of 2")
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
    assert ended.result.message.startswith("stopped after 8 s")
    assert tools.left_of(LINGER) == []


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running_when_the_command_is_ended(blow, tools, tmp_path: Path) -> None:
    notebook = tools.write_notebook(
        tmp_path / "n.ipynb", SPAWN + "\nopen('ready', 'w')", "import time; time.sleep(600)"
    )
    (tmp_path / "scratch").mkdir()
    code = (
        # A shell that starts its tests in the background has them ignore Ctrl-C.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "import sys; from pathlib import Path; from kernelgen.running.execution import run_notebook; "
        "run_notebook(Path(sys.argv[1]).read_bytes(), [], folder=Path(sys.argv[2]), time_limit_s=600)"
    )
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
    deadline = time.monotonic() + 20
    while tools.processes_with(LINGER) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert tools.left_of(LINGER) == []
    assert process.returncode != 0
    if blow != signal.SIGKILL:  # a killed process cannot tidy up; the next run does
        assert list((tmp_path / "scratch").iterdir()) == []


def test_the_files_of_a_run_that_was_killed_go_with_the_next_run(run, tmp_path: Path) -> None:
    left = tmp_path / "scratch" / "kernelgen-run-killed"
    (left / "root").mkdir(parents=True)
    (left / "root" / "spill").write_text("gigabytes")
    an_hour_ago = time.time() - 3600
    os.utime(left, (an_hour_ago, an_hour_ago))
    assert run("1").result.ok
    assert not left.exists()


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
    assert "is not a folder" in refusal(notebook, Mount("dataset", "birds", "owner", tmp_path / "none"))
    assert "is no name on Kaggle" in refusal(notebook, Mount("dataset", "../birds", "owner", data))
    assert "framework" in refusal(notebook, Mount("model", "net", "owner", data))
    same = Mount("dataset", "birds", "a", data), Mount("kernel", "birds", "b", data)
    assert "both" in refusal(notebook, *same)
    assert "is emptied" in refusal(notebook, Mount("dataset", "birds", "a", data), folder=data)
    assert data.exists()
    (data / "up").symlink_to(tmp_path)
    assert "circle" in refusal(notebook, Mount("dataset", "birds", "a", data))
