#!/usr/bin/env python3
"""What a recipe's choices are worth on real birds, at a scale that two cores carry. Prints Markdown tables.

    python benchmarks/choices.py --competition FOLDER --truth soundscape_labels.csv

Each choice (the loss, the head, the seconds that a model hears) is one change of mini-train's model, trained on all
recordings with three seeds. Then every blend of the trained models and every post-processing step, each by itself.
The soundscapes judge once: nothing is chosen by them.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from listening import task_of  # noqa: E402
from real_birds import aligned_truth, copy_without_truth  # noqa: E402
from trainings import settings_of, surroundings_of  # noqa: E402

from birdlib.audio.recordings import read_windows  # noqa: E402
from birdlib.competition.editions import WINDOW_SECONDS, edition  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.competition.rows import split_row_id  # noqa: E402
from birdlib.data.preparation import prepare  # noqa: E402
from birdlib.data.prepared import Prepared  # noqa: E402
from birdlib.frontend.mel import MelSpectrogram  # noqa: E402
from birdlib.metrics.intervals import ends_of, group_draws  # noqa: E402
from birdlib.metrics.ranking import MACRO_ROC_AUC, PADDED_CMAP  # noqa: E402
from birdlib.scores.pipeline import Scoring  # noqa: E402
from birdlib.scores.score_table import ScoreTable  # noqa: E402
from birdlib.submission.preparation import Task  # noqa: E402
from birdlib.training.launch import train_members  # noqa: E402
from birdlib.training.members import Members  # noqa: E402
from birdlib.weights.checkpoint import checkpoints_in, load_checkpoint  # noqa: E402
from kernelgen.recipe import load_project  # noqa: E402

CHOICES = {
    "as mini-train: BCE, pooled head, 5 s": {},
    "focal loss": {"loss": [{"name": "focal"}]},
    "soft AUC + 0.25 BCE": {"loss": [{"name": "soft_auc"}]},
    "attention head": {"head": {"name": "attention"}},
    "SED head": {"head": {"name": "sed"}},
    "10 s": {"window_seconds": 10},
    "SED head, 10 s": {"head": {"name": "sed"}, "window_seconds": 10},
}
STEPS = (
    {"name": "smoothing", "kernel": [0.1, 0.2, 0.4, 0.2, 0.1]},
    {"name": "file_maximum", "share": 0.2},
    {"name": "top_k_scaling", "k": 1, "power": 0.4},
    {"name": "probability_power", "exponent": 1.5},
    {"name": "cut_off", "threshold": 0.1},
    {"name": "class_rank"},
)
BLENDS = (
    {"name": "mean"},
    {"name": "rank"},
    {"name": "logit"},
    {"name": "geometric"},
    {"name": "power", "exponent": 2.0},
    {"name": "minimum"},
)


def train(prepared: Prepared, settings: Mapping, folder: Path) -> None:
    """Train the model of some settings with each of its seeds on all recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = settings_of(settings)
    around = surroundings_of(prepared, settings, folder)
    if not train_members(Members(wanted, settings["seeds"], ["full"]), around, 1, threads=settings["threads"]):
        raise SystemExit("twelve hours were not enough")


@torch.no_grad()
def scores_of(folder: Path, task: Task) -> list[ScoreTable]:
    """What each trained model of a folder says of every row, by its averaged weights."""
    tables = []
    for path in checkpoints_in(folder):
        saved = load_checkpoint(path)
        model = saved.build()
        model.load_state_dict(saved.ema)
        model.eval()
        mel = MelSpectrogram(saved.front_end)
        logits = np.full((len(task.plan.row_ids), len(saved.classes)), np.nan, np.float32)
        for soundscape in task.soundscapes:
            waves, _ = read_windows(
                soundscape.path,
                soundscape.ends,
                window_seconds=saved.front_end.window_seconds,
                row_seconds=WINDOW_SECONDS,
                sample_rate=saved.front_end.sample_rate,
                padding=saved.settings["padding"],
            )
            heard = [model.scores(mel(batch)) for batch in torch.from_numpy(np.array(waves)).split(16)]
            logits[soundscape.rows] = torch.cat(heard).numpy()
        tables.append(ScoreTable(saved.name, tuple(task.plan.row_ids), saved.classes, logits))
    return tables


class Judge:
    """The truth of the soundscapes' rows, and what scores are worth against it."""

    def __init__(self, truth: np.ndarray, task: Task) -> None:
        self.truth, self.row_ids = truth, task.plan.row_ids
        self.soundscapes = [split_row_id(row_id)[0] for row_id in self.row_ids]

    def line(self, name: str, several: Sequence[np.ndarray]) -> str:
        """A row of a table: the mean over seeds and their range, and one table's interval over soundscapes."""
        cells = [name]
        for metric in (MACRO_ROC_AUC, PADDED_CMAP):
            values = [metric(self.truth, scores) for scores in several]
            low, high = min(values), max(values)
            cells.append(f"{np.mean(values):.3f}" + (f" ({low:.3f} to {high:.3f})" if len(values) > 1 else ""))
        middle = several[len(several) // 2]
        low, high = ends_of(MACRO_ROC_AUC.draws(self.truth, middle, group_draws(self.soundscapes)))
        return f"| {' | '.join(cells)} | {low:.3f} to {high:.3f} |"

    def head(self, what: str) -> str:
        return f"\n| {what} | macro ROC-AUC | padded cmAP | 95 % over soundscapes |\n| --- | ---: | ---: | ---: |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--competition", type=Path, required=True, help="train_audio/, test_soundscapes/, tables")
    parser.add_argument("--truth", type=Path, required=True, help="the soundscapes' labels; no training sees them")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "choices", help="default: %(default)s")
    options = parser.parse_args()
    started, out = time.perf_counter(), options.out.absolute()
    seen = out / "competition"
    if not seen.exists():
        copy_without_truth(options.competition, seen)
    task = task_of(seen)
    judge = Judge(aligned_truth(options.truth, task.plan.row_ids, task.plan.classes), task)
    files = CompetitionFiles(seen, edition("birdclef-2023"))
    if not (out / "prepared" / "recordings.csv").exists():
        (out / "prepared").mkdir(parents=True, exist_ok=True)
        prepare(files, out / "prepared", cache_gigabytes=1.0, cache_seconds=600.0, workers=1)
    prepared = Prepared.read(out / "prepared", files)
    usual = load_project(ROOT).kernels["mini-train"].settings | {"epochs": options.epochs}

    tables: dict[str, list[ScoreTable]] = {}
    lines = [judge.head("choice")]
    for name, changes in CHOICES.items():
        folder = out / "".join(letter if letter.isalnum() else "-" for letter in name)
        train(prepared, usual | changes, folder)
        tables[name] = scores_of(folder, task)
        lines.append(judge.line(name, [table.probabilities(task.plan.classes) for table in tables[name]]))
    baseline = next(iter(tables))
    lines.append(judge.head("post-processing of each of the first row's models"))
    for steps in ([], *([step] for step in STEPS)):
        scoring = Scoring.of({"name": "mean"}, steps)
        several = [scoring([table], task.plan.classes) for table in tables[baseline]]
        lines.append(judge.line(steps[0]["name"] if steps else "none", several))
    lines.append(judge.head(f"blend of one model of each of the {len(tables)} choices, by seed"))
    for blend in BLENDS:
        scoring = Scoring.of(blend)
        several = [scoring(list(group), task.plan.classes) for group in zip(*tables.values(), strict=True)]
        lines.append(judge.line(blend["name"], several))
    print("\n".join(lines))
    print(f"\n{options.epochs} epochs, seeds {usual['seeds']}, {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
