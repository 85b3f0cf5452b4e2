"""What the tests of publishing share: Kaggle on this machine, and the real client to talk to it."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import kaggle_server as kaggle_server_package  # noqa: E402

sys.path.pop(0)


@pytest.fixture
def kaggle_server():
    """A fresh Kaggle; the test fails where anything but http://localhost was asked for."""
    with kaggle_server_package.KaggleServer() as server:
        yield server
    assert server.violations == []


@pytest.fixture
def kaggle_environment(kaggle_server, tmp_path_factory):
    """The environment for processes that talk to `kaggle_server`, with the user's key in it."""
    return kaggle_server.environment(tmp_path_factory.mktemp("home"))


@pytest.fixture
def kaggle(kaggle_environment):
    """The real client's command line: kaggle("kernels", "push", "-p", folder) returns the finished process."""
    if importlib.util.find_spec("kaggle") is None:
        pytest.skip("needs Kaggle's client: pip install -e '.[push]'")

    def run(*arguments, env=None, cwd=None):
        command = [sys.executable, "-m", "kaggle", *map(str, arguments)]
        return subprocess.run(
            command, env=env or kaggle_environment, cwd=cwd, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.fixture
def kaggle_in_process(kaggle_environment, monkeypatch):
    """This process in `kaggle_environment`, so that code under test may use the client without a new process.

    The client reads its folder and its endpoint where its class is made, at the first import, so these are set too.
    """
    if importlib.util.find_spec("kaggle") is None:
        pytest.skip("needs Kaggle's client: pip install -e '.[push]'")
    for name in set(os.environ) - set(kaggle_environment):
        monkeypatch.delenv(name)
    for name, value in kaggle_environment.items():
        monkeypatch.setenv(name, value)
    from kaggle.api.kaggle_api_extended import KaggleApi

    folder = kaggle_environment["KAGGLE_CONFIG_DIR"]
    monkeypatch.setattr(KaggleApi, "args", ["--local"])
    monkeypatch.setattr(KaggleApi, "config_dir", folder)
    monkeypatch.setattr(KaggleApi, "config", os.path.join(folder, "kaggle.json"))
    endpoint = KaggleApi().build_kaggle_client_with_params(args=KaggleApi.args).http_client()._endpoint
    assert endpoint == "http://localhost", endpoint


@pytest.fixture
def papermill_failure():
    """Makes the log of a notebook that stopped: papermill_failure("ValueError", "no", cell=3, source="f()")."""
    return kaggle_server_package.papermill_failure


RECIPE = """
library = "pk"

[kernels.train]
template = "train"
gpu = true
machine_shape = "NvidiaTeslaT4"
sources = { competition = "competition:birdclef-2023", extra = "dataset:some-extra", earlier = "kernel:{self}" }

[kernels.export]
template = "export"
sources = { checkpoints = "kernel:train" }

[kernels.submission]
template = "submission"
submits = "submission.csv"
sources = { competition = "competition:birdclef-2023", weights = "kernel:export", extra = "dataset:some-extra" }
"""
TEMPLATES = {
    "train": "EXTRA = {{ sources.extra | literal }}\nCOMPETITION = {{ sources.competition | literal }}\n"
    "EARLIER = {{ sources.earlier | literal }}\n\n# %%\n{{ library() }}\n\n# %%\nfrom pk import work\n\nwork(EXTRA)\n",
    "export": "CHECKPOINTS = {{ sources.checkpoints | literal }}\n",
    "submission": "COMPETITION = {{ sources.competition | literal }}\nWEIGHTS = {{ sources.weights | literal }}\n"
    "EXTRA = {{ sources.extra | literal }}\n",
}
DATASET = 'title = "Some extra data"\nlicense = "CC0-1.0"\n'


@pytest.fixture
def project(tmp_path):
    """A project with a training kernel, an export, a submission, and a dataset that two of them attach."""
    root = tmp_path / "project"
    texts = {
        "kernel_templates/kernels.toml": RECIPE,
        "pk/__init__.py": "def work(extra):\n    return extra\n",
        "datasets/some-extra/dataset.toml": DATASET,
        "datasets/some-extra/table.csv": "a,b\n1,2\n",
        "datasets/some-extra/weights.bin": "\x00\x01" * 3000,
        **{f"kernel_templates/{name}.py.j2": f"# %%\n{text}" for name, text in TEMPLATES.items()},
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def quick(monkeypatch):
    """The same waiting, in hundredths of seconds."""
    from kernelgen.publishing import client, datasets

    monkeypatch.setattr(client, "PATIENCE_SECONDS", 2.0)
    monkeypatch.setattr(client, "PATIENCE_WHILE_WAITING_SECONDS", 3.0)
    monkeypatch.setattr(client, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(client, "LONGEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(datasets, "READY_LIMIT_SECONDS", 10)
    monkeypatch.setattr(client, "LOOK_AGAIN_SECONDS", (0, 0.01, 0.02))


@pytest.fixture
def command(project, kaggle_in_process, quick, capsys):
    """build_kernels.py on the project, in this process: exit status, what it printed, what it said."""
    import build_kernels

    def command(*arguments):
        capsys.readouterr()
        code = build_kernels.main([*arguments, "--project", str(project), "--commit", "abc123"])
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err, errors=_errors(said.err))

    return command


def _errors(text):
    return [line.removeprefix("error: ") for line in text.splitlines() if line.startswith("error: ")]
