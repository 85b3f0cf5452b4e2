#!/usr/bin/env python3
"""A preparation at the size of BirdCLEF 2023: 16,941 recordings of 264 classes by some 2,200 people.

The metadata is as long as the real one, the audio is not: recordings of a second, of which no two are the same but
for some copies. Prints a table of seconds and memory, stage by stage; `--recordings 2000` for a quick look.
"""

import argparse
import pickle
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from birdlib.competition.editions import edition  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.data.clips import Clips  # noqa: E402
from birdlib.data.preparation import prepare  # noqa: E402
from birdlib.data.prepared import Prepared  # noqa: E402
from birdlib.demo.ogg import write_ogg  # noqa: E402

RATE = 32_000
PEOPLE = 2200
BROKEN, COPIES = 1 / 400, 1 / 300  # shares of the recordings


class Memory(threading.Thread):
    """Samples this process's resident memory fifty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process()
        self.samples: list[tuple[float, int]] = []
        self.start()

    def run(self) -> None:
        while True:
            self.samples.append((time.perf_counter(), self.process.memory_info().rss))
            time.sleep(0.02)

    def peak(self, start: float, end: float) -> int:
        """The largest sample of a stretch of time, and of the one before it."""
        before = [rss for at, rss in self.samples if at <= start][-1:]
        return max(before + [rss for at, rss in self.samples if start <= at <= end])


def make_metadata(recordings: int, classes: int) -> pd.DataFrame:
    """Few common birds and many rare ones, few busy recordists and many who sent one recording."""
    random = np.random.default_rng(2023)
    popularity = np.minimum(1 / np.arange(1, classes + 1) ** 1.5, 0.02)
    # Each class has one recording at least.
    labels = [*range(classes), *random.choice(classes, recordings - classes, p=popularity / popularity.sum())]
    names = [f"class{label:03d}" for label in labels]
    business = 1 / np.arange(10, PEOPLE + 10)
    people = random.choice(PEOPLE, recordings, p=business / business.sum())
    rows = []
    for number, (name, person) in enumerate(zip(names, people, strict=True)):
        others = random.choice(classes, random.integers(1, 4), replace=False) if random.random() < 0.2 else []
        rows.append(
            {
                "primary_label": name,
                "secondary_labels": str([f"class{other:03d}" for other in others]),
                "latitude": round(person % 90 + random.integers(20) / 100, 4),
                "longitude": round(person % 180 + 0.5, 4),
                "author": f"Recordist {person}" if random.random() < 0.98 else "",
                "filename": f"{name}/XC{100_000 + number}.ogg",
            }
        )
    return pd.DataFrame(rows)


def make_competition(folder: Path, recordings: int, classes: int, seconds: float) -> pd.DataFrame:
    metadata = make_metadata(recordings, classes)
    metadata.to_csv(folder / "train_metadata.csv", index=False)
    names = sorted(metadata["primary_label"].unique())
    pd.DataFrame([["soundscape_1_5", *[0.0] * classes]], columns=["row_id", *names]).to_csv(
        folder / "sample_submission.csv", index=False
    )
    for name in names:
        (folder / "train_audio" / name).mkdir(parents=True)
    paths = [folder / "train_audio" / filename for filename in metadata["filename"]]

    def write(number: int) -> None:
        random = np.random.default_rng(number)
        time_axis = np.arange(round(seconds * RATE)) / RATE
        wave = 0.4 * np.sin(2 * np.pi * random.uniform(500, 9000) * time_axis) + random.normal(0, 0.01, len(time_axis))
        write_ogg(paths[number], wave, RATE)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(recordings)))
    random = np.random.default_rng(0)
    for path in random.choice(np.array(paths), int(recordings * BROKEN), replace=False):
        path.write_bytes(b"not audio")
    for one, other in random.choice(np.array(paths), (int(recordings * COPIES), 2), replace=False):
        shutil.copyfile(one, other)
    return metadata


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=16_941)
    parser.add_argument("--classes", type=int, default=264)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each recording")
    parser.add_argument("--cache-gigabytes", type=float, default=2.0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir="/var/tmp"))
    try:
        started = time.perf_counter()
        make_competition(folder, options.recordings, options.classes, options.seconds)
        print(f"made in {time.perf_counter() - started:.0f} s", flush=True)
        files, out = CompetitionFiles(folder, edition("demo")), folder / "prepared"
        out.mkdir()
        memory = Memory()
        time.sleep(0.1)
        rows = [("(before)", 0.0, memory.samples[-1][1])]

        started = time.perf_counter()
        preparation = prepare(files, out, cache_gigabytes=options.cache_gigabytes)
        for stage, seconds in preparation.seconds.items():
            rows.append((stage, seconds, memory.peak(started, started + seconds)))
            started += seconds

        started = time.perf_counter()
        prepared = Prepared.read(out, files)
        seconds = time.perf_counter() - started
        rows.append(("Read what was prepared", seconds, memory.peak(started, started + seconds)))

        table = prepared.clip_table(prepared.training_rows(0))
        usual = {"sample_rate": RATE, "window_seconds": 5, "crop": "random", "padding": "cyclic", "seed": 0}
        for name, cache in (("1,000 clips from the files", None), ("1,000 clips from the cache", prepared.cache)):
            clips = Clips(replace(table, cache=cache), **usual)
            started = time.perf_counter()
            for position in range(min(1000, len(clips))):
                clips[0, position]
            seconds = time.perf_counter() - started
            rows.append((name, seconds, memory.peak(started, started + seconds)))
        size = len(pickle.dumps(clips))

        print("\n| stage | seconds | resident at most |\n| --- | ---: | ---: |")
        for stage, seconds, peak in rows:
            print(f"| {stage} | {seconds:.2f} | {peak / 1e6:.0f} MB |")
        folds = prepared.recordings["fold"].value_counts().sort_index()
        print(f"\nrecordings in each fold: {folds.to_dict()}; a spawned worker is sent {size / 1e6:.1f} MB")
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
