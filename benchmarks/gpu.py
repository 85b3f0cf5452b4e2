#!/usr/bin/env python3
"""The sections of benchmarks/gpu.sh: what one card does with the recipe of `train`. Each prints a Markdown table."""

import argparse
import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

if "cpu" in sys.argv:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks

import timm
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gpu_steps import DEVICE, Scale, best_precision, per_second, resident_step, scale_of, settle  # noqa: E402
from trainings import front_end_of, settings_of, surroundings_of  # noqa: E402

from birdlib.competition.editions import edition  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.data.preparation import prepare  # noqa: E402
from birdlib.data.prepared import FULL, Prepared  # noqa: E402
from birdlib.demo.competition import make_competition  # noqa: E402
from birdlib.training.clock import SessionClock  # noqa: E402
from birdlib.training.launch import train_members  # noqa: E402
from birdlib.training.log import SUFFIX, read_metrics  # noqa: E402
from birdlib.training.members import Members  # noqa: E402
from birdlib.training.process import Task, accelerator_for, train  # noqa: E402
from birdlib.training.trainer import Trainer  # noqa: E402
from birdlib.weights.checkpoint import checkpoints_in, load_checkpoint  # noqa: E402


def prepare_data(scale: Scale, options: argparse.Namespace) -> None:
    """Say what it is measured on; make the competition where none is given, and prepare it with a cache."""
    name = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "no CUDA card"
    gibibytes = f", {torch.cuda.mem_get_info()[1] / 2**30:.0f} GiB" if DEVICE.type == "cuda" else ""
    print(f"{name}{gibibytes}; {os.cpu_count()} CPUs; torch {torch.__version__}, timm {timm.__version__}")
    print(f"auto precision: {best_precision()}; mels {front_end_of(scale.settings).shape}; device batch {scale.batch}")
    competition = options.competition
    with contextlib.redirect_stdout(sys.stderr):
        if competition is None:
            competition = options.work / "competition"
            make_competition(competition, species=6, recordings_per_species=8, soundscapes=1, soundscape_seconds=10)
        prepare(
            CompetitionFiles(competition, edition("demo")),
            options.work / "prepared",
            cache_gigabytes=4.0,
            max_unreadable=0.1,
        )
    (options.work / "competition.txt").write_text(str(competition.absolute()))
    print(f"{len(_prepared(options).recordings)} recordings of {competition.name}, decoded and cached")


def _prepared(options: argparse.Namespace) -> Prepared:
    competition = Path((options.work / "competition.txt").read_text())
    return Prepared.read(options.work / "prepared", CompetitionFiles(competition, edition("demo")))


def speed(scale: Scale, options: argparse.Namespace) -> None:
    """Clips per second on a resident batch, by architecture, precision and memory format."""
    print("| architecture, precision | contiguous | channels last | channels last, kernels as they come |")
    print("| --- | ---: | ---: | ---: |")
    for architecture, precision in itertools.product(scale.architectures, scale.precisions):
        cells = []
        for channels_last, deterministic in ((False, True), (True, True), (True, False)):
            torch.backends.cudnn.deterministic = deterministic  # as trainings have it
            torch.backends.cudnn.benchmark = not deterministic
            step = resident_step(architecture, scale, precision, channels_last=channels_last, batch=scale.batch)
            cells.append(f"{scale.batch * per_second(step, scale.seconds):.0f}")
        print(f"| {architecture}, {precision} | {' | '.join(cells)} |")
    print(f"\nClips per second of a whole step, {scale.batch} at a time")


def memory(scale: Scale, options: argparse.Namespace) -> None:
    """The largest device batch, from the memory that a clip takes; then one step with nine tenths of it."""
    if DEVICE.type != "cuda":
        print("no CUDA card: nothing to measure")
        return
    free = torch.cuda.mem_get_info()[0]
    print("| architecture | windows of a clip | MiB a clip | largest device batch | nine tenths of it |")
    print("| --- | ---: | ---: | ---: | --- |")
    for architecture, parts in itertools.product(scale.architectures, (1, 2)):
        peaks = [_peak(architecture, scale, batch, parts) for batch in (8, 24)]
        each = (peaks[1] - peaks[0]) / 16
        largest = int((free - peaks[0]) / each) + 8
        try:
            peak = _peak(architecture, scale, int(0.9 * largest), parts)
            told = f"fits, {peak / 2**30:.1f} GiB"
        except torch.OutOfMemoryError:
            told = "does not fit"
        print(f"| {architecture} | {parts} | {each / 2**20:.0f} | {largest} | {told} |")
    print(f"\n{best_precision()}, {free / 2**30:.1f} GiB free; a T4 has 14.6 GiB, concatmix doubles the windows")


def _peak(architecture: str, scale: Scale, batch: int, parts: int) -> int:
    """Bytes that two steps take at most."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    step = resident_step(architecture, scale, best_precision(), channels_last=False, batch=batch, parts=parts)
    step()
    step()
    return torch.cuda.max_memory_allocated()


def compile_model(scale: Scale, options: argparse.Namespace) -> None:
    """torch.compile against none."""
    print(
        "| architecture | eager, clips/s | compiled, clips/s | until the first step, s |\n| --- | ---: | ---: | ---: |"
    )
    for architecture in scale.architectures:
        step = resident_step(architecture, scale, best_precision(), channels_last=True, batch=scale.batch)
        eager = scale.batch * per_second(step, scale.seconds)
        print(f"| {architecture} | {eager:.0f} | ", end="")
        step.model.compile()
        started = time.perf_counter()
        step()
        settle()
        seconds = time.perf_counter() - started
        print(f"{scale.batch * per_second(step, scale.seconds):.0f} | {seconds:.0f} |")


def data(scale: Scale, options: argparse.Namespace) -> None:
    """Real clips from the cache, by the recipe's own loader, against one batch that stays on the device."""
    print("| architecture | workers | resident, clips/s | real, clips/s | share | waiting for clips |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for architecture in scale.architectures:
        resident = None
        for workers in scale.workers:
            step, run = _training_step(architecture, scale, options, workers)
            first = step.first
            if resident is None:
                resident = per_second(lambda s=step, f=first: s(itertools.repeat(f)), scale.seconds)
            run.seconds_waiting, started = 0.0, time.perf_counter()
            real = per_second(lambda s=step: s(s.batches), 2 * scale.seconds)
            waiting = run.seconds_waiting / (time.perf_counter() - started)
            clips = f"{scale.batch * resident:.0f} | {scale.batch * real:.0f}"
            print(f"| {architecture} | {workers} | {clips} | {real / resident:.2f} | {waiting:.0%} |")
    print("\nThe recipe's augmentations and mel spectrograms are part of both.")


def _training_step(architecture: str, scale: Scale, options: argparse.Namespace, workers: int):
    """A step of a real training, which takes the batches that it is given, and the training's stage."""
    torch.backends.cudnn.deterministic = True  # as trainings have it
    changes = {"architecture": architecture, "epochs": 100_000}
    around, wanted = _training(scale, options, options.work / "data", workers, **changes)
    trainer = Trainer(wanted, around, accelerator_for(wanted), seed=1, fold=FULL, teachers=[])
    run, number = trainer.stage_run, itertools.count()

    def step(batches: Iterator) -> None:
        now = next(number)
        run.accumulate(batches, now, lambda: 0.0)
        run.learn(now)
        run.optimiser.zero_grad()
        run.average.update(trainer.model, now)

    step.batches = run.batches(0)
    step.first = _on_device(next(step.batches))
    return step, run


def _on_device(batch: tuple) -> tuple:
    return tuple(part.to(DEVICE) if isinstance(part, torch.Tensor) else part for part in batch)


def _training(scale: Scale, options: argparse.Namespace, folder: Path, workers: int, **changes):
    """What a training of the recipe is asked to do, and where."""
    settings = scale.settings | changes
    folder.mkdir(exist_ok=True)
    around = surroundings_of(_prepared(options), settings, folder)
    return replace(around, workers=workers, pretrained=options.pretrained), settings_of(settings)


class StepsClock(SessionClock):
    """A session that has time for some steps."""

    def __init__(self, steps: int) -> None:
        self.steps, self.closing_seconds = steps, 0.0

    def left(self) -> float:
        self.steps -= 1
        return 1e9 if self.steps > 0 else -1.0


def resume(scale: Scale, options: argparse.Namespace) -> None:
    """A training that is stopped after each of its first steps, against one that never was."""
    ends = {}
    for name, steps in (("whole", (10**6,)), ("stopped", (2, 2, 10**6))):
        epoch = {"name": "weighted", "clips": 3 * scale.batch}
        around, wanted = _training(scale, options, options.work / name, 2, epochs=2, sampler=epoch)
        for allowed in steps:
            with contextlib.redirect_stdout(sys.stderr):
                members = Members(wanted, [1], [FULL])
                train(Task(members, replace(around, clock=StepsClock(allowed)), 1, FULL))
        ends[name] = load_checkpoint(checkpoints_in(around.folder)[0])
    whole, stopped = ends["whole"], ends["stopped"]
    print(
        f"{whole.name}, {whole.step} steps on {DEVICE}, {best_precision()}\n\n| | largest difference |\n| --- | ---: |"
    )
    for part in ("model", "ema"):
        tensors = getattr(whole, part).items()
        apart = max((value.float() - getattr(stopped, part)[key].float()).abs().max().item() for key, value in tensors)
        print(f"| {part} | {apart:.1e} |")


def one_member(scale: Scale, options: argparse.Namespace) -> None:
    """Clips per second of one model, for ``members``."""
    architecture = scale.architectures[0]
    step = resident_step(architecture, scale, best_precision(), channels_last=True, batch=scale.batch)
    print(scale.batch * per_second(step, 2 * scale.seconds))


def members(scale: Scale, options: argparse.Namespace) -> None:
    """Two models on one card, in processes of their own, against one."""
    command = [sys.executable, __file__, "one-member", *sys.argv[2:]]

    def clips(count: int) -> float:
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
        return sum(float(one.communicate()[0].split()[-1]) for one in running)

    alone, both = clips(1), clips(2)
    print("| members | clips/s together | gain |\n| --- | ---: | ---: |")
    print(f"| 1 | {alone:.0f} | |\n| 2 | {both:.0f} | {both / alone:.2f} |")


def train_on(scale: Scale, options: argparse.Namespace) -> None:
    """Train the first architecture for as long as there is, and print what its log says."""
    prepared = _prepared(options)
    fold = 0 if len(prepared.validation_rows(0)) else FULL
    start = "imagenet" if options.pretrained else "random"
    epoch = {"name": "weighted", "clips": 25 * scale.batch}
    changes = {"architecture": scale.architectures[0], "epochs": 1000, "start": {"name": start}, "sampler": epoch}
    around, wanted = _training(scale, options, options.work / "train", max(scale.workers), **changes)
    minutes = options.seconds / 60
    around = replace(around, clock=SessionClock(minutes, min(0.5, minutes / 4)))
    with contextlib.redirect_stdout(sys.stderr):
        train_members(Members(wanted, [1], [fold]), around, 1, threads=2)
    log = next(around.folder.glob(f"*{SUFFIX}"))
    steps, epochs = read_metrics(log)
    print(f"{log.name.removesuffix(SUFFIX)} from {start}: {len(steps)} steps in {steps['seconds'].max():.0f} s")
    columns = ["epoch", "train_loss", "clips_macro_roc_auc", "clips_padded_cmap", "waiting"]
    told = epochs.reindex(columns=columns).iloc[:: max(1, len(epochs) // 8)]
    print(f"\n| {' | '.join(columns)} |\n|{' ---: |' * len(columns)}")
    for row in told.itertuples(index=False):
        print(f"| {' | '.join(f'{value:.3g}' for value in row)} |")


SECTIONS = {
    "prepare": prepare_data,
    "speed": speed,
    "memory": memory,
    "compile": compile_model,
    "data": data,
    "resume": resume,
    "members": members,
    "one-member": one_member,
    "train": train_on,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", choices=SECTIONS)
    parser.add_argument("--work", type=Path, required=True, help="a folder that the sections share")
    parser.add_argument("--seconds", type=float, required=True, help="that this section has")
    parser.add_argument("--competition", type=Path, help="a competition's folder; without it one is made")
    parser.add_argument("--pretrained", type=Path, help="a folder of ImageNet's weights, for `train`")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="sizes for a rehearsal on a CPU")
    options = parser.parse_args()
    SECTIONS[options.section](scale_of(options.tiny), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
