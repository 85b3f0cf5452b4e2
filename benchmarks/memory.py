#!/usr/bin/env python3
"""Memory of a whole submission: 200 soundscapes of 10 minutes at 501 frames, beyond what the models take.

Prints a table; `--soundscapes 20` for a quick look. All mel spectrograms together would be 6.2 GB.
"""

import argparse
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import openvino as ov
import pandas as pd
import psutil
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from birdlib.competition.editions import edition  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.demo.competition import make_competition  # noqa: E402
from birdlib.ensemble.members import load_members  # noqa: E402
from birdlib.frontend.mel import FrontEnd  # noqa: E402
from birdlib.submission.ensemble_table import EnsembleTable  # noqa: E402
from birdlib.submission.plan import Plan  # noqa: E402
from birdlib.submission.preparation import prepare  # noqa: E402
from birdlib.submission.run import Run  # noqa: E402
from birdlib.submission.scoring import ScoringLoop  # noqa: E402
from birdlib.submission.windows import Windows  # noqa: E402
from birdlib.weights.manifest import ModelEntry, sha256, write_manifest  # noqa: E402

FRONT_END = FrontEnd(32000, 5, 2048, 320, 128, 20, 16000)
CLASSES = 264


class Peak(threading.Thread):
    """Samples this process's resident memory ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process()
        self.peak = 0
        self.start()

    def run(self) -> None:
        while True:
            self.peak = max(self.peak, self.process.memory_info().rss)
            time.sleep(0.1)


def make_soundscapes(folder: Path, count: int) -> list[str]:
    """Two real files of 10 minutes under as many names as wanted, and the sample submission that asks for them."""
    make_competition(
        folder, seed=0, species=12, recordings_per_species=1, broken_files=0, soundscapes=2, soundscape_seconds=600
    )
    originals = sorted((folder / "test_soundscapes").iterdir())
    stems = []
    for number in range(count):
        stems.append(f"soundscape_{number + 1}")
        (folder / "test_soundscapes" / f"{stems[-1]}.ogg").hardlink_to(originals[number % 2])
    for original in originals:
        original.unlink()
    classes = [f"class{number:03d}" for number in range(CLASSES)]
    row_ids = [f"{stem}_{end}" for stem in stems for end in range(5, 601, 5)]
    pd.DataFrame(0.0, index=pd.Index(row_ids, name="row_id"), columns=classes).to_csv(folder / "sample_submission.csv")
    return classes


def make_weights(folder: Path, classes: list[str]) -> Path:
    """Two cheap models: the memory of real ones is theirs, not the submission's."""
    folder.mkdir()
    entries = []
    for seed in range(2):
        torch.manual_seed(seed)
        layers = [torch.nn.Conv2d(1, 8, 9, 8), torch.nn.SiLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(8, CLASSES)).eval()
        example = torch.zeros(2, *FRONT_END.shape)
        name = f"cheap-seed{seed}"
        ov.save_model(
            ov.convert_model(model, example_input=example, input=[-1, *FRONT_END.shape]), folder / f"{name}.xml"
        )
        files = {file: sha256(folder / file) for file in (f"{name}.xml", f"{name}.bin")}
        entries.append(
            ModelEntry(name, "cheap", FRONT_END, tuple(classes), "f16", files, seed, None, None, "", 0.001, 0.0, {}, "")
        )
    write_manifest(folder, entries)
    return folder


def stop(error: Exception) -> None:
    raise error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soundscapes", type=int, default=200)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir="/var/tmp"))
    try:
        classes = make_soundscapes(folder / "competition", options.soundscapes)
        weights = make_weights(folder / "weights", classes)
        run = Run()
        run.set_limit(120, 0.05)
        before = psutil.Process().memory_info().rss
        peak = Peak()
        started = time.perf_counter()
        task = prepare(CompetitionFiles(folder / "competition", edition("demo")), folder / "submission.csv", 5)
        members = load_members(weights, task.plan.classes, stop)
        windows = Windows(task.soundscapes, [member.entry.front_end for member in members], folder, stop)
        table = EnsembleTable(run, task.plan.row_ids, task.plan.classes, folder=folder / "scores")
        ScoringLoop(Plan(run, list(members), len(windows)), windows, table, task.save, "f32").score()
        stored = sum(file.stat().st_size for file in folder.glob("mels-*"))
        rows = {
            "soundscapes of 10 minutes": f"{options.soundscapes}",
            "windows": f"{task.windows:,}",
            "mel spectrograms": f"{stored / 1e9:.2f} GB on disk",
            "resident before": f"{before / 1e9:.2f} GB",
            "resident at most": f"{peak.peak / 1e9:.2f} GB",
            "decoding": f"{windows.seconds_decoding:.0f} s",
            "front end": f"{windows.seconds_front_end:.0f} s",
            "all": f"{time.perf_counter() - started:.0f} s",
        }
        for name, value in rows.items():
            print(f"| {name} | {value} |")
        assert len(table.tables) == len(members)
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
