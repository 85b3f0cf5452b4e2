"""Models as a training kernel leaves them, with their predictions."""

from pathlib import Path

import numpy as np
import torch

from birdlib.frontend.mel import FrontEnd
from birdlib.metrics.validation import validation_metrics
from birdlib.scores.prediction_tables import clip_row_ids, write_predictions
from birdlib.weights.checkpoint import Checkpoint, save_checkpoint

CLASSES = ("abethr1", "cedchi1", "1139490")
FILENAMES = [f"abethr1/XC{number}.ogg" for number in range(12)]
AUTHORS = ["ann", "ann", "bob", "cy", "dan", "eve"]  # of a fold's recordings
TRUTH = (np.random.default_rng(0).random((12, 3)) < 0.5).astype(np.float32)


def predicted(seed: int, fold: int) -> tuple[slice, np.ndarray]:
    """A fold's rows and what a model of it says of them."""
    rows = slice(6 * fold, 6 * fold + 6)
    return rows, np.random.default_rng([seed, fold]).random((6, 3)).round(4).astype(np.float32)


def leave_model(
    folder: Path, seed: int, fold, epoch: int = 4, soundscapes: bool = False, recipe="rx", authors=AUTHORS, **changes
) -> None:
    """A model as a training leaves it."""
    name = f"{recipe}-wdfbn-ema-4-{fold if fold == 'full' else f'fold{fold}'}-seed{seed}"
    finished = epoch == 4
    scores = {"clips": None, "soundscapes": None}
    if fold != "full" and epoch:
        rows, scored = predicted(seed, fold)
        scores["clips"] = validation_metrics(TRUTH[rows], scored)
        if finished:
            ids = clip_row_ids(FILENAMES[rows])
            truth = TRUTH[rows]
            write_predictions(
                folder / f"{name}.oof.csv", ids, CLASSES, scored, truth, filenames=FILENAMES[rows], groups=authors
            )
    if soundscapes:
        ids = [f"s{number // 3}_{5 * (number % 3 + 1)}" for number in range(12)]
        scored = np.random.default_rng(seed).random((12, 3)).round(4)
        write_predictions(folder / f"{name}.soundscapes.csv", ids, CLASSES, scored, TRUTH)
        scores["soundscapes"] = validation_metrics(TRUTH, scored) | {"padded_cmap_low": 0.1, "padded_cmap_high": 0.9}
    values = {
        "name": name,
        "architecture": "rexnet150",
        "head": {"name": "pooled"},
        "channels": 1,
        "classes": CLASSES,
        "front_end": FrontEnd(32000, 5, 1024, 1024, 64, 20, 16000),
        "seed": seed,
        "fold": fold,
        "epoch": epoch,
        "step": 10 * epoch,
        "finished": finished,
        "data_version": "1",
        "settings": {"epochs": 4},
        "scores": scores,
        "best_score": None,
        "best_epoch": 3 if epoch >= 3 else None,
        "commit": "c0ffee",
        "seconds": 5400.0,
        "model": {"weight": torch.zeros(1)},
    }
    save_checkpoint(Checkpoint(**values | changes), folder / f"{name}.last.pt")
