#!/usr/bin/env python3
"""Which front end and which mixing learn best: small models from ImageNet's weights on real sounds.

    python build_kernels.py --target imagenet-lite0
    python benchmarks/recipe.py --audio FOLDER --minutes 240 --jobs 2

FOLDER holds birdfield, birdmini and esc10. One question after the other: three normalisations under the seed's sumix;
then, with the one that is best on birdfield's folds, five ways of mixing. Every arm has three seeds. birdfield's folds
(by recordist) decide; ESC-10's folds, birdmini's soundscapes and birdfield's test recordings judge what they decided.

One model at a time on one core (--jobs of them side by side). Each writes its predictions to a file of its own; a later
call goes on from there. Prints Markdown tables, --report only those of what is there.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from timm.utils import ModelEmaV3

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from listening import band_statistics, floor_model  # noqa: E402
from recipe_data import SAMPLE_RATE, TASKS, Task, load_task  # noqa: E402

from birdlib.augmentation.augmentation_context import AugmentationContext  # noqa: E402
from birdlib.frontend.mel import FrontEnd, MelSpectrogram  # noqa: E402
from birdlib.frontend.normalisation import Normalisation  # noqa: E402
from birdlib.metrics.intervals import ends_of, group_draws  # noqa: E402
from birdlib.metrics.ranking import MACRO_ROC_AUC  # noqa: E402
from birdlib.models.architectures import BirdModel, build_model  # noqa: E402
from birdlib.models.pretrained import load_pretrained  # noqa: E402
from birdlib.training.objective import Objective  # noqa: E402
from birdlib.training.optimiser import build_optimiser  # noqa: E402
from birdlib.training.randomness import order_generator  # noqa: E402

FRONT_END = FrontEnd(SAMPLE_RATE, 5, n_fft=2048, hop_length=1024, n_mels=64, f_min=20, f_max=16000)
NORMALISATIONS = {
    "window": {"name": "window"},
    "fixed": {"name": "fixed", "mean": -40.0, "deviation": 20.0},
    "band_median": {"name": "band_median", "deviation": 10.0},
}
SUMIX = {"name": "sumix", "p": 1.0, "low": 0.3, "high": 1.0}
CONCATMIX = {"name": "concatmix", "p": 0.5, "length": "doubled"}
MIXUP, CUTMIX = {"name": "mixup", "p": 1.0, "alpha": 1.5}, {"name": "cutmix", "p": 0.5, "alpha": 1.5}
SEED = "sumix saturating"  # as the authors have it
MIXINGS = {
    SEED: [SUMIX | {"curve": "saturating"}],
    "none": [],
    "mixup": [MIXUP],
    "sumix relative": [SUMIX | {"curve": "relative"}],
    "all four steps": [CONCATMIX, SUMIX | {"curve": "saturating"}, MIXUP, CUTMIX],
}
BASELINE = ("log-mel statistics, logistic regression", "")
DECIDES = "birdfield"
BATCH = 16
SHARE_OF_STEPS = {"esc10": 0.4}  # its ten classes are learnt sooner
LEARNING_RATE, WEIGHT_DECAY, EMA_DECAY = 1e-3, 1e-2, 0.99

Arm = tuple[str, str]  # normalisation and mixing


@dataclass(frozen=True)
class Options:
    """What a model depends on beside its cell.

    Attributes:
        weights: the folder of ImageNet's; None for random ones.
        until: the time at which no model begins any more.
    """

    audio: Path
    out: Path
    weights: Path | None
    architecture: str
    steps: int
    until: float


@dataclass(frozen=True)
class Cell:
    """One model: what it learns, how, and the file of its predictions."""

    task: str
    arm: Arm
    seed: int
    fold: int | str

    def file(self, options: Options) -> Path:
        start = "imagenet" if options.weights else "random"
        name = "-".join((self.task, *self.arm, f"seed{self.seed}", f"fold{self.fold}"))
        folder = options.out / f"{options.architecture}-{start}-{options.steps}"
        return folder / f"{name.replace(' ', '_').replace(',', '')}.npy"


# ---------------------------------------------------------------- one model


def run(cell: Cell, options: Options) -> bool:
    """Train a cell's model and write its rows' probabilities; False where the time is over. In a process of its own."""
    if time.time() > options.until:
        return False
    torch.set_num_threads(1)
    started = time.perf_counter()
    task = _task(cell.task, options)
    predict = fit_floor(task, cell.fold) if cell.arm == BASELINE else train(task, cell, options)
    scores = predictions(task, cell.fold, predict)
    file = cell.file(options)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".part")
    with temporary.open("wb") as out:
        np.save(out, scores)
    os.replace(temporary, file)
    print(f"{file.stem}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return True


@cache
def _task(name: str, options: Options) -> Task:
    return load_task(name, options.audio, options.out / "audio")


def fit_floor(task: Task, fold: int | str):
    """What needs no network, learnt from windows spread over the recordings: windows to probabilities."""
    learnt = task.learnt(fold)
    pairs = [(recording, start) for recording in learnt for start in task.audio.spread(recording)]
    windows = [task.audio.window(recording, start) for recording, start in pairs]
    model = floor_model().fit(band_statistics(windows, FRONT_END), task.primary[[recording for recording, _ in pairs]])

    def predict(waves: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(waves), len(task.classes)), np.float32)
        scores[:, model.classes_] = model.predict_proba(band_statistics(waves, FRONT_END))
        return scores

    return predict


def train(task: Task, cell: Cell, options: Options):
    """Train by the recipe at a constant rate; the moving average of the weights: windows to probabilities."""
    normalisation, mixing = cell.arm
    front_end = replace(FRONT_END, normalisation=Normalisation.of(NORMALISATIONS[normalisation]))
    mel = MelSpectrogram(front_end)
    torch.manual_seed(cell.seed)
    head = {"name": "pooled", "dropout": 0.3}
    model = build_model(options.architecture, head, len(task.classes), channels=1)
    model = model.to(memory_format=torch.channels_last)  # 1.5 times as fast on a CPU with AVX-512
    if options.weights:
        load_pretrained(model, options.architecture, options.weights)
    context = AugmentationContext(SAMPLE_RATE, Path)
    objective = Objective(
        MIXINGS[mixing], [{"name": "bce"}], context, mel, Accelerator(cpu=True), seed=cell.seed, teacher=None
    )
    optimiser = build_optimiser(
        model.train(), learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=[0.9, 0.999]
    )
    average = ModelEmaV3(model, decay=EMA_DECAY, use_warmup=True, warmup_power=3 / 4)
    steps = round(options.steps * SHARE_OF_STEPS.get(task.name, 1.0))
    for step, (waves, targets) in enumerate(_batches(task, cell, steps)):
        objective(model, waves, targets, torch.ones_like(targets), {}, step=step, micro_batch=0).backward()
        optimiser.step()
        optimiser.zero_grad()
        average.update(model, step + 1)
    return _predictor(average.module.eval(), mel)


def _batches(task: Task, cell: Cell, steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Waves float32 [BATCH, samples] and targets [BATCH, classes], every recording once an epoch."""
    learnt, epoch, waiting = task.learnt(cell.fold), 0, np.empty(0, int)
    for step in range(steps):
        while len(waiting) < BATCH:
            order = order_generator(cell.seed, epoch).permutation(learnt)
            waiting, epoch = np.concatenate([waiting, order]), epoch + 1
        rows, waiting = waiting[:BATCH], waiting[BATCH:]
        random = np.random.default_rng([cell.seed, step])
        waves = np.stack([task.audio.random_window(row, random) for row in rows])
        yield torch.from_numpy(waves), torch.from_numpy(task.targets[rows])


def _predictor(model: BirdModel, mel: MelSpectrogram):
    @torch.inference_mode()
    def predict(waves: np.ndarray) -> np.ndarray:
        return model.scores(mel(torch.from_numpy(waves))).double().sigmoid().numpy()

    return predict


def predictions(task: Task, fold: int | str, predict) -> np.ndarray:
    """Probabilities of the rows that a fold's model is judged by, float64 [rows, classes], in the order of rows."""
    rows = task.rows(fold)
    windows = task.windows[np.isin(task.windows[:, 0], rows)]
    scores = []
    for part in np.array_split(windows, -(-len(windows) // BATCH)):
        scores.append(predict(np.stack([task.judge.window(recording, start) for _, recording, start in part])))
    scores = np.concatenate(scores)
    return np.stack([task.pool(scores[windows[:, 0] == row], axis=0) for row in rows])


# ---------------------------------------------------------------- all of them


def complete(cells: Sequence[Cell], options: Options, pool: ProcessPoolExecutor) -> bool:
    """Run the cells that have no file yet; whether all have one."""
    pending = [pool.submit(run, cell, options) for cell in cells if not cell.file(options).exists()]
    return all([one.result() for one in pending])


def cells_of(task: Task, arms: Sequence[Arm], seeds: int) -> list[Cell]:
    """Seed after seed, so that every arm has as many if the time is over; the baseline has one."""
    return [
        Cell(task.name, arm, seed, fold)
        for seed in range(1, seeds + 1)
        for arm in arms
        if arm != BASELINE or seed == 1
        for fold in task.models
    ]


@dataclass(frozen=True)
class Judged:
    """An arm's models of one seed against the truth, the mean over its folds.

    A fold by itself, since probabilities of two models need not mean the same.

    Attributes:
        auc: macro ROC-AUC.
        hits: share of the rows whose highest score is a class that is there.
        draws: of ``auc``, float64 [draws], the same resamples of groups for every arm.
    """

    auc: float
    hits: float
    draws: np.ndarray


def judge(task: Task, arm: Arm, seed: int, options: Options) -> Judged | None:
    """None where a model is missing."""
    files = {fold: Cell(task.name, arm, seed, fold).file(options) for fold in task.models}
    if not all(file.exists() for file in files.values()):
        return None
    auc, hits, draws = [], [], []
    for fold, file in files.items():
        rows, scores = task.rows(fold), np.load(file)
        truth = task.truth[rows]
        auc.append(MACRO_ROC_AUC(truth, scores))
        hits.append(truth[np.arange(len(rows)), scores.argmax(1)].mean())
        draws.append(MACRO_ROC_AUC.draws(truth, scores, group_draws(np.array(task.groups)[rows])))
    return Judged(float(np.mean(auc)), float(np.mean(hits)), np.mean(draws, axis=0))


def judged(task: Task, arms: Sequence[Arm], seeds: int, options: Options) -> dict[Arm, list[Judged]]:
    """Of each arm its seeds whose models are all there, where there is any."""
    several = {arm: [judge(task, arm, seed, options) for seed in range(1, seeds + 1)] for arm in arms}
    return {arm: kept for arm, all_seeds in several.items() if (kept := [one for one in all_seeds if one])}


def mean_auc(several: Sequence[Judged]) -> float:
    return float(np.mean([one.auc for one in several]))


def table(task: Task, arms: Sequence[Arm], seeds: int, options: Options) -> str:
    """A row for each arm: its seeds, and its difference from the first one with the interval over the groups."""
    lines = [
        f"\n| {task.name}: normalisation, mixing | seeds | macro ROC-AUC | first class is right | difference, 95 % |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    found = judged(task, arms, seeds, options)
    first = next((several for arm, several in found.items() if arm != BASELINE), None)
    for arm, several in found.items():
        difference = ""
        if first is not None and several is not first:
            apart = np.mean([one.draws for one in several], axis=0) - np.mean([one.draws for one in first], axis=0)
            low, high = ends_of(apart)
            difference = f"{mean_auc(several) - mean_auc(first):+.3f} ({low:+.3f} to {high:+.3f})"
        values = [one.auc for one in several]
        spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
        name, hits = ", ".join(part for part in arm if part), np.mean([one.hits for one in several])
        lines.append(f"| {name} | {len(values)} | {np.mean(values):.3f}{spread} | {hits:.3f} | {difference} |")
    return "\n".join(lines)


def questions(options: Options, seeds: int) -> Iterator[tuple[str, list[Arm]]]:
    """The arms of each question; the second one's follow from what the first one found."""
    first = [(name, SEED) for name in NORMALISATIONS]
    yield "Which normalisation, under the seed's sumix?", [BASELINE, *first]
    found = judged(_task(DECIDES, options), first, seeds, options)
    best, _ = max(found, key=lambda arm: mean_auc(found[arm]))
    yield f"Which mixing, under {best}?", [(best, mixing) for mixing in MIXINGS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="holds birdfield, birdmini and esc10")
    parser.add_argument("--weights", type=Path, default=ROOT / "datasets" / "imagenet-lite0", help="ImageNet's")
    parser.add_argument("--minutes", type=float, default=240.0, help="after which no model begins")
    parser.add_argument("--jobs", type=int, default=2, help="models side by side, a core each")
    parser.add_argument("--steps", type=int, default=500, help=f"of {BATCH} clips")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--tasks", nargs="+", choices=TASKS, default=list(TASKS), help=f"{DECIDES} decides, in any case"
    )
    parser.add_argument("--architecture", default="tf_efficientnet_lite0")
    parser.add_argument("--random", action="store_true", help="without ImageNet's weights")
    parser.add_argument("--report", action="store_true", help="train nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "recipe", help="default: %(default)s")
    chosen = parser.parse_args()
    until = 0.0 if chosen.report else time.time() + 60 * chosen.minutes
    weights = None if chosen.random else chosen.weights.absolute()
    options = Options(chosen.audio, chosen.out.absolute(), weights, chosen.architecture, chosen.steps, until)
    asked = []
    with ProcessPoolExecutor(chosen.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for title, arms in questions(options, chosen.seeds):
            asked.append((title, arms))
            if not complete(cells_of(_task(DECIDES, options), arms, chosen.seeds), options, pool):
                break
        for name in chosen.tasks:
            for _, arms in asked:
                complete(cells_of(_task(name, options), arms, chosen.seeds), options, pool)
    lines = []
    for title, arms in asked:
        lines.append(f"\n## {title}")
        for name in dict.fromkeys((DECIDES, *chosen.tasks)):
            lines.append(table(_task(name, options), arms, chosen.seeds, options))
    print("\n".join(lines))
    print(
        f"\n{options.architecture}, {options.steps} steps of {BATCH} clips, {FRONT_END.shape[1]} x {FRONT_END.shape[2]}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
