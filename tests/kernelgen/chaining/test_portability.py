"""Listing and building work where Linux's own modules and functions are not there; a run says what it needs."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import build_kernels
from kernelgen import running

COMMAND = Path(__file__).parents[3] / "build_kernels.py"
# A Python without what Windows has not, as far as a program can see. Modules that load before are taken as they are:
# the standard library itself asks for some of these, and does without.
ELSEWHERE = f"""
import os, sys
sys.path.insert(0, {str(COMMAND.parent)!r})
import asyncio, subprocess, multiprocessing, tempfile, ctypes, platform, getpass, uuid
for name in ("fcntl", "pwd", "grp", "resource", "termios", "pty", "tty", "syslog", "posix_ipc", "crypt"):
    sys.modules[name] = None
for name in ("getuid", "geteuid", "getgid", "getegid", "sched_getaffinity", "fork", "forkpty", "setsid", "killpg",
             "getpgid", "statvfs", "mkfifo", "uname", "chown", "lchown", "O_DIRECTORY", "O_CLOEXEC", "O_NOFOLLOW"):
    if hasattr(os, name):
        delattr(os, name)
"""
DESCRIPTION = 'title = "The words"\nlicense = "other"\n'
RECIPE = """
library = "pk"
mounts = "pk.sources"
[kernels.train]
template = "case"
sources = {earlier = "kernel:{self}", words = "dataset:the-words"}
"""
FILES = {
    "pk/sources.py": "def find(source):\n    return source\n",
    "datasets/the-words/dataset.toml": DESCRIPTION,
    "datasets/the-words/words.txt": "words",
}
CASE = "# %%\n{{ library() }}\n\n# %%\nfrom pk.sources import find\nprint(find({{ sources.words | literal }}), {{ sources.earlier | literal }})\n"


@pytest.fixture
def elsewhere(write_project):
    root = write_project(RECIPE, CASE, FILES)

    def elsewhere(*arguments):
        call = f"import build_kernels; sys.exit(build_kernels.main({['--project', str(root), *arguments]!r}))"
        return subprocess.run([sys.executable, "-c", ELSEWHERE + call], capture_output=True, text=True)

    elsewhere.root = root
    return elsewhere


@pytest.mark.parametrize(
    "arguments",
    [
        ["--list"],
        ["--target", "train,the-words", "--owner", "ann"],
        ["--target", "train", "--resume", "--owner", "ann"],
    ],
)
def test_listing_and_building_need_nothing_of_linux(elsewhere, arguments):
    done = elsewhere(*arguments)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr and "Traceback" not in done.stderr
    if "--list" not in arguments:
        assert (elsewhere.root / "build/train/train.ipynb").is_file()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_run_says_what_it_needs_before_it_builds(write_project, monkeypatch, capsys, platform):
    root = write_project()
    monkeypatch.setattr(running, "sys", SimpleNamespace(platform=platform))
    assert build_kernels.main(["--project", str(root), "--target", "case", "--owner", "ann", "--run"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --run: needs Linux") and "WSL" in line and "--push" in line
    assert not (root / "build").exists()
