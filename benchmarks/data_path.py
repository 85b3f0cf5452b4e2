#!/usr/bin/env python3
"""What a training clip costs before the network sees it: seconds of one core, stage by stage.

    python benchmarks/data_path.py --competition FOLDER --prepared FOLDER

FOLDERs are a competition and what the prepare kernel made of it, with a cache. Prints a Markdown table.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from birdlib.augmentation.batch import Batch  # noqa: E402
from birdlib.augmentation.recipe import Augmentation  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.data.clips import Clips  # noqa: E402
from birdlib.data.prepared import Prepared  # noqa: E402
from birdlib.frontend.mel import FrontEnd, MelSpectrogram  # noqa: E402
from birdlib.models.parts import mel_of_parts  # noqa: E402
from kernelgen.recipe import load_project  # noqa: E402

CLIPS, REPEATS = 16, 6  # of a batch, and batches


def milliseconds_of_a_clip(work: Callable[[int], object]) -> float:
    """Of one core; the first batch is left out, since it allocates."""
    work(0)
    started = time.process_time()
    for number in range(1, REPEATS + 1):
        work(number)
    return 1000 * (time.process_time() - started) / (REPEATS * CLIPS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--competition", type=Path, required=True)
    parser.add_argument("--prepared", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    kernels = load_project(ROOT).kernels
    recipe = kernels["train"].settings
    prepared = Prepared.read(options.prepared, CompetitionFiles(options.competition))
    rows = np.random.default_rng(0).permutation(len(prepared.recordings))
    usual = {"sample_rate": 32_000, "window_seconds": 5, "crop": "random", "padding": "cyclic", "seed": 0}
    lines = []
    for name, cache in (("random 5 s of a file, by seeking", None), ("the same from the cache", prepared.cache)):
        if name.startswith("the same") and cache is None:
            continue
        clips = Clips(prepared, rows, **usual)
        clips._cache = cache
        lines.append((name, milliseconds_of_a_clip(lambda number, c=clips: read(c, number))))
    clips = Clips(prepared, rows, **usual)
    waves, targets = (torch.from_numpy(one) for one in read(clips, 0))
    batch = Batch(waves, targets, torch.ones_like(targets))
    for kernel in ("train", "mini-train"):
        settings = kernels[kernel].settings
        front_end = FrontEnd(**{name: settings[name] for name in FrontEnd.__dataclass_fields__})
        mel = MelSpectrogram(front_end)
        shape = " x ".join(map(str, front_end.shape[1:]))
        lines.append((f"mel spectrogram of {shape} ({kernel})", milliseconds_of_a_clip(lambda _, m=mel: m(waves))))
        mels = Batch(mel(waves), targets, torch.ones_like(targets))
        if kernel == "train":
            for step in recipe["augmentations"]:
                lines.append((f"{step['name']} ({kernel})", augmenting(step, batch, mels)))
            double = Augmentation([recipe["augmentations"][0] | {"p": 1.0}]).waves(batch, torch.Generator())
            parts = double.input.shape[1] // front_end.samples
            spent = milliseconds_of_a_clip(lambda _, m=mel, w=double.input, p=parts: mel_of_parts(m, w, p))
            lines.append((f"mel spectrogram of a clip that concatmix made {parts} times as long", spent))
    print(f"| stage, {len(prepared.recordings)} recordings | ms of one core for a clip |\n| --- | ---: |")
    print(*(f"| {name} | {spent:.2f} |" for name, spent in lines), sep="\n")
    return 0


def read(clips: Clips, number: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch as the loader makes it: waves float32 [CLIPS, samples], targets float32 [CLIPS, classes]."""
    items = [clips[number, (number * CLIPS + one) % len(clips)] for one in range(CLIPS)]
    return np.stack([item[0] for item in items]), np.stack([item[1] for item in items])


def augmenting(step: dict, waves: Batch, mels: Batch) -> float:
    """Of one step where it is applied."""
    augmentation = Augmentation([step | {"p": 1.0}])
    generator = torch.Generator().manual_seed(0)
    if augmentation.wave_steps:
        return milliseconds_of_a_clip(lambda _: augmentation.waves(waves, generator))
    return milliseconds_of_a_clip(lambda _: augmentation.mels(mels, generator))


if __name__ == "__main__":
    sys.exit(main())
