#!/usr/bin/env python3
"""What a cascade costs in score and saves in time: trained models on soundscapes whose truth is known.

    python benchmarks/cascade.py --competition FOLDER --truth soundscape_labels.csv --weights FOLDER [FOLDER ...]

Every model scores every window once; the cascades are then computed from that, for thresholds that leave more and
more windows to the first models alone. Prints a Markdown table.
"""

import argparse
import fnmatch
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from listening import member_scores, task_of  # noqa: E402

from birdlib.competition.rows import ROW_ID  # noqa: E402
from birdlib.competition.table import read_table  # noqa: E402
from birdlib.metrics.ranking import macro_roc_auc, padded_cmap  # noqa: E402
from birdlib.submission.cascade import plan_cascade  # noqa: E402

QUIET_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)


def cascaded(models: list[np.ndarray], first: int, threshold: float, filled: bool) -> tuple[np.ndarray, float]:
    """The ensemble with a cascade, and the share of its windows that all models together were spared.

    Args:
        filled: give spared windows what silence is to each later model; else they get the first models' mean alone.
    """
    ready = np.mean(models[:first], axis=0)
    cascade = plan_cascade(ready, np.ones(len(ready), bool), threshold)
    later = [scores.copy() for scores in models[first:]]
    for scores in later:
        cascade.fill(scores, np.arange(scores.shape[1]))
    mean = np.mean(models[:first] + later, axis=0)
    if not filled:
        mean[cascade.spared] = ready[cascade.spared]
    return mean, len(cascade.spared) * len(later) / (len(ready) * len(models))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--competition", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True, help="soundscape_labels.csv, as the sample is")
    parser.add_argument("--weights", type=Path, required=True, nargs="+", help="of export kernels, strongest first")
    parser.add_argument("--models", default="*", help="a glob: which of them")
    parser.add_argument("--first", type=int, default=1, help="models that score every window")
    options = parser.parse_args()
    task = task_of(options.competition)
    truth = read_table(options.truth).set_index(ROW_ID).loc[list(task.plan.row_ids), list(task.plan.classes)].to_numpy()
    models = [
        scores
        for folder in options.weights
        for name, scores in member_scores(folder, task).items()
        if fnmatch.fnmatchcase(name, options.models)
    ]
    if len(models) <= options.first:
        raise SystemExit(f"{len(models)} models: a cascade needs more than the first {options.first}")
    highest = np.mean(models[: options.first], axis=0).max(axis=1)
    print(f"{len(models)} models, {len(truth)} windows, {(truth.sum(axis=1) == 0).mean():.0%} of them without a call\n")
    print("| quiet | threshold | time saved | cmAP | ROC-AUC | not filled: cmAP | ROC-AUC |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for share in QUIET_SHARES:
        threshold = float(np.quantile(highest, share))
        scores, saved = cascaded(models, options.first, threshold, filled=True)
        plain, _ = cascaded(models, options.first, threshold, filled=False)
        metrics = [f"{metric(truth, one):.3f}" for one in (scores, plain) for metric in (padded_cmap, macro_roc_auc)]
        print(f"| {share:.0%} | {threshold:.3f} | {saved:.0%} | {' | '.join(metrics)} |")
    alone = np.mean(models[: options.first], axis=0)
    print(f"| the first alone | | | {padded_cmap(truth, alone):.3f} | {macro_roc_auc(truth, alone):.3f} | | |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
