"""Small competitions of noise for the tests of the data room."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles

RATE = 32_000


def write_audio(path, seconds, seed, rate=RATE, channels=1):
    """Noise as 16-bit FLAC (whatever the file is called), so that what is read is exactly what was written."""
    wave = np.random.default_rng(seed).uniform(-0.9, 0.9, (round(seconds * rate), channels))
    samples = np.rint(wave * 32767).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", rate, channels, format="FLAC", subtype="PCM_16") as file:
        file.write(samples)
    return samples


class Competition:
    """A competition in a folder: rows are added one by one, then everything is written."""

    def __init__(self, root, classes="abcdef"):
        self.root = root
        self.classes = tuple(classes)
        self.rows = []
        (root / "train_audio").mkdir(parents=True)

    def add(self, filename, *, author="", secondary="[]", place=("", ""), seconds=0.05, seed=None, **audio):
        label = filename.partition("/")[0]
        seed = len(self.rows) if seed is None else seed
        if seconds:
            write_audio(self.root / "train_audio" / filename, seconds, seed, **audio)
        self.rows.append(
            {
                "primary_label": label,
                "secondary_labels": secondary,
                "latitude": place[0],
                "longitude": place[1],
                "author": author,
                "filename": filename,
            }
        )
        return self

    def write(self, metadata="train_metadata.csv", drop=()):
        pd.DataFrame(self.rows).drop(columns=list(drop)).to_csv(self.root / metadata, index=False)
        sample = pd.DataFrame([["soundscape_1_5", *[0.0] * len(self.classes)]], columns=["row_id", *self.classes])
        sample.to_csv(self.root / "sample_submission.csv", index=False)
        return CompetitionFiles(self.root, edition("demo"))


@pytest.fixture
def competition(tmp_path):
    return Competition(tmp_path / "competition")


@pytest.fixture
def ordinary(tmp_path):
    """Six classes with five recordings each, by eight people, of 0.05 to 0.3 s."""
    made = Competition(tmp_path / "ordinary")
    for number in range(30):
        label, other = "abcdef"[number % 6], "abcdef"[(number + 1) % 6]
        secondary = f"['{other}']" if number % 3 == 0 else "[]"
        author = f"Person {(number * 5) % 8}"
        made.add(f"{label}/XC{number}.ogg", author=author, secondary=secondary, seconds=0.05 + 0.25 * (number % 2))
    return made.write()


@pytest.fixture(name="write_audio")
def _write_audio():
    """The function; int16 [samples, channels] of noise comes back."""
    return write_audio
