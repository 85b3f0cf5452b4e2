"""Built notebooks, run by the command as a user runs it, on a small demo competition."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "build_kernels.py")]

# Small models and mels: these tests are about the notebooks' conduct, not about the models' worth.
SMALL = [
    'architectures=["test_resnet", "test_efficientnet"]',
    'heads=[{name = "pooled"}, {name = "sed"}]',
    "real_recordings=6",
    "species=6",
    "recordings_per_species=6",
    "broken_files=1",
    "soundscapes=2",
    "soundscape_seconds=30",
]
# Three steps an epoch, each of two micro-batches.
TRAINING = ["epochs=2", "batch_size=8", "device_batch=4"]


def command(*arguments, cwd=None, **environment):
    """`python build_kernels.py …`, its exit status and what it printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("KAGGLE_")} | environment
    done = subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, env=env, capture_output=True, text=True)
    return SimpleNamespace(status=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture(scope="session")
def wheels():
    """The wheel dataset, filled as the README says."""
    done = command("--target", "openvino-wheels")
    assert done.status == 0, done.err
    return ROOT / "datasets" / "openvino-wheels"


@pytest.fixture(scope="session")
def chain(wheels, tmp_path_factory):
    """The demo without training, run once: competition, truth, random weights, their submission."""
    out = tmp_path_factory.mktemp("chain")
    kernels = "demo-competition,demo-truth,demo-untrained,demo-untrained-submission"
    done = command("--target", kernels, "--out", out, "--run", "--set", *SMALL)
    assert done.status == 0, done.out + done.err
    return SimpleNamespace(out=out, printed=done.out + done.err)


@pytest.fixture(scope="session")
def trained(chain, tmp_path_factory):
    """The rest of the demo in the same folder, from preparation to scores; the teacher takes two sessions."""

    def run(kernels, *arguments, settings=TRAINING):
        done = command("--target", kernels, "--out", chain.out, "--run", *arguments, "--set", *settings)
        assert done.status == 0, done.out + done.err
        return done.out + done.err

    # The first session ends 0.6 s after its process began: before its first step does.
    run("demo-prepare,demo-train", settings=[*TRAINING, "session_minutes=30.0", "closing_minutes=29.99"])
    closed = tmp_path_factory.mktemp("closed") / "run"
    shutil.copytree(chain.out / "demo-train" / "run", closed)
    run("demo-train", "--resume")
    text = run("demo-distill,demo-distill-time,demo-evaluate,demo-export,demo-submission,demo-score")
    return SimpleNamespace(out=chain.out, closed=closed, printed=text)


@pytest.fixture
def submit(chain, tmp_path):
    """Runs the demo's submission kernel on copies of the chain's outputs, which a test may spoil first."""

    class Submit:
        competition = tmp_path / "competition"
        weights = tmp_path / "weights"
        folder = tmp_path / "out" / "demo-untrained-submission" / "run"

        def __init__(self):
            for kernel, copy in (("demo-competition", self.competition), ("demo-untrained", self.weights)):
                shutil.copytree(chain.out / kernel / "run", copy)

        def __call__(self, *arguments, rerun=False, settings=()):
            done = command(
                "--target",
                "demo-untrained-submission",
                "--out",
                tmp_path / "out",
                "--run",
                *(["--rerun"] if rerun else []),
                *(["--set", *settings] if settings else []),
                "--input",
                f"competition={self.competition}",
                f"weights={self.weights}",
                *arguments,
            )
            path = self.folder / "__notebook__.ipynb"
            done.notebook = nbformat.read(path, 4) if path.exists() else None
            done.table = self.folder / "submission.csv"
            done.text = done.out + done.err + (printed(done.notebook) if done.notebook else "")
            return done

    return Submit()


def notebook(chain, kernel):
    """The run notebook of a kernel."""
    return nbformat.read(chain.out / kernel / "run" / "__notebook__.ipynb", 4)


def printed(notebook):
    """All text that a run notebook shows."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts.append(output.get("text", "") or "\n".join(output.get("traceback", [])))
            parts.append(str(output.get("data", {}).get("text/plain", "")))
    return "\n".join(parts)
