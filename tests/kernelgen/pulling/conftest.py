"""Projects in git repositories, their built notebooks, and what Kaggle's editor makes of them."""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kernelgen.building import build_kernel
from kernelgen.building.provenance import current_commit
from kernelgen.nodes import notebook_text
from kernelgen.pulling.pull import pull_kernel
from kernelgen.recipe import load_project

RECIPE = """
library = "pk"
owner = "someone"
[kernels.case]
template = "case"
files = ["pk/table.csv", "pk/sign.bin"]
[kernels.case.settings]
epochs = 3
[kernels.case.sources]
earlier = "kernel:{self}"
"""
CASE = """# %% [markdown]
# # A case
# {{ provenance() }}

# %% [markdown]
# ## Settings

# %%
EPOCHS = {{ epochs | literal }}
EARLIER = {{ sources.earlier | literal }}

# %%
{{ library() }}

# %% [markdown]
# ## Listening
#
# What was heard.

# %%
from pk.hear import hear

heard = hear(EPOCHS, EARLIER)
print(heard)

# %% [markdown]
# ## The end

# %%
for number in range(3):
    print("bird", number)

# %%
print("done")
"""
FILES = {
    "pk/hear.py": '"""Hears."""\n\nfrom . import odd, windows, words\n\n\ndef hear(*what):\n'
    "    return [words.FIRST, windows.X, odd.X, *what]\n",
    "pk/words.py": '"""Words."""\n\nFIRST = 1\nSECOND = 2\nTHIRD = 3\nFOURTH = 4\nFIFTH = 5\nSIXTH = 6\nLAST = 7\n',
    # What a cell cannot say: Windows' line ends, a BOM, no newline at the end.
    "pk/windows.py": b'\xef\xbb\xbf"""Windows."""\r\n\r\nX = 1\r\nY = 2\r\nZ = 3',
    # What the magic cannot carry.
    "pk/odd.py": "...\nX = 1\n",
    "pk/unused.py": "X = 1\n",
    "pk/table.csv": "a,b\n1,2\n",
    "pk/sign.bin": bytes(range(256)),
}


@dataclass
class Workplace:
    """A project in a repository of its own, and a notebook of it as it is on Kaggle."""

    root: Path
    out: Path
    kernel: str = "case"
    notebook: dict = field(default_factory=dict)

    def git(self, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        who = ["-c", "user.name=x", "-c", "user.email=x@y", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, "-C", str(self.root), *arguments], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")

    def commit(self):
        if not (self.root / ".git").exists():
            self.git("init", "-q", "-b", "main", ".")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", "--allow-empty")

    def push(self, overrides=(), commit=None, resumed=False):
        """Build the kernel; `notebook` is from now on what Kaggle has."""
        project = load_project(self.root, overrides)
        (kernel,) = project.select(self.kernel)
        kernel = replace(kernel, resumed=resumed)
        built = build_kernel(project, kernel, commit=commit or current_commit(self.root))
        text = notebook_text(built.notebook)
        self.notebook = json.loads(text)
        return text

    @property
    def cells(self):
        return self.notebook["cells"]

    def magic(self, file):
        """The first line of a cell that writes a file of the library, as the notebook's own cells write them."""
        (folder,) = {match for cell in self.cells for match in re.findall(r"^%%writefile ({\w+})/", cell["source"])}
        return f"%%writefile {folder}/{file}"

    def cell(self, text):
        """The one cell that contains a text."""
        (cell,) = [cell for cell in self.cells if text in cell["source"]]
        return cell

    def edit(self, text, new):
        cell = self.cell(text)
        cell["source"] = cell["source"].replace(text, new)

    def add(self, source, kind="code", position=None):
        new = {"cell_type": kind, "metadata": {}, "source": source}
        self.cells.insert(len(self.cells) if position is None else position, new)

    def saved(self, *, lists=False, windows=False, ids=False, metadata=False):
        """A notebook's JSON as an editor saves it that writes everything but the cells' text anew."""
        cells = []
        for number, cell in enumerate(self.cells, start=1):
            source = cell["source"].removesuffix("\n")
            if windows:
                source = source.replace("\r\n", "\n").replace("\n", "\r\n")
            new = {"cell_type": cell["cell_type"], "source": source, "metadata": {"trusted": True}}
            if lists:
                new["source"] = source.splitlines(keepends=True)
            if ids:
                new["id"] = f"a1b2-{number}"
            if metadata:
                new["metadata"] = {**cell["metadata"], "collapsed": False, "execution": {"iopub.status.busy": "x"}}
            if cell["cell_type"] == "code":
                new["execution_count"] = number
                new["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["Writing x\n"]}]
            cells.append(new)
        cells.append({"cell_type": "code", "source": [], "metadata": {}, "outputs": [], "execution_count": None})
        about = self.notebook["metadata"] | {"kaggle": {"accelerator": "none", "isGpuEnabled": False}}
        return json.dumps({"metadata": about, "nbformat_minor": 4, "nbformat": 4, "cells": cells})

    def pull(self, text=None, overrides=(), keep=True):
        project = load_project(self.root, overrides)
        text = json.dumps(self.notebook) if text is None else text
        return pull_kernel(project, project.kernels[self.kernel], text, out=self.out, keep=keep)

    def pulled(self, file=None):
        """The bytes of a file on the branch; without a file, the names of all that differ from its parent's."""
        if file is None:
            return self.git("diff", "--name-only", "main", f"kaggle/{self.kernel}").split("\n")
        command = ["git", "-C", str(self.root), "show", f"kaggle/{self.kernel}:{file}"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    @property
    def branches(self):
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split("\n")

    def write(self, file, text):
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def read(self, file):
        return (self.root / file).read_bytes()

    def files(self):
        """Every file of the working tree, git's own aside."""
        paths = (path for path in self.root.rglob("*") if path.is_file() and ".git" not in path.parts)
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths}


@pytest.fixture
def place(write_project, tmp_path):
    """The project above, committed and pushed."""
    place = Workplace(write_project(RECIPE, CASE, FILES), tmp_path / "out")
    place.commit()
    place.push()
    return place
