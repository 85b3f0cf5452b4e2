#!/usr/bin/env python3
"""What a training clip costs before the network sees it: time of one core, stage by stage, reading to augmentation.

    python benchmarks/data_path.py [--competition FOLDER --prepared FOLDER]

FOLDERs are a competition and what the prepare kernel made of it, with a cache; without them a small competition is
made from nothing. Prints a Markdown table, and how many clips a core prepares by the recipe of `train`: all stages,
each step of the augmentation as often as it is applied.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from birdlib.augmentation.augmentation_context import AugmentationContext  # noqa: E402
from birdlib.augmentation.batch import Batch  # noqa: E402
from birdlib.augmentation.recipe import Augmentation  # noqa: E402
from birdlib.augmentation.steps import WAVES  # noqa: E402
from birdlib.competition.editions import edition  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.data.clips import Clips  # noqa: E402
from birdlib.data.preparation import prepare  # noqa: E402
from birdlib.data.prepared import Prepared  # noqa: E402
from birdlib.demo.competition import make_competition  # noqa: E402
from birdlib.frontend.mel import FrontEnd, MelSpectrogram  # noqa: E402
from birdlib.models.parts import mel_of_parts  # noqa: E402
from kernelgen.recipe import load_project  # noqa: E402

CLIPS, REPEATS = 16, 6  # of a batch, and batches
MADE = {"seed": 0, "species": 6, "recordings_per_species": 8, "broken_files": 0}
MADE |= {"soundscapes": 1, "soundscape_seconds": 10}
CONTEXT = AugmentationContext(32_000, Path)


def milliseconds_of_a_clip(work: Callable[[int], object]) -> float:
    """Of one core; the first batch is left out, since it allocates."""
    work(0)
    started = time.process_time()
    for number in range(1, REPEATS + 1):
        work(number)
    return 1000 * (time.process_time() - started) / (REPEATS * CLIPS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--competition", type=Path)
    parser.add_argument("--prepared", type=Path)
    options = parser.parse_args()
    if (options.competition is None) != (options.prepared is None):
        parser.error("--competition and --prepared go together")
    torch.set_num_threads(1)
    if options.competition is not None:
        measure(options.competition, options.prepared)
        return 0
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        competition, prepared = Path(folder, "competition"), Path(folder, "prepared")
        with contextlib.redirect_stdout(sys.stderr):
            make_competition(competition, **MADE)
            prepare(CompetitionFiles(competition, edition("demo")), prepared, cache_gigabytes=0.1, workers=1)
        measure(competition, prepared)
    return 0


def measure(competition: Path, folder: Path) -> None:
    """Prints the table. folder: the prepare kernel's output."""
    kernels = load_project(ROOT).kernels
    recipe = kernels["train"].settings
    prepared = Prepared.read(folder, CompetitionFiles(competition, edition("demo")))
    table = prepared.clip_table(np.random.default_rng(0).permutation(len(prepared.recordings)))
    usual = {"sample_rate": 32_000, "window_seconds": 5, "crop": "random", "padding": "cyclic", "seed": 0}
    lines, reading = [], []
    for name, cache in (("random 5 s of a file, by seeking", None), ("the same from the cache", prepared.cache)):
        if name.startswith("the same") and cache is None:
            continue
        clips = Clips(replace(table, cache=cache), **usual)
        reading.append(milliseconds_of_a_clip(lambda number, c=clips: read(c, number)))
        lines.append((name, reading[-1]))
    clips = Clips(table, **usual)
    waves, targets = (torch.from_numpy(one) for one in read(clips, 0))
    batch = Batch(waves, targets, torch.ones_like(targets))
    after_reading = 0.0
    for kernel in ("train", "mini-train"):
        settings = kernels[kernel].settings
        front_end = FrontEnd.from_dict({name: settings[name] for name in FrontEnd.__dataclass_fields__})
        mel = MelSpectrogram(front_end)
        shape = " x ".join(map(str, front_end.shape[1:]))
        once = milliseconds_of_a_clip(lambda _, m=mel: m(waves))
        lines.append((f"mel spectrogram of {shape} ({kernel})", once))
        mels = Batch(mel(waves), targets, torch.ones_like(targets))
        if kernel == "train":
            after_reading += once
            for step in recipe["augmentations"]:
                spent = augmenting(step, batch, mels)
                lines.append((f"{step['name']} ({kernel})", spent))
                after_reading += step["p"] * spent
            first = recipe["augmentations"][0]
            double = Augmentation([first | {"p": 1.0}], CONTEXT).waves(batch, torch.Generator())
            parts = double.input.shape[1] // front_end.samples
            spent = milliseconds_of_a_clip(lambda _, m=mel, w=double.input, p=parts: mel_of_parts(m, w, p))
            lines.append((f"mel spectrogram of a clip that concatmix made {parts} times as long", spent))
            after_reading += first["p"] * (spent - once)
    print(f"| stage, {len(prepared.recordings)} recordings | ms of one core for a clip |\n| --- | ---: |")
    print(*(f"| {name} | {spent:.2f} |" for name, spent in lines), sep="\n")
    print()
    for name, spent in zip(("by seeking", "from the cache"), reading, strict=False):
        whole = spent + after_reading
        print(f"the recipe of `train`, read {name}: {whole:.1f} ms for a clip, {1000 / whole:.0f} clips/s of one core")
    print(f"where there is a GPU, {after_reading:.1f} ms of that are its own work; the rest is the loader's workers'")


def read(clips: Clips, number: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch as the loader makes it: waves float32 [CLIPS, samples], targets float32 [CLIPS, classes]."""
    items = [clips[number, (number * CLIPS + one) % len(clips)] for one in range(CLIPS)]
    return np.stack([item[0] for item in items]), np.stack([item[1] for item in items])


def augmenting(step: dict, waves: Batch, mels: Batch) -> float:
    """Of one step where it is applied."""
    augmentation = Augmentation([step | {"p": 1.0}], CONTEXT)
    generator = torch.Generator().manual_seed(0)
    if augmentation.steps[0].takes == WAVES:
        return milliseconds_of_a_clip(lambda _: augmentation.waves(waves, generator))
    return milliseconds_of_a_clip(lambda _: augmentation.mels(mels, generator))


if __name__ == "__main__":
    sys.exit(main())
