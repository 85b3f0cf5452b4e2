"""What the library's tests share."""

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_CALLS = """
import contextlib, importlib, io, pickle, sys
while True:
    try:
        module, name, arguments, options = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        getattr(importlib.import_module(module), name)(*arguments, **options)
    pickle.dump(printed.getvalue(), sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""


@pytest.fixture(scope="session")
def of_the_working_tree():
    """Functions of birdlib; those that the copy under test is without run elsewhere, from the working tree.

    What such a one returns is lost, what it prints is printed here.
    """
    library = Path(importlib.util.find_spec("birdlib").origin).parents[1]
    elsewhere = []

    def function(module: str, name: str):
        # An import would find it in the working tree, from which the project is installed.
        if library.joinpath(*module.split(".")).with_suffix(".py").exists():
            return getattr(importlib.import_module(module), name)
        if not elsewhere:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-c", _CALLS]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            elsewhere.append(subprocess.Popen(command, cwd=ROOT, env=environment, **pipes))

        def call(*arguments, **options):
            pickle.dump((module, name, arguments, options), elsewhere[0].stdin)
            elsewhere[0].stdin.flush()
            print(pickle.load(elsewhere[0].stdout), end="")

        return call

    yield function
    for process in elsewhere:
        process.communicate()


@pytest.fixture(scope="session")
def prepare(of_the_working_tree):
    """What the prepare kernel does; `prepare(files, folder, **options)`."""
    return of_the_working_tree("birdlib.data.preparation", "prepare")


@pytest.fixture(scope="session")
def make_competition(of_the_working_tree):
    """Makes a small competition in a folder; `make_competition(root, **options)`."""
    return of_the_working_tree("birdlib.demo.competition", "make_competition")


@pytest.fixture(autouse=True)
def _denormals_as_they_were():
    """OpenVINO lets the thread that compiles take denormal numbers for zeros; other tests count on them."""
    yield
    import torch

    torch.set_flush_denormal(False)
