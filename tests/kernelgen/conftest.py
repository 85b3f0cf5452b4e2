"""What the generator's tests share: small projects written to a temporary folder."""

import logging
from pathlib import Path

import pytest

from kernelgen.messages import show_messages

RECIPE = 'library = "pk"\n[kernels.case]\ntemplate = "case"\n'
LIBRARY_CELL = "# %%\n{{ library() }}\n\n# %%\n"


@pytest.fixture
def messages(monkeypatch):
    """The lines for the reader of functions that a test calls itself, as the command shows them."""
    lines = []
    show_messages()
    (handler,) = logging.getLogger("kernelgen").handlers
    monkeypatch.setattr(handler, "emit", lambda record: lines.append(handler.format(record)))
    return lines


@pytest.fixture
def no_credentials(monkeypatch, tmp_path_factory):
    """A home without Kaggle credentials, so that no test depends on whose machine it runs on."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def write_project(tmp_path, no_credentials):
    """Writes a project: the recipe, the template "case", and files by their paths; returns its folder."""

    def write(recipe=RECIPE, case="print('hello')\n", files=None, folder="project") -> Path:
        root = tmp_path / folder
        texts = {
            "kernel_templates/kernels.toml": recipe,
            "kernel_templates/case.py.j2": case,
            "pk/__init__.py": "",
            **(files or {}),
        }
        for name, text in texts.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return root

    return write


@pytest.fixture
def build(write_project):
    """Writes a project like `write_project` and builds its kernel "case"."""
    from kernelgen.building import build_kernel
    from kernelgen.recipe import load_project

    def build(*arguments, owner=None, overrides=(), kernel="case", **keywords):
        project = load_project(write_project(*arguments, **keywords), overrides, owner)
        (selected,) = project.select(kernel)
        return build_kernel(project, selected, commit="abc123")

    return build


@pytest.fixture
def with_library():
    """A template's text: a cell for the library, then the code."""
    return lambda code: LIBRARY_CELL + code
